// The server's page: what it serves, who trains what, how fast, and what can be taken away. It asks once a second while
// somebody looks; rates are made of counts that only grow.
import { age, ask, clock, el, kept, nothing, number, redrawn, table, whole } from "./parts.js";
import { Chart, sparkline, swatch } from "./chart.js";

const at = (id) => document.getElementById(id);
const EVERY_MS = 1000, KEPT = 300, COLOURS = 8, MOST_LINES = 24;

// --- rates

const history = []; // { time, sampled, prompt, trained }: counts as they were

function remember(state) {
  const { sampled_tokens: sampled, prompt_tokens: prompt, trained_tokens: trained } = state.counts;
  const last = history.at(-1);
  if (last && (sampled < last.sampled || trained < last.trained)) history.length = 0; // the server began again
  if (!last || state.time > last.time) history.push({ time: state.time, sampled, prompt, trained });
  if (history.length > KEPT) history.shift();
}

// Per second, over the last few moments; nothing is known from one look.
function rate(name, until = history.length - 1, span = 3) {
  const now = history[until], then = history[Math.max(0, until - span)];
  return now && then && now.time > then.time ? (now[name] - then[name]) / (now.time - then.time) : null;
}

// --- parts of the page

const charts = {};
const colours = new Map(); // of a tenant, for as long as the page is open
const colour = (id) => {
  if (!colours.has(id)) colours.set(id, colours.size);
  return { colour: colours.get(id) % COLOURS, dash: Math.floor(colours.get(id) / COLOURS) % 5 };
};

export function bytes(value) {
  if (typeof value !== "number") return "–";
  for (const [size, unit] of [[2 ** 30, "GB"], [2 ** 20, "MB"], [2 ** 10, "kB"]])
    if (value >= size) return `${number(value / size)} ${unit}`;
  return `${whole(value)} B`;
}

const fact = (name, value) => el("div", {}, el("dt", {}, name), el("dd", {}, value));
const tile = (value, name) => el("div", { class: "tile" }, el("span", { class: "count" }, value), name);
const brief = (value) => (value >= 1e6 ? `${number(value / 1e6)} M` : whole(value));

function drawHead(state) {
  const { served } = state;
  document.title = `${served.name} · straw serve`;
  at("root").textContent = location.host;
  at("name").textContent = served.name;
  at("also").textContent = served.any_name ? "answers to every name" : served.names.length ? `also ${served.names.join(", ")}` : "";
  at("facts").replaceChildren(
    fact("architecture", served.arch),
    fact("parameters", brief(served.num_parameters)),
    fact("context", whole(served.max_context_length)),
    fact("vocabulary", whole(served.vocabulary)),
    fact("began", age(state.started)),
    fact("straw", state.version),
  );
  at("note").hidden = !state.note;
  at("note").textContent = state.note;
  at("connect").textContent = state.connect.join("\n");
}

function drawTiles(state) {
  const { now } = state;
  at("tiles").replaceChildren(
    tile(number(rate("sampled")), "tokens written per second"),
    tile(number(rate("trained")), "tokens trained per second"),
    tile(whole(now.writing), "replies being written"),
    tile(whole(now.waiting), "requests waiting"),
    tile(whole(now.sessions), now.sessions === 1 ? "client" : "clients"),
    tile(bytes(now.resident_bytes), `memory, ${whole(now.models_in_memory)} models in it`),
    tile(bytes(now.store_bytes), "checkpoints on the disk"),
    tile(whole(state.counts.errors), "errors"),
  );
}

const chart = (id, place, options) => {
  if (!charts[id]) at(place).append((charts[id] = new Chart(options)).node);
  return charts[id];
};

const SPEEDS = { sampled: "written", prompt: "prompts read", trained: "trained" };

function drawSpeed() {
  const lines = Object.entries(SPEEDS).map(([name, label], colour) => {
    const xs = [], ys = [];
    for (let i = 1; i < history.length; i++) {
      xs.push(history[i].time - history.at(-1).time);
      ys.push(rate(name, i) ?? 0);
    }
    return { id: name, label, colour, dash: colour, xs, ys };
  });
  chart("speed", "speed", { title: "tokens per second" }).show(lines, { x: "second" });
}

at("speeds").append(...Object.values(SPEEDS).map((label, i) => el("li", {}, swatch(i, i), label)));

const LEARNED = { loss: "loss per token", reward: "reward (mean advantage where none is known)" };

function drawLearned(tenants) {
  for (const [name, title] of Object.entries(LEARNED)) {
    const lines = tenants.slice(0, MOST_LINES).map((one) => {
      const points = one.curve.steps.map((step, i) => [step, one.curve[name][i]]).filter((point) => point[1] !== null);
      return { id: one.id, label: called(one), ...colour(one.id), xs: points.map((p) => p[0]), ys: points.map((p) => p[1]) };
    });
    chart(name, "learn", { title }).show(lines, { x: "step" });
  }
}

