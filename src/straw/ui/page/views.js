// What the main part shows: the overview, one run, several side by side, a sweep. Each view is made once and then kept
// up to date, so that focus and scrolling stay where they are.
import { Chart, sparkline, swatch } from "./chart.js";
import { age, ask, badge, el, kept, number, redrawn, short, sign, STATES, steps, table, titled, value, whole } from "./parts.js";
import { curve, known, watch } from "./page.js";
import { eventsTab, pageTab, samplesTab } from "./tabs.js";

let view = null; // { rows(changed), points(), remove() }

export function draw(main, place) {
  const made = { run: runView, compare: compareView, sweep: sweepView }[place.view] ?? homeView;
  if (view?.kept?.(place)) return;
  view?.remove?.();
  view = made(main, place);
}

export function refreshed(what, changed) { view?.[what]?.(changed); }

const heading = (title, ...more) => el("div", { class: "heading" }, el("a", { class: "back", href: "#/" }, "‹ Runs"), el("h1", {}, title), more);
const nothing = (text) => el("p", { class: "nothing" }, text);

// --- series of charts: x is the step, the episodes or the seconds; the latter two are curves of their own

const AXES = { episodes: "episodes", step: "steps", time_s: "seconds" };

function along(id, stepsOf, axis) {
  if (axis === "step") return stepsOf;
  const scale = curve(id, axis);
  if (!scale?.steps.length) return stepsOf;
  let i = 0;
  return stepsOf.map((step) => {
    while (i < scale.steps.length - 2 && scale.steps[i + 1] < step) i++;
    const [a, b] = [scale.steps[i], scale.steps[i + 1] ?? scale.steps[i]];
    const share = b > a ? (step - a) / (b - a) : 0;
    return scale.values[i] + share * ((scale.values[i + 1] ?? scale.values[i]) - scale.values[i]);
  });
}

function seriesOf(ids, metric, axis, style) {
  return ids.flatMap((id) => {
    const found = curve(id, metric);
    return found?.steps.length ? [{ id, ...style(id), xs: along(id, found.steps, axis), ys: found.values, stride: found.stride }] : [];
  });
}

// The charts of some metrics over some runs, with the switches that they share.
class Panel {
  constructor({ ids, metrics, names, style, tall, ceiling, key }) {
    Object.assign(this, { ids, names, style, tall, ceiling, key });
    this.axis = kept.get("axis") ?? "episodes";
    this.log = false;
    this.charts = new Map();
    this.grid = el("div", { class: tall ? "charts wide" : "charts" });
    this.picker = el("div", { class: "picker" });
    this.node = el("section", { "aria-label": "curves" }, this.tools(), this.grid);
    this.choose(metrics);
  }

  tools() {
    const axis = el("select", { "aria-label": "horizontal axis", onchange: (event) => { this.axis = event.target.value; kept.set("axis", this.axis); this.listen(); this.points(); } },
      Object.entries(AXES).map(([name, title]) => el("option", { value: name, selected: name === this.axis }, title)));
    const log = el("input", { type: "checkbox", onchange: (event) => { this.log = event.target.checked; this.points(); } });
    const search = el("input", { type: "search", placeholder: "which numbers", "aria-label": "search the numbers", oninput: () => this.list(search.value) });
    this.search = search;
    this.more = el("details", { class: "more", ontoggle: () => this.list(search.value) }, el("summary", {}, "Numbers"), search, this.picker);
    return el("div", { class: "tools" }, el("label", {}, "against ", axis), el("label", {}, log, " log"), this.more);
  }

  list(words) {
    if (!this.more.open) return;
    const found = this.names().filter((name) => name.toLowerCase().includes(words.toLowerCase()));
    this.picker.replaceChildren(...found.slice(0, 300).map((name) => el("label", {},
      el("input", { type: "checkbox", checked: this.charts.has(name), onchange: () => this.toggle(name) }), ` ${titled(name)}`)), found.length ? "" : nothing("no number has such a name"));
  }

  toggle(name) {
    const names = [...this.charts.keys()];
    this.choose(this.charts.has(name) ? names.filter((one) => one !== name) : [...names, name].slice(-9));
    kept.set(this.key, [...this.charts.keys()].join(" "));
  }

  choose(metrics) {
    for (const [name, chart] of this.charts) if (!metrics.includes(name)) { chart.remove(); chart.node.remove(); this.charts.delete(name); }
    for (const name of metrics) {
      if (this.charts.has(name)) continue;
      const chart = new Chart({ title: titled(name), tall: this.tall, ceiling: name === "bits_known" ? this.ceiling?.() : undefined });
      this.charts.set(name, chart);
      this.grid.append(chart.node);
    }
    this.listen();
    this.points();
  }

