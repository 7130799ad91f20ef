// Curves as SVG: axes with round numbers, a line a series, and a reading where somebody points or walks with arrows.
import { el, number, svg, whole } from "./parts.js";

const DASHES = ["", "7 3", "2 2", "8 2 2 2", "4 2"]; // those of the report
const MANY = 12; // lines; more are pale, and the median of each label stands out
const EDGE = { top: 10, right: 12, bottom: 24, left: 44 };

// Round numbers that span low to high.
export function ticks(low, high, count) {
  const rough = (high - low) / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((one) => one * power).find((one) => one >= rough * 0.999);
  const found = [];
  for (let at = Math.ceil(low / step - 1e-9) * step; at <= high + step * 1e-9; at += step)
    found.push(Math.abs(at) < step * 1e-9 ? 0 : at);
  return found;
}

function powers(low, high) {
  const found = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) {
    if (10 ** power >= low * 0.999 && 10 ** power <= high * 1.001) found.push(10 ** power);
  }
  return found.length > 1 ? found : [low, high];
}

const brief = (value) =>
  Math.abs(value) >= 1e6
    ? `${+(value / 1e6).toPrecision(3)}M`
    : Math.abs(value) >= 1e4
      ? `${+(value / 1e3).toPrecision(3)}k`
      : Math.abs(value) >= 1e-3 || value === 0
        ? String(+value.toPrecision(3))
        : value.toExponential(0);

export class Chart {
  // options: { title, x, ceiling, tall }
  constructor(options) {
    this.options = options;
    this.series = [];
    this.at = null; // the x that is read
    this.drawing = svg("svg", { class: "plot", tabindex: 0, role: "img" });
    this.reading = el("p", { class: "reading", "aria-live": "polite" });
    this.now = el("span", { class: "now" });
    this.node = el(
      "figure",
      { class: options.tall ? "chart tall" : "chart" },
      el("figcaption", {}, el("span", { class: "title" }, options.title), this.now),
      this.drawing,
      this.reading,
    );
    this.drawing.addEventListener("pointermove", (event) => this.point(event));
    this.drawing.addEventListener("pointerleave", () => this.read(null));
    this.drawing.addEventListener("blur", () => this.read(null));
    this.drawing.addEventListener("keydown", (event) => this.walk(event));
    this.watcher = new ResizeObserver(() => this.draw());
    this.watcher.observe(this.drawing);
  }

  // series: [{ id, label, colour, dash, xs, ys, stride }]
  show(series, { x, log } = {}) {
    this.series = series.filter((one) => one.xs.length);
    this.x = x ?? this.x;
    this.isLog = log ?? this.isLog;
    this.draw();
  }

  ranges() {
    const xs = this.series.flatMap((one) => [one.xs[0], one.xs[one.xs.length - 1]]);
    let low = Infinity,
      high = -Infinity,
      least = Infinity;
    for (const one of this.series)
      for (const y of one.ys) {
        if (y < low) low = y;
        if (y > high) high = y;
        if (y > 0 && y < least) least = y;
      }
    const isLog = this.isLog && Number.isFinite(least) && high > 0;
    if (isLog) low = least;
    else if (this.options.ceiling && high <= this.options.ceiling) {
      high = this.options.ceiling;
      low = Math.min(low, 0);
    }
    if (high === low) {
      high += Math.abs(high) * 0.1 || 1;
      if (!isLog) low -= Math.abs(low) * 0.1;
    }
    const room = isLog ? 0 : (high - low) * 0.04;
    return {
      left: Math.min(...xs),
      right: Math.max(...xs),
      low: low - (low === 0 ? 0 : room),
      high: high + room,
      isLog,
    };
  }

  draw() {
    const { width, height } = this.drawing.getBoundingClientRect();
    this.drawing.replaceChildren();
    this.drawing.setAttribute("aria-label", this.said());
    this.now.textContent = this.series.length === 1 ? number(this.series[0].ys.at(-1)) : "";
    if (width < 60) return;
    if (!this.series.length) {
      this.drawing.append(
        svg("text", { x: width / 2, y: height / 2, class: "nothing", "text-anchor": "middle" }, "not measured yet"),
      );
      return;
    }
    const area = { ...this.ranges(), width, height };
    this.area = area;
    const lengthX = width - EDGE.left - EDGE.right,
      lengthY = height - EDGE.top - EDGE.bottom;
    const spanX = area.right - area.left || 1;
    const scale = area.isLog ? Math.log10 : (one) => one;
    const bottom = scale(area.low),
      spanY = scale(area.high) - bottom;
    this.px = (x) => EDGE.left + ((x - area.left) / spanX) * lengthX;
    this.py = (y) => EDGE.top + lengthY - ((scale(area.isLog ? Math.max(y, area.low) : y) - bottom) / spanY) * lengthY;
    this.drawing.append(...this.grid(area), ...this.lines(), (this.cursor = svg("g", { class: "cursor" })));
    this.read(this.at);
  }

