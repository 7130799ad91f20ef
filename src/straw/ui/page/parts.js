// Small pieces: elements whose every text is a text (never HTML), numbers, times, and where things are kept.

const SVG = "http://www.w3.org/2000/svg";

function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, String(value));
  }
  node.append(...children.flat(9).filter((one) => one !== null && one !== undefined && one !== false));
  return node;
}

export const el = (tag, attributes, ...children) => filled(document.createElement(tag), attributes, children);
export const svg = (tag, attributes, ...children) => filled(document.createElementNS(SVG, tag), attributes, children);

// 0.4123 -> 0.412, 12345.6 -> 12,346, nothing -> –
export function number(value) {
  if (typeof value !== "number") return "–";
  const size = Math.abs(value);
  const text =
    size >= 100
      ? Math.round(value).toLocaleString("en")
      : size >= 10
        ? value.toFixed(1)
        : size >= 0.01 || size === 0
          ? value.toFixed(size >= 1 ? 2 : 3)
          : value.toExponential(1);
  return text.replace(/-/g, "−");
}

export const signed = (value) => (typeof value === "number" ? (value < 0 ? "−" : "+") + number(Math.abs(value)) : "–");
export const whole = (value) => (typeof value === "number" ? Math.round(value).toLocaleString("en") : "–");

export function age(since) {
  if (typeof since !== "number") return "";
  const seconds = Math.max(0, Date.now() / 1000 - since);
  for (const [limit, size, unit] of [
    [120, 1, "s"],
    [7200, 60, "min"],
    [172800, 3600, "h"],
  ]) {
    if (seconds < limit) return `${Math.round(seconds / size)} ${unit} ago`;
  }
  return `${Math.round(seconds / 86400)} d ago`;
}

export const clock = (time) =>
  typeof time === "number" ? new Date(time * 1000).toISOString().slice(0, 19).replace("T", " ") : "";

// A state is a sign and a word; its colour comes third.
export const SIGNS = { running: "●", done: "✓", stopped: "■", failed: "✕", damaged: "!" };
export const STATES = Object.keys(SIGNS);
export const sign = (state) => el("span", { class: `sign ${state}`, "aria-hidden": "true" }, SIGNS[state] ?? "?");
export const badge = (state) => el("span", { class: `badge ${state}` }, sign(state), ` ${state}`);

export const NAMES = { bits_known: "bits known", accuracy: "accuracy", eval_reward: "held-out reward", reward: "reward" };
export const titled = (metric) => NAMES[metric] ?? metric;
export const value = (row) =>
  typeof row.ceiling === "number" ? `${number(row.value)} of ${number(row.ceiling)}` : number(row.value);
export const steps = (row) => (row.of ? `${whole(row.step ?? 0)}/${whole(row.of)}` : whole(row.step));
export const short = (row) => row.name.split("/").pop();

// What is drawn anew keeps the focus where it was: on the link that leads to the same place.
export function redrawn(node, draw) {
  const link = node.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
  draw();
  if (link)
    [...node.querySelectorAll("a")].find((one) => one.getAttribute("href") === link)?.focus({ preventScroll: true });
}

export async function ask(path) {
  const answer = await fetch(path, { credentials: "same-origin" });
  if (!answer.ok) throw new Error((await answer.text()).slice(0, 300) || `the server said ${answer.status}`);
  return answer.json();
}

export const heading = (title, ...more) =>
  el("div", { class: "heading" }, el("a", { class: "back", href: "#/" }, "‹ Runs"), el("h1", {}, title), more);
export const nothing = (text) => el("p", { class: "nothing" }, text);

// A table with a caption and heads; rows are arrays of nodes or texts, the first cell names the row.
export function table(caption, heads, rows, kind = "") {
  return el(
    "div",
    { class: "scroll", tabindex: 0, role: "region", "aria-label": caption },
    el(
      "table",
      { class: kind },
      el("caption", { class: "unseen" }, caption),
      el(
        "thead",
        {},
        el(
          "tr",
          {},
          heads.map((head) => el("th", { scope: "col" }, head)),
        ),
      ),
      el(
        "tbody",
        {},
        rows.map(([first, ...rest]) =>
          el(
            "tr",
            {},
            el("th", { scope: "row" }, first),
            rest.map((cell) => el("td", {}, cell)),
          ),
        ),
      ),
    ),
  );
}

export const kept = {
  get(name) {
    try {
      return localStorage.getItem(`straw-${name}`);
    } catch {
      return null;
    }
  },
  set(name, text) {
    try {
      localStorage.setItem(`straw-${name}`, text);
    } catch {
      /* private windows keep nothing */
    }
  },
};