  listen() { watch(this.ids, [...new Set([...this.charts.keys(), ...(this.axis === "step" ? [] : [this.axis])])]); }

  points() {
    for (const [name, chart] of this.charts) chart.show(seriesOf(this.ids, name, this.axis, this.style), { x: AXES[this.axis] ?? "steps", log: this.log });
  }

  remove() { for (const chart of this.charts.values()) chart.remove(); }
}

// --- the overview

function homeView(main) {
  const tiles = el("div", { class: "tiles" }), cards = el("div", { class: "cards" }), sweeps = el("div", { class: "sweeps" }), care = el("div", {});
  main.replaceChildren(el("h1", { class: "unseen" }, "Overview"), tiles, cards, sweeps, care);
  const made = { rows: () => redrawn(main, rows), kept: (place) => !["run", "compare", "sweep"].includes(place.view) };
  function rows() {
    const all = [...known.rows.values()];
    const running = all.filter((row) => row.state === "running");
    tiles.replaceChildren(...STATES.map((state) => [state, all.filter((row) => row.state === state).length]).filter(([state, count]) => count || state === "running")
      .map(([state, count]) => el("div", { class: "tile" }, el("span", { class: "count" }, whole(count)), el("span", {}, sign(state), ` ${state}`))));
    const shown = (running.length ? running : all).slice().sort((a, b) => (b.changed ?? 0) - (a.changed ?? 0) || (b.started ?? 0) - (a.started ?? 0)).slice(0, 12);
    cards.replaceChildren(...(shown.length ? [el("h2", {}, running.length ? "Running now" : "The last that changed"), el("div", { class: "grid" }, shown.map(card))] : [nothing(known.reading ? "reading the runs …" : "No run in this folder yet. One that begins shows up here by itself.")]));
    const names = [...new Set(all.filter((row) => row.sweep !== null).map((row) => row.sweep))];
    sweeps.replaceChildren(...(names.length ? [el("h2", {}, "Sweeps"), ...names.slice(0, 20).map((name) => sweepCard(name, all.filter((row) => row.sweep === name)))] : []));
    const worry = all.filter((row) => row.problem || row.alarms || row.state === "failed").slice(0, 30);
    care.replaceChildren(...(worry.length ? [el("h2", {}, "To look at"), el("ul", { class: "worries" }, worry.map((row) => el("li", {}, el("a", { href: `#/run/${row.id}/events` }, row.name), " ", badge(row.state),
      row.alarms ? el("span", { class: "alarms" }, ` ▲ ${row.alarms} ${row.alarms === 1 ? "alarm" : "alarms"}`) : null, row.problem ? el("span", { class: "soft" }, ` ${row.problem}`) : null)))] : []));
  }
  const card = (row) => el("a", { class: "card", href: `#/run/${row.id}` }, el("span", { class: "first" }, sign(row.state), el("span", { class: "name" }, short(row))),
    sparkline(row.spark, { width: 220, height: 48, ceiling: row.ceiling }), el("span", { class: "second" }, el("span", {}, `${titled(row.measured)} ${value(row)}`), el("span", { class: "soft" }, steps(row))));
  rows();
  watch([], []);
  return made;
}

function sweepCard(name, rows) {
  const count = (state) => rows.filter((row) => row.state === state).length;
  return el("a", { class: "sweep-card", href: `#/sweep/${encodeURIComponent(name || ".")}` }, el("span", { class: "name" }, name || "this folder"),
    el("progress", { max: rows.length, value: count("done"), "aria-hidden": "true" }), el("span", { class: "soft" }, `${count("done")} of ${rows.length} done${count("running") ? `, ${count("running")} running` : ""}${count("failed") ? `, ${count("failed")} failed` : ""}`));
}

// --- one run

const FIRST = ["bits_known", "accuracy", "reward", "kl", "entropy", "loss", "grad_norm"]; // shown where a run has them