  grid(area) {
    const { width, height } = area;
    const rows = area.isLog
      ? powers(area.low, area.high)
      : ticks(area.low, area.high, Math.max(2, Math.round(height / 44)));
    const columns =
      area.right > area.left ? ticks(area.left, area.right, Math.max(2, Math.round(width / 110))) : [area.left];
    return [
      ...rows.map((y) =>
        svg("line", { class: "grid", x1: EDGE.left, x2: width - EDGE.right, y1: this.py(y), y2: this.py(y) }),
      ),
      ...rows.map((y) =>
        svg("text", { class: "tick", x: EDGE.left - 7, y: this.py(y) + 3.5, "text-anchor": "end" }, brief(y)),
      ),
      ...columns.map((x) =>
        svg(
          "text",
          { class: "tick", x: Math.min(this.px(x), width - EDGE.right - 6), y: height - 7, "text-anchor": "middle" },
          brief(x),
        ),
      ),
      ...(this.options.ceiling
        ? [
            svg("line", {
              class: "ceiling",
              x1: EDGE.left,
              x2: width - EDGE.right,
              y1: this.py(this.options.ceiling),
              y2: this.py(this.options.ceiling),
            }),
          ]
        : []),
    ];
  }

  lines() {
    const many = this.series.length > MANY;
    return [...this.series, ...(many ? medians(this.series) : [])].flatMap((one) => {
      let path = "";
      for (let i = 0; i < one.xs.length; i++)
        path += `${i ? "L" : "M"}${this.px(one.xs[i]).toFixed(1)} ${this.py(one.ys[i]).toFixed(1)}`;
      const attributes = {
        class: `line c${one.colour ?? 0}${one.isMedian ? " median" : many ? " many" : ""}`,
        d: path,
        "stroke-dasharray": ((!many || one.isMedian) && DASHES[one.dash ?? 0]) || null,
      };
      const last = one.xs.length - 1;
      return one.isMedian
        ? [svg("path", attributes)]
        : [
            svg("path", attributes),
            svg("circle", {
              class: `end c${one.colour ?? 0}`,
              cx: this.px(one.xs[last]),
              cy: this.py(one.ys[last]),
              r: many ? 1.6 : 2.6,
            }),
          ];
    });
  }

  said() {
    const range = this.series
      .slice(0, 4)
      .map((one) => `${one.label ? `${one.label}: ` : ""}from ${number(one.ys[0])} to ${number(one.ys.at(-1))}`);
    const more = this.series.length > 4 ? `, and ${this.series.length - 4} more` : "";
    return `${this.options.title} against ${this.x ?? "steps"}: ${range.join("; ") || "not measured yet"}${more}. Left and right arrow read values.`;
  }

  point(event) {
    if (!this.area || !this.series.length) return;
    const { left, right, width } = this.area;
    const x = event.clientX - this.drawing.getBoundingClientRect().left;
    this.read(left + ((x - EDGE.left) / (width - EDGE.left - EDGE.right)) * (right - left));
  }

  walk(event) {
    if (!this.area || !this.series.length || !["ArrowLeft", "ArrowRight", "Home", "End"].includes(event.key)) return;
    event.preventDefault();
    event.stopPropagation();
    const xs = this.series[0].xs;
    let place = this.at === null ? xs.length - 1 : nearest(xs, this.at);
    place += {
      ArrowLeft: event.shiftKey ? -10 : -1,
      ArrowRight: event.shiftKey ? 10 : 1,
      Home: -xs.length,
      End: xs.length,
    }[event.key];
    this.read(xs[Math.max(0, Math.min(xs.length - 1, place))]);
  }

