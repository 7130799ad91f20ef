// Charts of some numbers over some runs, with the switches that they share.
import { Chart, swatch } from "./chart.js";
import { el, kept, nothing, titled } from "./parts.js";
import { curve, known, watch } from "./page.js";

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
    return found?.steps.length
      ? [{ id, ...style(id), xs: along(id, found.steps, axis), ys: found.values, stride: found.stride }]
      : [];
  });
}

// The charts of some metrics over some runs, with the switches that they share.
export class Panel {
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
    const axis = el(
      "select",
      {
        "aria-label": "horizontal axis",
        onchange: (event) => {
          this.axis = event.target.value;
          kept.set("axis", this.axis);
          this.listen();
          this.points();
        },
      },
      Object.entries(AXES).map(([name, title]) => el("option", { value: name, selected: name === this.axis }, title)),
    );
    const log = el("input", {
      type: "checkbox",
      onchange: (event) => {
        this.log = event.target.checked;
        this.points();
      },
    });
    const search = el("input", {
      type: "search",
      placeholder: "which numbers",
      "aria-label": "search the numbers",
      oninput: () => this.list(search.value),
    });
    this.search = search;
    this.more = el(
      "details",
      { class: "more", ontoggle: () => this.list(search.value) },
      el("summary", {}, "Numbers"),
      search,
      this.picker,
    );
    return el("div", { class: "tools" }, el("label", {}, "against ", axis), el("label", {}, log, " log"), this.more);
  }

  list(words) {
    if (!this.more.open) return;
    const found = this.names().filter((name) => name.toLowerCase().includes(words.toLowerCase()));
    this.picker.replaceChildren(
      ...found
        .slice(0, 300)
        .map((name) =>
          el(
            "label",
            {},
            el("input", { type: "checkbox", checked: this.charts.has(name), onchange: () => this.toggle(name) }),
            ` ${titled(name)}`,
          ),
        ),
      found.length ? "" : nothing("no number has such a name"),
    );
  }

  toggle(name) {
    const names = [...this.charts.keys()];
    this.choose(this.charts.has(name) ? names.filter((one) => one !== name) : [...names, name].slice(-9));
    kept.set(this.key, [...this.charts.keys()].join(" "));
  }

  choose(metrics) {
    for (const [name, chart] of this.charts)
      if (!metrics.includes(name)) {
        chart.remove();
        chart.node.remove();
        this.charts.delete(name);
      }
    for (const name of metrics) {
      if (this.charts.has(name)) continue;
      const chart = new Chart({
        title: titled(name),
        tall: this.tall,
        ceiling: name === "bits_known" ? this.ceiling?.() : undefined,
      });
      this.charts.set(name, chart);
      this.grid.append(chart.node);
    }
    this.listen();
    this.points();
  }

  listen() {
    watch(this.ids, [...new Set([...this.charts.keys(), ...(this.axis === "step" ? [] : [this.axis])])]);
  }

  points() {
    for (const [name, chart] of this.charts)
      chart.show(seriesOf(this.ids, name, this.axis, this.style), { x: AXES[this.axis] ?? "steps", log: this.log });
  }

  remove() {
    for (const chart of this.charts.values()) chart.remove();
  }
}

export const ceilingOf = (ids) => ids.map((id) => known.rows.get(id)?.ceiling).find((one) => typeof one === "number");
export const legend = (runs) =>
  el(
    "ul",
    { class: "legend", "aria-label": "what the lines are" },
    runs.map((one) =>
      el("li", {}, swatch(one.colour, one.dash), el("a", { href: `#/run/${one.id}`, title: one.name }, one.label)),
    ),
  );
