// The list of runs: sweeps with their runs inside, searched, filtered, walked through by arrows.
import { STATES, el, short, sign, steps, titled, value } from "./parts.js";
import { sparkline } from "./chart.js";
import { go, known, place } from "./page.js";

const FEW = 6; // runs of a sweep that stand open from the start

export class RunList {
  constructor(node, search, states, marked) {
    Object.assign(this, { node, search, states, marked });
    this.items = new Map(); // key -> { node, link }
    this.opened = new Map(); // sweep -> whether a person opened or closed it
    this.only = new Set(); // states
    this.key = null; // the item that Tab comes to
    search.addEventListener("input", () => this.update());
    search.addEventListener("keydown", (event) => {
      if (event.key === "ArrowDown" || event.key === "Enter") {
        event.preventDefault();
        this.focus();
      }
    });
    node.addEventListener("keydown", (event) => this.walk(event));
    node.addEventListener("focusin", (event) => {
      const item = event.target.closest("li");
      if (item) this.come(item.dataset.key);
    });
  }

  // --- which items there are

  wanted() {
    const words = this.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const fits = (row) =>
      (!this.only.size || this.only.has(row.state)) &&
      words.every((word) => `${row.name} ${row.state} ${row.what}`.toLowerCase().includes(word));
    const sweeps = new Map(),
      found = [];
    this.all = new Map(); // the runs of each sweep, whether they fit or not
    for (const row of known.rows.values())
      if (row.sweep !== null)
        this.all.has(row.sweep) ? this.all.get(row.sweep).push(row) : this.all.set(row.sweep, [row]);
    for (const row of known.rows.values()) {
      if (!fits(row)) continue;
      if (row.sweep === null) {
        found.push({ key: row.id, row, at: row.started ?? 0 });
        continue;
      }
      if (!sweeps.has(row.sweep)) {
        const made = { key: `sweep ${row.sweep}`, sweep: row.sweep, rows: [], at: 0 };
        sweeps.set(row.sweep, made);
        found.push(made);
      }
      const sweep = sweeps.get(row.sweep);
      sweep.rows.push(row);
      sweep.at = Math.max(sweep.at, row.started ?? 0);
    }
    found.sort((a, b) => b.at - a.at || (a.key < b.key ? -1 : 1));
    const open = words.length || this.only.size,
      here = place().view === "run" ? place().what : null;
    return found.flatMap((one) => {
      if (!one.sweep && one.sweep !== "") return [one];
      one.isOpen =
        this.opened.get(one.sweep) ??
        Boolean(open || one.rows.length <= FEW || one.rows.some((row) => row.id === here));
      one.rows.sort((a, b) => STATES.indexOf(a.state) - STATES.indexOf(b.state) || (a.name < b.name ? -1 : 1));
      return [one, ...(one.isOpen ? one.rows.map((row) => ({ key: row.id, row, inside: true })) : [])];
    });
  }

  update() {
    const wanted = this.wanted(),
      seen = new Set(wanted.map((one) => one.key));
    for (const [key, item] of this.items)
      if (!seen.has(key)) {
        item.node.remove();
        this.items.delete(key);
      }
    let before = null;
    for (const one of wanted) {
      const item = this.item(one);
      const next = before ? before.nextSibling : this.node.firstChild;
      if (item.node !== next) this.node.insertBefore(item.node, next);
      before = item.node;
    }
    if (!seen.has(this.key)) this.key = wanted[0]?.key ?? null;
    for (const [key, item] of this.items) item.link.tabIndex = key === this.key ? 0 : -1;
    this.showStates();
    this.showMarked();
    this.empty(wanted.length);
  }

  empty(count) {
    this.node.dataset.note = count
      ? ""
      : known.reading
        ? "reading the runs …"
        : known.rows.size
          ? "no run fits; Esc clears the search"
          : "no runs in this folder yet";
  }

  item(one) {
    let item = this.items.get(one.key);
    if (!item) {
      const link = el("a", {});
      item = { link, node: el("li", { "data-key": one.key }, link), told: "" };
      if (one.row)
        item.node.append(
          (item.box = el("button", { type: "button", class: "box", tabindex: -1, onclick: () => this.mark(one.key) })),
        );
      else
        item.node.prepend(
          (item.fold = el("button", {
            type: "button",
            class: "fold",
            tabindex: -1,
            onclick: () => this.open(one.sweep, !item.isOpen),
          })),
        );
      this.items.set(one.key, item);
    }
    const { view, what } = place();
    const isHere = one.row ? view === "run" && what === one.row.id : view === "sweep" && what === (one.sweep || ".");
    if (isHere) item.link.setAttribute("aria-current", "page");
    else item.link.removeAttribute("aria-current");
    if (one.row) this.fillRun(item, one);
    else this.fillSweep(item, one);
    return item;
  }

  fillRun(item, { row, inside }) {
    const isMarked = known.marked.has(row.id);
    const told = JSON.stringify([
      row.state,
      row.value,
      row.step,
      row.alarms,
      row.problem,
      row.spark.length,
      inside,
      isMarked,
    ]);
    if (told === item.told) return;
    item.told = told;
    item.node.className = `run${inside ? " inside" : ""}${isMarked ? " marked-run" : ""}`;
    item.link.href = `#/run/${row.id}`;
    item.link.title = row.name;
    item.link.setAttribute(
      "aria-label",
      `${row.name}, ${row.state}, step ${steps(row)}, ${titled(row.measured)} ${value(row)}${row.alarms ? `, ${row.alarms} alarms` : ""}`,
    );
    item.link.replaceChildren(
      el(
        "span",
        { class: "first" },
        sign(row.state),
        el("span", { class: "name" }, short(row)),
        row.alarms ? el("span", { class: "alarms" }, `▲${row.alarms}`) : null,
      ),
      el("span", { class: "second" }, el("span", {}, value(row)), el("span", { class: "soft" }, `${steps(row)}`)),
      sparkline(row.spark, { ceiling: row.ceiling }),
    );
    item.box.textContent = isMarked ? "☑" : "☐";
    item.box.setAttribute("aria-pressed", String(isMarked));
    item.box.setAttribute("aria-label", `mark ${row.name} for comparison`);
  }

