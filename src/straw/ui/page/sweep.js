// A sweep as it fills: conditions times seeds, and the curves of all of them.
import { ceilingOf, legend, Panel } from "./panel.js";
import { ask, el, heading, number, sign, STATES, steps, titled, value } from "./parts.js";
import { known } from "./page.js";

const rest = (row) => `step ${steps(row)}${row.alarms ? `, ${row.alarms} alarms` : ""}`;

export function sweepView(main, place) {
  const name = place.what === "." ? "" : place.what;
  const mine = () => [...known.rows.values()].filter((row) => row.sweep === name);
  const state = el("p", { class: "path", role: "status" }),
    grid = el("div", {}),
    curves = el("div", {});
  main.replaceChildren(heading(name.split("/").pop() || "this folder"), state, grid, curves);
  let panel = null,
    ids = "",
    cells = new Map(),
    shape = "";

  function rows() {
    const all = mine(),
      count = (one) => all.filter((row) => row.state === one).length;
    state.textContent = `${name || "this folder"} · ${all.length} runs · ${STATES.filter(count)
      .map((one) => `${count(one)} ${one}`)
      .join(", ")}`;
    const conditions = [...new Set(all.map((row) => row.condition))].sort(),
      seeds = [...new Set(all.map((row) => row.seed))].sort((a, b) => a - b);
    const now = JSON.stringify([conditions, seeds]);
    if (now !== shape) {
      shape = now;
      build(conditions, seeds);
    }
    const high = ceilingOf(all.map((row) => row.id)) ?? Math.max(...all.map((row) => row.value ?? 0), 1e-9);
    for (const row of all) fill(cells.get(`${row.condition} ${row.seed}`), row, high);
    const next = all
      .map((row) => row.id)
      .sort()
      .join(",");
    if (next !== ids && all.length) {
      ids = next;
      drawCurves(all);
    }
  }

  function build(conditions, seeds) {
    cells = new Map(
      conditions.flatMap((condition) =>
        seeds.map((seed) => [
          `${condition} ${seed}`,
          el("td", { class: "cell" }, el("span", { class: "soft", title: "not begun" }, "·")),
        ]),
      ),
    );
    grid.replaceChildren(
      el(
        "div",
        { class: "scroll", tabindex: 0, role: "region", "aria-label": "conditions and seeds" },
        el(
          "table",
          { class: "sweep-grid" },
          el("caption", { class: "unseen" }, "conditions and seeds"),
          el(
            "thead",
            {},
            el(
              "tr",
              {},
              el("th", { scope: "col" }, "condition"),
              seeds.map((seed) => el("th", { scope: "col" }, seed)),
            ),
          ),
          el(
            "tbody",
            {},
            conditions.map((condition) =>
              el(
                "tr",
                {},
                el("th", { scope: "row" }, condition),
                seeds.map((seed) => cells.get(`${condition} ${seed}`)),
              ),
            ),
          ),
        ),
      ),
    );
  }

  function fill(cell, row, high) {
    const told = JSON.stringify([row.state, row.value, row.alarms]);
    if (!cell || cell.dataset.told === told) return;
    cell.dataset.told = told;
    const share = Math.max(0, Math.min(8, Math.round((8 * (row.value ?? 0)) / high)));
    const said = `${row.condition}, seed ${row.seed}: ${row.state}, ${titled(row.measured)} ${value(row)}, ${rest(row)}`;
    const isFocused = cell.contains(document.activeElement);
    cell.replaceChildren(
      el(
        "a",
        { href: `#/run/${row.id}`, class: `share${share}`, title: said, "aria-label": said },
        sign(row.state),
        el("span", {}, number(row.value)),
        row.alarms ? el("span", { class: "alarms" }, "▲") : null,
      ),
    );
    if (isFocused) cell.firstChild.focus();
  }

  function drawCurves(all) {
    const some = all.slice(0, 240).map((row) => row.id);
    ask(`/api/compare?runs=${some.join(",")}&by=condition`)
      .then((told) => {
        const styles = new Map(told.runs.map((one) => [one.id, one])),
          seen = new Set();
        const metric = ["bits_known", "accuracy", "eval_reward", "reward"].find((one) => told.metrics.includes(one)) ?? "reward";
        const chosen = panel ? [...panel.charts.keys()] : [metric];
        panel?.remove();
        panel = new Panel({
          ids: some,
          metrics: chosen,
          names: () => told.metrics,
          style: (id) => styles.get(id) ?? {},
          tall: true,
          key: "sweep",
          ceiling: () => ceilingOf(some),
        });
        curves.replaceChildren(
          legend(told.runs.filter((one) => !seen.has(one.label) && seen.add(one.label))),
          panel.node,
        );
      })
      .catch((problem) => curves.replaceChildren(el("p", { class: "problem" }, problem.message)));
  }

  rows();
  return { rows, points: () => panel?.points(), remove: () => panel?.remove() };
}