const called = (tenant) => tenant.label || tenant.id;
const latest = (values) => values.findLast((one) => one !== null);
const SIGNS = { training: "●", waiting: "◌", idle: "○", "on disk": "▫", closed: "■" };

// A table whose cells know their heads, so that a phone shows each row as a card.
function carded(caption, heads, rows) {
  const node = table(caption, heads, rows);
  for (const row of node.querySelectorAll("tbody tr"))
    row.querySelectorAll("td").forEach((cell, i) => cell.setAttribute("data-head", heads[i + 1]));
  return node;
}

function drawTenants(tenants) {
  const place = at("tenants");
  if (!tenants.length) return place.replaceChildren(nothing("Nobody trains here yet. The lines below connect a program."));
  const rows = tenants.map((one) => [
    el("span", { class: "names" }, swatch(colour(one.id).colour, colour(one.id).dash), el("b", {}, called(one)),
      el("span", { class: "soft" }, one.label ? one.id : "")),
    el("span", {}, el("span", { class: `sign ${one.state === "training" ? "running" : ""}`, "aria-hidden": "true" }, SIGNS[one.state] ?? "○"), ` ${one.state}`),
    one.owner,
    one.rank ? `rank ${one.rank}` : "all weights",
    whole(one.step),
    brief(one.num_trained_tokens),
    number(latest(one.curve.loss)),
    number(latest(one.curve.reward)),
    sparkline(one.curve.loss.filter((value) => value !== null)),
    age(one.last_request),
  ]);
  const heads = ["model", "state", "key", "trains", "step", "tokens", "loss", "reward", "loss so far", "last asked"];
  redrawn(place, () => place.replaceChildren(carded("training models", heads, rows)));
}

let shownCheckpoints = "";

function drawCheckpoints(checkpoints) {
  const told = JSON.stringify(checkpoints);
  if (told === shownCheckpoints) return; // somebody may be marking a line
  shownCheckpoints = told;
  if (!checkpoints.length) return at("checkpoints").replaceChildren(nothing("No checkpoint is kept."));
  const rows = checkpoints.map((one) => [
    el("code", {}, one.path),
    one.kind,
    clock(one.time),
    bytes(one.size_bytes),
    one.expires ? clock(one.expires) : "never",
    one.export ? line(one.export) : "",
  ]);
  at("checkpoints").replaceChildren(carded("checkpoints", ["path", "kind", "time (UTC)", "size", "expires", "export"], rows));
}

const line = (text) => el("span", { class: "line" }, el("code", {}, text), copy(() => text));

function copy(text) {
  const button = el("button", { type: "button", class: "copy", onclick: put }, "copy");
  async function put() {
    try {
      await navigator.clipboard.writeText(text());
      button.textContent = "copied";
    } catch {
      button.textContent = "mark it by hand"; // without a secure context there is no clipboard
    }
    setTimeout(() => (button.textContent = "copy"), 2000);
  }
  return button;
}

// --- once a second

let failed = 0;

function say(state, text) {
  at("live").dataset.state = state;
  if (at("live").textContent !== text) at("live").textContent = text;
}

async function look() {
  if (document.hidden && history.length) return;
  try {
    const state = await ask("/api/state");
    failed = 0;
    remember(state);
    drawHead(state);
    drawTiles(state);
    drawSpeed();
    drawLearned(state.tenants);
    drawTenants(state.tenants);
    drawCheckpoints(state.checkpoints);
    say("live", "live");
    document.documentElement.dataset.ready = "yes";
  } catch (error) {
    failed += 1;
    say("lost", failed > 1 ? `lost: ${error.message}` : "lost");
  }
}

async function always() {
  await look();
  setTimeout(always, Math.min(EVERY_MS * 2 ** Math.min(failed, 4), 16000));
}

// --- light

const LIGHTS = ["auto", "light", "dark"];

function light(name) {
  const chosen = LIGHTS.includes(name) ? name : "auto";
  if (chosen === "auto") delete document.documentElement.dataset.light;
  else document.documentElement.dataset.light = chosen;
  at("light").lastChild.textContent = ` ${chosen}`;
  at("light").setAttribute("aria-label", `light: ${chosen === "auto" ? "as the system has it" : chosen}`);
  kept.set("light", chosen);
}

at("light").addEventListener("click", () => light(LIGHTS[(LIGHTS.indexOf(kept.get("light") ?? "auto") + 1) % 3]));
light(kept.get("light"));
at("connect").after(copy(() => at("connect").textContent));
document.addEventListener("visibilitychange", look);
always();
