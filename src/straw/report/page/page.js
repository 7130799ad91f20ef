// Draws the page's figures: data from #figures, colours from the style sheet, so that light and dark are told once.
"use strict";
(() => {
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const touched = matchMedia("(pointer: coarse)").matches;
  const css = (name) => getComputedStyle(root).getPropertyValue(name).trim();
  const alpha = (hex, share) => hex + Math.round(share * 255).toString(16).padStart(2, "0");

  // Where many bands lie over each other each is paler. A log axis has no room for 0, so a band begins behind it.
  function band(trace, own, many, isLog) {
    const kept = trace.x.map((x) => !isLog || x > 0);
    const of = (values) => values.filter((_, place) => kept[place]);
    return { ...trace, x: of(trace.x), y: of(trace.y), fillcolor: alpha(own, many > 3 ? 0.09 : 0.16), line: { ...trace.line, color: own } };
  }

  function coloured(trace, paper, many, isLog) {
    const { colour, part } = trace.meta;
    const own = colour === null ? css("--ink") : css(`--c${colour}`);
    if (part === "band") return band(trace, own, many, isLog);
    return {
      ...trace,
      line: { ...trace.line, color: own },
      marker: { ...trace.marker, color: own, line: { width: part === "never" || part === "thin" ? 1.5 : 0, color: own } },
      ...(trace.error_y ? { error_y: { ...trace.error_y, color: own } } : {}),
      hoverlabel: { bgcolor: paper, bordercolor: own, font: { color: css("--ink") } },
    };
  }

  function dressed(layout) {
    const [ink, soft, grid, sans] = ["--ink", "--soft", "--grid", "--sans"].map(css);
    const axis = { gridcolor: grid, linecolor: grid, tickfont: { color: soft }, title: { font: { color: ink, size: 13 } }, automargin: true };
    const merged = (own) => ({ ...axis, ...own, title: { ...axis.title, ...own.title } });
    return {
      ...layout, autosize: true, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: sans, color: ink, size: 12 }, dragmode: touched ? false : "zoom",
      xaxis: { ...merged(layout.xaxis), showgrid: false }, yaxis: merged(layout.yaxis),
      shapes: layout.shapes.map((shape) => ({ ...shape, line: { ...shape.line, color: soft } })),
    };
  }

  function draw(panel) {
    const place = document.getElementById(panel.place);
    const many = panel.data.filter((trace) => trace.meta.part === "band").length;
    const data = panel.data.map((trace) => coloured(trace, css("--paper"), many, panel.layout.xaxis.type === "log"));
    return Plotly.react(place, data, dressed(panel.layout), { responsive: true, displayModeBar: false });
  }

  function press(button, isOn) {
    button.setAttribute("aria-pressed", String(isOn));
    return isOn;
  }

  // A label of the legend shows or hides what carries it, in all panels of its figure.
  function switchLabel(figure, button) {
    const isOn = press(button, button.getAttribute("aria-pressed") !== "true");
    for (const panel of figure.panels) {
      panel.data.forEach((trace) => { if (trace.legendgroup === button.dataset.label) trace.visible = isOn; });
      draw(panel);
    }
  }

  function switchAxis(figure, button) {
    const axis = button.dataset.axis;
    const isLog = press(button, button.getAttribute("aria-pressed") !== "true");
    for (const panel of figure.panels) {
      const own = panel.layout[axis];
      own.type = isLog ? "log" : "linear";
      const began = (panel.began ??= {})[axis] ??= { type: isLog ? "linear" : "log", range: own.range, dtick: own.dtick };
      if (own.type === began.type && began.range) Object.assign(own, { range: began.range, dtick: began.dtick });
      else { delete own.range; delete own.dtick; }
      own.autorange = !own.range;
      draw(panel);
    }
  }

  async function all() {
    for (const figure of figures) {
      const section = document.getElementById(figure.name);
      section.querySelectorAll("[data-label]").forEach((button) => button.addEventListener("click", () => switchLabel(figure, button)));
      section.querySelectorAll("[data-axis]").forEach((button) => button.addEventListener("click", () => switchAxis(figure, button)));
      for (const panel of figure.panels) {
        await draw(panel);
        await new Promise((next) => setTimeout(next)); // a page of many panels stays alive while it draws
      }
    }
    root.dataset.drawn = "yes";
  }

  dark.addEventListener("change", () => figures.forEach((figure) => figure.panels.forEach(draw)));
  all();
})();