function runView(main, place) {
  const id = place.what, row = () => known.rows.get(id);
  if (!row()) { main.replaceChildren(heading("No such run"), nothing("It is not in this folder, or not any more.")); return {}; }
  const state = el("span", {}), facts = el("dl", { class: "facts" }), body = el("div", { class: "tab", id: "tab", role: "tabpanel" });
  const care = el("p", { class: "problem", hidden: true });
  const tabs = el("div", { class: "tabs", role: "tablist", "aria-label": "what of the run", onkeydown: walkTabs });
  let tab = null, told = null;
  main.replaceChildren(heading(short(row()), state), el("p", { class: "path" }, `${row().name} · ${row().what}`), care, facts, tabs, body);

  async function show(name) {
    tab?.remove?.();
    tabs.replaceChildren(...Object.entries(TABS).map(([key, [title]]) => el("a", { role: "tab", href: `#/run/${id}/${key}`, "aria-selected": String(key === name), "aria-controls": "tab", tabindex: key === name ? 0 : -1 }, title)));
    made.tab = name;
    const mine = {};
    tab = mine;
    body.replaceChildren();
    try {
      told = await ask(`/api/run?id=${id}`);
      if (tab === mine) { tab = TABS[name][1](body, id, told) ?? {}; }
    } catch (problem) { body.replaceChildren(el("p", { class: "problem" }, problem.message)); }
  }

  function rows(changed) {
    const now = row();
    if (!now) return;
    state.replaceChildren(badge(now.state));
    care.hidden = !now.problem;
    care.textContent = now.problem;
    facts.replaceChildren(...[[titled(now.measured), value(now)], ["reward, late", number(now.reward)], ["steps", steps(now)], ["episodes", whole(now.episodes)], ["started", age(now.started)], ["alarms", now.alarms ? `▲ ${now.alarms}` : "none"]]
      .flatMap(([name, said]) => el("div", {}, el("dt", {}, name), el("dd", {}, said))));
    if (changed?.has(id)) tab?.rows?.();
  }

  const made = {
    rows, points: () => tab?.points?.(), remove: () => tab?.remove?.(),
    kept(next) {
      if (next.view !== "run" || next.what !== id) return false;
      if ((next.tab || "curves") !== made.tab) show(TABS[next.tab] ? next.tab : "curves");
      return true;
    },
  };
  rows();
  show(TABS[place.tab] ? place.tab : "curves");
  return made;
}

function walkTabs(event) {
  if (!["ArrowLeft", "ArrowRight"].includes(event.key)) return;
  const all = [...event.currentTarget.children], place = all.indexOf(event.target);
  const next = all[(place + (event.key === "ArrowRight" ? 1 : all.length - 1)) % all.length];
  event.preventDefault();
  const { currentTarget: list } = event;
  next.click();
  setTimeout(() => list.querySelector("[aria-selected=true]")?.focus());
}

const TABS = { curves: ["Curves", curvesTab], samples: ["Rollouts", samplesTab], events: ["Events", eventsTab], page: ["Page", pageTab] };

function curvesTab(body, id, told) {
  const mine = (kept.get("metrics") ?? "").split(" ").filter((name) => told.metrics.includes(name));
  const first = FIRST.filter((name) => told.metrics.includes(name) || name === told.measured).slice(0, 6);
  const panel = new Panel({
    ids: [id], metrics: mine.length ? mine : first.length ? first : ["reward"], names: () => told.metrics, key: "metrics",
    style: () => ({ label: "", colour: 0, dash: 0 }), ceiling: () => known.rows.get(id)?.ceiling ?? undefined,
  });
  const last = el("details", { class: "lasts" }, el("summary", {}, `The last of all ${told.metrics.length} numbers`));
  const values = () => ask(`/api/run?id=${id}`).then((now) => last.replaceChildren(last.firstChild, table("last values", ["number", "last"], now.metrics.map((name) => [name, number(now.last[name])]), "numbers")));
  last.addEventListener("toggle", () => { if (last.open) values(); });
  body.append(panel.node, last);
  return { points: () => panel.points(), remove: () => panel.remove(), rows: () => { if (last.open) values(); } };
}

// --- several side by side

function compareView(main, place) {
  const ids = place.what.split(",").filter((id) => known.rows.has(id));
  if (ids.length < 2) { main.replaceChildren(heading("Compare"), nothing("Mark two runs or more in the list: x, or the box beside a run.")); return {}; }
  const body = el("div", {});
  main.replaceChildren(heading(`${ids.length} runs side by side`), body);
  let panel = null, numbers = null;
  const side = () => el("div", {}, table("numbers", ["run", "state", "steps", "episodes", "reward, late", "at the end"],
    ids.map((id) => known.rows.get(id)).filter(Boolean).map((row) => [el("a", { href: `#/run/${row.id}` }, row.name), badge(row.state), steps(row), whole(row.episodes), number(row.reward), `${titled(row.measured)} ${value(row)}`])));
  ask(`/api/compare?runs=${ids.join(",")}`).then((told) => {
    const styles = new Map(told.runs.map((one) => [one.id, one]));
    const metrics = ["bits_known", "accuracy", "reward", "kl", "entropy"].filter((name) => told.metrics.includes(name)).slice(0, 4);
    panel = new Panel({ ids, metrics: metrics.length ? metrics : ["reward"], names: () => told.metrics, style: (id) => styles.get(id), tall: true, key: "compared", ceiling: () => ceilingOf(ids) });
    body.replaceChildren(legend(told.runs), panel.node, el("h2", {}, "Numbers"), (numbers = side()), el("h2", {}, "Options that differ"),
      told.options.length ? table("options that differ", ["option", ...told.runs.map((one) => one.label)], told.options.map((one) => [one.name, ...one.values.map((text) => text || "–")])) : nothing("none"));
  }).catch((problem) => body.replaceChildren(el("p", { class: "problem" }, problem.message)));
  return { points: () => panel?.points(), remove: () => panel?.remove(), rows() { if (numbers) redrawn(body, () => { const next = side(); numbers.replaceWith(next); numbers = next; }); } };
}

