// What the main part shows: the overview, one run, several side by side, a sweep. Each view is made once and then kept
// up to date, so that focus and scrolling stay where they are.
import { sparkline } from "./chart.js";
import { ceilingOf, legend, Panel } from "./panel.js";
import {
  ask,
  badge,
  el,
  heading,
  nothing,
  number,
  redrawn,
  short,
  sign,
  STATES,
  steps,
  table,
  titled,
  value,
  whole,
} from "./parts.js";
import { known, watch } from "./page.js";
import { runView } from "./run.js";
import { sweepView } from "./sweep.js";

let view = null; // { rows(changed), points(), remove() }

export function draw(main, place) {
  const made = { run: runView, compare: compareView, sweep: sweepView }[place.view] ?? homeView;
  if (view?.kept?.(place)) return;
  view?.remove?.();
  view = made(main, place);
}

export function refreshed(what, changed) {
  view?.[what]?.(changed);
}

// --- the overview

function homeView(main) {
  const tiles = el("div", { class: "tiles" }),
    cards = el("div", { class: "cards" }),
    sweeps = el("div", { class: "sweeps" }),
    care = el("div", {});
  main.replaceChildren(el("h1", { class: "unseen" }, "Overview"), tiles, cards, sweeps, care);
  const made = { rows: () => redrawn(main, rows), kept: (place) => !["run", "compare", "sweep"].includes(place.view) };
  function rows() {
    const all = [...known.rows.values()];
    const running = all.filter((row) => row.state === "running");
    tiles.replaceChildren(
      ...STATES.map((state) => [state, all.filter((row) => row.state === state).length])
        .filter(([state, count]) => count || state === "running")
        .map(([state, count]) =>
          el(
            "div",
            { class: "tile" },
            el("span", { class: "count" }, whole(count)),
            el("span", {}, sign(state), ` ${state}`),
          ),
        ),
    );
    const shown = (running.length ? running : all)
      .slice()
      .sort((a, b) => (b.changed ?? 0) - (a.changed ?? 0) || (b.started ?? 0) - (a.started ?? 0))
      .slice(0, 12);
    cards.replaceChildren(
      ...(shown.length
        ? [
            el("h2", {}, running.length ? "Running now" : "The last that changed"),
            el("div", { class: "grid" }, shown.map(card)),
          ]
        : [
            nothing(
              known.reading
                ? "reading the runs …"
                : "No run in this folder yet. One that begins shows up here by itself.",
            ),
          ]),
    );
    const names = [...new Set(all.filter((row) => row.sweep !== null).map((row) => row.sweep))];
    sweeps.replaceChildren(
      ...(names.length
        ? [
            el("h2", {}, "Sweeps"),
            ...names.slice(0, 20).map((name) =>
              sweepCard(
                name,
                all.filter((row) => row.sweep === name),
              ),
            ),
          ]
        : []),
    );
    const worry = all.filter((row) => row.problem || row.alarms || row.state === "failed").slice(0, 30);
    care.replaceChildren(
      ...(worry.length
        ? [
            el("h2", {}, "To look at"),
            el(
              "ul",
              { class: "worries" },
              worry.map((row) =>
                el(
                  "li",
                  {},
                  el("a", { href: `#/run/${row.id}/events` }, row.name),
                  " ",
                  badge(row.state),
                  row.alarms
                    ? el("span", { class: "alarms" }, ` ▲ ${row.alarms} ${row.alarms === 1 ? "alarm" : "alarms"}`)
                    : null,
                  row.problem ? el("span", { class: "soft" }, ` ${row.problem}`) : null,
                ),
              ),
            ),
          ]
        : []),
    );
  }
  const card = (row) =>
    el(
      "a",
      { class: "card", href: `#/run/${row.id}` },
      el("span", { class: "first" }, sign(row.state), el("span", { class: "name" }, short(row))),
      sparkline(row.spark, { width: 220, height: 48, ceiling: row.ceiling }),
      el(
        "span",
        { class: "second" },
        el("span", {}, `${titled(row.measured)} ${value(row)}`),
        el("span", { class: "soft" }, steps(row)),
      ),
    );
  rows();
  watch([], []);
  return made;
}

function sweepCard(name, rows) {
  const count = (state) => rows.filter((row) => row.state === state).length;
  return el(
    "a",
    { class: "sweep-card", href: `#/sweep/${encodeURIComponent(name || ".")}` },
    el("span", { class: "name" }, name || "this folder"),
    el("progress", { max: rows.length, value: count("done"), "aria-hidden": "true" }),
    el(
      "span",
      { class: "soft" },
      `${count("done")} of ${rows.length} done${count("running") ? `, ${count("running")} running` : ""}${count("failed") ? `, ${count("failed")} failed` : ""}`,
    ),
  );
}

// --- several side by side

function compareView(main, place) {
  const ids = place.what.split(",").filter((id) => known.rows.has(id));
  if (ids.length < 2) {
    main.replaceChildren(heading("Compare"), nothing("Mark two runs or more in the list: x, or the box beside a run."));
    return {};
  }
  const body = el("div", {});
  main.replaceChildren(heading(`${ids.length} runs side by side`), body);
  let panel = null,
    numbers = null;
  const side = () =>
    el(
      "div",
      {},
      table(
        "numbers",
        ["run", "state", "steps", "episodes", "reward, late", "at the end"],
        ids
          .map((id) => known.rows.get(id))
          .filter(Boolean)
          .map((row) => [
            el("a", { href: `#/run/${row.id}` }, row.name),
            badge(row.state),
            steps(row),
            whole(row.episodes),
            number(row.reward),
            `${titled(row.measured)} ${value(row)}`,
          ]),
      ),
    );
  ask(`/api/compare?runs=${ids.join(",")}`)
    .then((told) => {
      const styles = new Map(told.runs.map((one) => [one.id, one]));
      const metrics = ["bits_known", "accuracy", "eval_reward", "reward", "kl", "entropy"]
        .filter((name) => told.metrics.includes(name))
        .slice(0, 4);
      panel = new Panel({
        ids,
        metrics: metrics.length ? metrics : ["reward"],
        names: () => told.metrics,
        style: (id) => styles.get(id),
        tall: true,
        key: "compared",
        ceiling: () => ceilingOf(ids),
      });
      body.replaceChildren(
        legend(told.runs),
        panel.node,
        el("h2", {}, "Numbers"),
        (numbers = side()),
        el("h2", {}, "Options that differ"),
        told.options.length
          ? table(
              "options that differ",
              ["option", ...told.runs.map((one) => one.label)],
              told.options.map((one) => [one.name, ...one.values.map((text) => text || "–")]),
            )
          : nothing("none"),
      );
    })
    .catch((problem) => body.replaceChildren(el("p", { class: "problem" }, problem.message)));
  return {
    points: () => panel?.points(),
    remove: () => panel?.remove(),
    rows() {
      if (numbers)
        redrawn(body, () => {
          const next = side();
          numbers.replaceWith(next);
          numbers = next;
        });
    },
  };
}