  fillSweep(item, one) {
    const all = this.all.get(one.sweep),
      done = all.filter((row) => row.state === "done").length,
      running = all.filter((row) => row.state === "running").length;
    const told = JSON.stringify([all.length, one.rows.length, done, running, one.isOpen]);
    item.isOpen = one.isOpen;
    item.sweep = one.sweep;
    if (told === item.told) return;
    item.told = told;
    item.node.className = "sweep";
    item.link.href = `#/sweep/${encodeURIComponent(one.sweep || ".")}`;
    item.link.title = one.sweep;
    item.link.setAttribute(
      "aria-label",
      `sweep ${one.sweep || "in this folder"}, ${done} of ${all.length} done, ${running} running`,
    );
    item.link.replaceChildren(
      el("span", { class: "first" }, el("span", { class: "name" }, one.sweep.split("/").pop() || "this folder")),
      el(
        "span",
        { class: "second" },
        el(
          "span",
          { class: "soft" },
          one.rows.length < all.length
            ? `${one.rows.length} of ${all.length} fit`
            : `${done} of ${all.length} done${running ? `, ${running} running` : ""}`,
        ),
      ),
      el("progress", { max: all.length, value: done, "aria-hidden": "true" }),
    );
    item.fold.textContent = one.isOpen ? "▾" : "▸";
    item.fold.setAttribute("aria-expanded", String(one.isOpen));
    item.fold.setAttribute("aria-label", `runs of ${one.sweep || "this folder"}`);
  }

  // --- states and marks

  showStates() {
    const counts = Object.fromEntries(STATES.map((state) => [state, 0]));
    for (const row of known.rows.values()) counts[row.state] = (counts[row.state] ?? 0) + 1;
    const told = JSON.stringify([counts, [...this.only], known.reading]);
    if (told === this.told) return;
    this.told = told;
    const focused = document.activeElement?.dataset?.state;
    this.states.replaceChildren(
      ...STATES.filter((state) => counts[state] || this.only.has(state)).map((state) =>
        el(
          "button",
          {
            type: "button",
            "data-state": state,
            "aria-pressed": String(this.only.has(state)),
            onclick: () => this.toggle(state),
          },
          sign(state),
          ` ${counts[state]} `,
          el("span", { class: "word" }, state),
        ),
      ),
    );
    if (known.reading) this.states.append(el("span", { class: "soft" }, `reading ${known.reading} more`));
    if (focused) this.states.querySelector(`[data-state=${focused}]`)?.focus();
  }

  toggle(state) {
    if (!this.only.delete(state)) this.only.add(state);
    this.update();
  }

  mark(key) {
    if (!key || !known.rows.has(key)) return;
    if (!known.marked.delete(key)) known.marked.add(key);
    this.update();
  }

  showMarked() {
    const count = known.marked.size;
    if (String(count) === this.marked.dataset.count) return;
    this.marked.dataset.count = count;
    this.marked.hidden = !count;
    this.marked.replaceChildren(
      el(
        "button",
        { type: "button", class: "main", disabled: count < 2, onclick: () => this.compare() },
        count < 2 ? "mark one more to compare" : `Compare ${count} runs`,
        el("kbd", { "aria-hidden": "true" }, "c"),
      ),
      el(
        "button",
        {
          type: "button",
          onclick: () => {
            known.marked.clear();
            this.update();
          },
        },
        "clear",
      ),
    );
  }

  compare() {
    if (known.marked.size > 1) go(`#/compare/${[...known.marked].join(",")}`);
  }

  // --- walking

  current() {
    return this.node.contains(document.activeElement) ? this.key : place().view === "run" ? place().what : null;
  }

  come(key) {
    this.key = key;
    for (const [each, item] of this.items) item.link.tabIndex = each === key ? 0 : -1;
  }

  reveal() {
    const { view, what } = place();
    if (view === "run") this.items.get(what)?.node.scrollIntoView({ block: "nearest" });
  }

  focus() {
    this.items.get(this.key)?.link.focus();
  }

  open(sweep, isOpen) {
    this.opened.set(sweep, isOpen);
    this.update();
  }

  walk(event) {
    const items = [...this.node.children],
      place = items.findIndex((node) => node.dataset.key === this.key);
    const moves = {
      ArrowDown: place + 1,
      ArrowUp: place - 1,
      Home: 0,
      End: items.length - 1,
      PageDown: place + 10,
      PageUp: place - 10,
    };
    const item = this.items.get(this.key);
    if (event.key in moves) {
      event.preventDefault();
      if (event.key === "ArrowUp" && place === 0) return this.search.focus();
      this.come(items[Math.max(0, Math.min(items.length - 1, moves[event.key]))]?.dataset.key);
      this.focus();
    } else if (["ArrowRight", "ArrowLeft"].includes(event.key) && item?.fold) {
      event.preventDefault();
      this.open(item.sweep, event.key === "ArrowRight");
    }
  }
}