const ceilingOf = (ids) => ids.map((id) => known.rows.get(id)?.ceiling).find((one) => typeof one === "number");
const legend = (runs) => el("ul", { class: "legend", "aria-label": "what the lines are" }, runs.map((one) => el("li", {}, swatch(one.colour, one.dash), el("a", { href: `#/run/${one.id}`, title: one.name }, one.label))));

// --- a sweep: conditions times seeds

function sweepView(main, place) {
  const name = place.what === "." ? "" : place.what;
  const mine = () => [...known.rows.values()].filter((row) => row.sweep === name);
  const state = el("p", { class: "path", role: "status" }), grid = el("div", {}), curves = el("div", {});
  main.replaceChildren(heading(name.split("/").pop() || "this folder"), state, grid, curves);
  let panel = null, ids = "", cells = new Map(), shape = "";

  function rows() {
    const all = mine(), count = (one) => all.filter((row) => row.state === one).length;
    state.textContent = `${name || "this folder"} · ${all.length} runs · ${STATES.filter(count).map((one) => `${count(one)} ${one}`).join(", ")}`;
    const conditions = [...new Set(all.map((row) => row.condition))].sort(), seeds = [...new Set(all.map((row) => row.seed))].sort((a, b) => a - b);
    const now = JSON.stringify([conditions, seeds]);
    if (now !== shape) { shape = now; build(conditions, seeds); }
    const high = ceilingOf(all.map((row) => row.id)) ?? Math.max(...all.map((row) => row.value ?? 0), 1e-9);
    for (const row of all) fill(cells.get(`${row.condition} ${row.seed}`), row, high);
    const next = all.map((row) => row.id).sort().join(",");
    if (next !== ids && all.length) { ids = next; drawCurves(all); }
  }

  function build(conditions, seeds) {
    cells = new Map(conditions.flatMap((condition) => seeds.map((seed) => [`${condition} ${seed}`, el("td", { class: "cell" }, el("span", { class: "soft", title: "not begun" }, "·"))])));
    grid.replaceChildren(el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "conditions and seeds" },
      el("table", { class: "sweep-grid" }, el("caption", { class: "unseen" }, "conditions and seeds"),
        el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "condition"), seeds.map((seed) => el("th", { scope: "col" }, seed)))),
        el("tbody", {}, conditions.map((condition) => el("tr", {}, el("th", { scope: "row" }, condition), seeds.map((seed) => cells.get(`${condition} ${seed}`))))))));
  }

  function fill(cell, row, high) {
    const told = JSON.stringify([row.state, row.value, row.alarms]);
    if (!cell || cell.dataset.told === told) return;
    cell.dataset.told = told;
    const share = Math.max(0, Math.min(8, Math.round((8 * (row.value ?? 0)) / high)));
    const said = `${row.condition}, seed ${row.seed}: ${row.state}, ${titled(row.measured)} ${value(row)}, step ${steps(row)}${row.alarms ? `, ${row.alarms} alarms` : ""}`;
    const isFocused = cell.contains(document.activeElement);
    cell.replaceChildren(el("a", { href: `#/run/${row.id}`, class: `share${share}`, title: said, "aria-label": said }, sign(row.state), el("span", {}, number(row.value)), row.alarms ? el("span", { class: "alarms" }, "▲") : null));
    if (isFocused) cell.firstChild.focus();
  }

  function drawCurves(all) {
    const some = all.slice(0, 240).map((row) => row.id);
    ask(`/api/compare?runs=${some.join(",")}&by=condition`).then((told) => {
      const styles = new Map(told.runs.map((one) => [one.id, one])), seen = new Set();
      const metric = ["bits_known", "accuracy", "reward"].find((one) => told.metrics.includes(one)) ?? "reward";
      const chosen = panel ? [...panel.charts.keys()] : [metric];
      panel?.remove();
      panel = new Panel({ ids: some, metrics: chosen, names: () => told.metrics, style: (id) => styles.get(id) ?? {}, tall: true, key: "sweep", ceiling: () => ceilingOf(some) });
      curves.replaceChildren(legend(told.runs.filter((one) => !seen.has(one.label) && seen.add(one.label))), panel.node);
    }).catch((problem) => curves.replaceChildren(el("p", { class: "problem" }, problem.message)));
  }

  rows();
  return { rows, points: () => panel?.points(), remove: () => panel?.remove() };
}