  // The values at an x, beside the line and in words below.
  read(x) {
    this.at = x;
    if (!this.cursor) return;
    this.cursor.replaceChildren();
    if (x === null || !this.series.length) return void (this.reading.textContent = "");
    const read = this.series.length > MANY ? medians(this.series) : this.series;
    const found = read.map((one) => {
      const i = nearest(one.xs, x);
      return { one, x: one.xs[i], y: one.ys[i] };
    });
    if (!found.length) return void (this.reading.textContent = "");
    const at = found.reduce((best, each) => (Math.abs(each.x - x) < Math.abs(best.x - x) ? each : best)).x;
    this.cursor.append(
      svg("line", { x1: this.px(at), x2: this.px(at), y1: EDGE.top, y2: this.area.height - EDGE.bottom }),
    );
    if (found.length <= MANY)
      this.cursor.append(
        ...found.map((each) =>
          svg("circle", { class: `dot c${each.one.colour ?? 0}`, cx: this.px(each.x), cy: this.py(each.y), r: 3.6 }),
        ),
      );
    const shown = found
      .slice()
      .sort((a, b) => b.y - a.y)
      .slice(0, 6);
    const values = shown
      .map(
        (each) =>
          `${found.length > 1 ? `${each.one.label} ` : ""}${each.one.isMedian ? "median " : ""}${number(each.y)}`,
      )
      .join(" · ");
    const stride = found[0].one.stride > 1 ? `, mean of ${found[0].one.stride}` : "";
    this.reading.textContent = `${this.x ?? "step"} ${whole(at)}: ${values}${found.length > 6 ? " …" : ""}${stride}`;
  }

  remove() {
    this.watcher.disconnect();
  }
}

// Of many lines with few labels: the middle one of each, as far as half of its runs have come.
function medians(series) {
  const groups = new Map();
  for (const one of series) groups.set(one.label, [...(groups.get(one.label) ?? []), one]);
  if (groups.size * 2 > series.length) return [];
  return [...groups.values()]
    .filter((group) => group.length > 2)
    .map((group) => {
      const ends = group.map((one) => one.xs.at(-1)).sort((a, b) => b - a),
        until = ends[Math.floor((group.length - 1) / 2)],
        begin = Math.min(...group.map((one) => one.xs[0]));
      const xs = Array.from({ length: 80 }, (_, i) => begin + (i / 79) * (until - begin));
      const ys = xs.map((x) => {
        const there = group
          .filter((one) => one.xs.at(-1) >= x)
          .map((one) => heightAt(one, x))
          .sort((a, b) => a - b);
        return there[there.length >> 1];
      });
      return { label: group[0].label, colour: group[0].colour, dash: group[0].dash, xs, ys, stride: 1, isMedian: true };
    });
}

function heightAt({ xs, ys }, x) {
  const near = nearest(xs, x),
    left = xs[near] > x ? Math.max(0, near - 1) : near,
    right = Math.min(xs.length - 1, left + 1);
  const share = xs[right] > xs[left] ? (x - xs[left]) / (xs[right] - xs[left]) : 0;
  return ys[left] + Math.max(0, Math.min(1, share)) * (ys[right] - ys[left]);
}

function nearest(xs, x) {
  let low = 0,
    high = xs.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (xs[middle] < x) low = middle + 1;
    else high = middle;
  }
  return low > 0 && x - xs[low - 1] < xs[low] - x ? low - 1 : low;
}

export function sparkline(values, { width = 84, height = 22, ceiling } = {}) {
  const node = svg("svg", {
    class: "spark",
    viewBox: `0 0 ${width} ${height}`,
    preserveAspectRatio: "none",
    "aria-hidden": "true",
  });
  if (values.length < 2) return node;
  const low = Math.min(...values, ceiling ? 0 : Infinity),
    high = Math.max(...values, ceiling ?? -Infinity),
    span = high - low || 1;
  const at = (value, i) =>
    `${(1.5 + (i / (values.length - 1)) * (width - 5)).toFixed(1)} ${(height - 2.5 - ((value - low) / span) * (height - 5)).toFixed(1)}`;
  node.append(svg("path", { d: values.map((value, i) => `${i ? "L" : "M"}${at(value, i)}`).join("") }));
  node.append(svg("path", { class: "tip", d: `M${at(values.at(-1), values.length - 1)}h0.01` }));
  return node;
}

export function swatch(colour, dash) {
  return svg(
    "svg",
    { class: `swatch c${colour}`, viewBox: "0 0 28 10", "aria-hidden": "true" },
    svg("path", { d: "M1 5h26", "stroke-dasharray": DASHES[dash] || null }),
  );
}
