// The page: what is known of the runs, where one is, what is new, and what keys do.
import { ask, el, kept } from "./parts.js";
import { draw, refreshed } from "./views.js";
import { RunList } from "./list.js";

const at = (id) => document.getElementById(id);
const root = document.documentElement;

// --- what is known

export const known = { rows: new Map(), curves: new Map(), version: 0, reading: 0, marked: new Set() };

export function curve(id, metric) {
  return known.curves.get(`${id} ${metric}`);
}

function takeRows(told) {
  known.version = told.version;
  known.reading = told.reading;
  // What has not changed of a row is not told again.
  for (const row of told.runs) known.rows.set(row.id, { ...known.rows.get(row.id), ...row });
  for (const id of told.removed) {
    known.rows.delete(id);
    known.marked.delete(id);
  }
  list.update();
  refreshed("rows", new Set(told.runs.map((row) => row.id)));
}

// The server tells a curve from the first point that may have changed.
export function takePoints(told) {
  for (const { id, metric, from, steps, values, stride } of told) {
    const mine = known.curves.get(`${id} ${metric}`) ?? { steps: [], values: [] };
    mine.steps.splice(from, Infinity, ...steps);
    mine.values.splice(from, Infinity, ...values);
    mine.stride = stride;
    known.curves.set(`${id} ${metric}`, mine);
  }
  refreshed("points");
}

// --- what is new: one stream, of what this view needs; none while nobody looks

let stream = null,
  watched = "",
  waiting = null;

export function watch(ids, metrics) {
  const asked = new URLSearchParams([
    ["runs", ids.slice(0, 240).join(",")],
    ...metrics.map((one) => ["metric", one]),
  ]).toString();
  if (asked === watched && stream) return;
  watched = asked;
  clearTimeout(waiting);
  waiting = setTimeout(open, 30); // where several parts of a view ask, one after the other
}

function open() {
  close();
  if (document.hidden) return;
  stream = new EventSource(`/api/stream?${watched}&version=${known.version}`);
  stream.addEventListener("open", () => tell("live"));
  stream.addEventListener("runs", (event) => takeRows(JSON.parse(event.data)));
  stream.addEventListener("points", (event) => takePoints(JSON.parse(event.data)));
  stream.addEventListener("error", (event) => {
    tell("lost");
    if (event.target.readyState === EventSource.CLOSED && event.target === stream)
      setTimeout(() => event.target === stream && open(), 5000);
  });
}

function close() {
  stream?.close();
  stream = null;
}

const WORDS = { live: "live", lost: "no answer, trying again", paused: "paused", connecting: "connecting" };

function tell(state) {
  at("live").textContent = WORDS[state];
  at("live").dataset.state = state;
}

document.addEventListener("visibilitychange", () => {
  if (!document.hidden) return open();
  close();
  tell("paused");
});
window.addEventListener("pagehide", close);

// --- light and dark

const LIGHTS = { auto: "◐", light: "○", dark: "●" };

function setLight(light) {
  if (light === "auto") delete root.dataset.light;
  else root.dataset.light = light;
  const said = light === "auto" ? "as the system has it" : light;
  at("light").replaceChildren(LIGHTS[light], el("span", { class: "word" }, ` ${light}`));
  at("light").setAttribute("aria-label", `light: ${said}. Press for the next`);
  kept.set("light", light);
}

at("light").addEventListener("click", () => {
  const names = Object.keys(LIGHTS);
  setLight(names[(names.indexOf(root.dataset.light ?? "auto") + 1) % names.length]);
});
setLight(LIGHTS[kept.get("light")] ? kept.get("light") : "auto");

// --- where one is

export const place = () => {
  const [, view = "", what = "", tab = ""] = location.hash.split("/");
  return { view, what: decodeURIComponent(what), tab };
};

export const go = (hash) => {
  location.hash = hash;
};

function arrive() {
  const { view } = place();
  document.body.dataset.view = view || "home";
  draw(at("main"), place());
  list.update();
  list.reveal();
}

window.addEventListener("hashchange", () => {
  const { view, what } = place();
  const moved = `${view} ${what}` !== arrive.last;
  arrive.last = `${view} ${what}`;
  arrive();
  if (moved && view) {
    at("main").focus({ preventScroll: true });
    at("main").scrollTo(0, 0);
    window.scrollTo(0, 0);
  }
});

// --- keys

const KEYS = [
  ["/", "search"],
  ["↑ ↓", "walk through the list"],
  ["→ ←", "open and close a sweep in the list"],
  ["Enter", "open"],
  ["x", "mark the run for comparison"],
  ["c", "compare the marked runs"],
  ["1 2 3 4", "curves, rollouts, events, page of a run"],
  ["← →", "in a chart or among tokens: read values"],
  ["l", "change the light"],
  ["Esc", "back: from search, dialog, run, overview"],
  ["?", "these keys"],
];

function help() {
  at("help").replaceChildren(
    el("h2", { id: "help-title" }, "Keys"),
    el(
      "dl",
      {},
      KEYS.map(([key, what]) => [el("dt", {}, el("kbd", {}, key)), el("dd", {}, what)]),
    ),
    el("form", { method: "dialog" }, el("button", { type: "button", onclick: () => at("help").close() }, "Close")),
  );
  at("help").showModal();
}

at("keys").addEventListener("click", help);

const TABS = ["curves", "samples", "events", "page"];

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || at("help").open) return;
  const isTyping = event.target.matches("input:not([type=checkbox]):not([type=radio]), select, textarea");
  if (event.key === "Escape") return back(event);
  if (isTyping) return;
  const { view, what } = place();
  const act =
    {
      "/": () => {
        at("search").focus();
        at("search").select();
      },
      "?": help,
      l: () => at("light").click(),
      x: () => list.mark(list.current()),
      c: () => list.compare(),
    }[event.key] ??
    (view === "run" && TABS[Number(event.key) - 1] ? () => go(`#/run/${what}/${TABS[Number(event.key) - 1]}`) : null);
  if (act) {
    event.preventDefault();
    act();
  } else if (["ArrowDown", "ArrowUp"].includes(event.key) && [document.body, at("main")].includes(event.target)) {
    event.preventDefault();
    list.focus();
  }
});

function back(event) {
  if (event.target === at("search") && at("search").value) {
    at("search").value = "";
    list.update();
    return;
  }
  if (event.target === at("search")) return list.focus();
  if (place().view) {
    go("#/");
    list.focus();
  }
}

// --- begin

export const list = new RunList(at("runs"), at("search"), at("states"), at("marked"));

ask("/api/runs")
  .then((told) => {
    at("root").textContent = told.root;
    at("root").title = told.root;
    takeRows(told);
    arrive.last = `${place().view} ${place().what}`;
    arrive();
    root.dataset.ready = "yes";
  })
  .catch((problem) => {
    tell("lost");
    at("main").replaceChildren(el("p", { class: "problem" }, problem.message));
  });
