// One run: its numbers on top, and below its curves, rollouts, events or page.
import { Panel } from "./panel.js";
import {
  age,
  ask,
  badge,
  el,
  heading,
  kept,
  nothing,
  number,
  short,
  steps,
  table,
  titled,
  value,
  whole,
} from "./parts.js";
import { known } from "./page.js";
import { eventsTab, pageTab, samplesTab } from "./tabs.js";

const FIRST = ["bits_known", "accuracy", "eval_reward", "reward", "kl", "entropy", "loss", "grad_norm"]; // shown where a run has them

export function runView(main, place) {
  const id = place.what,
    row = () => known.rows.get(id);
  if (!row()) {
    main.replaceChildren(heading("No such run"), nothing("It is not in this folder, or not any more."));
    return {};
  }
  const state = el("span", {}),
    facts = el("dl", { class: "facts" }),
    body = el("div", { class: "tab", id: "tab", role: "tabpanel" });
  const care = el("p", { class: "problem", hidden: true });
  const tabs = el("div", { class: "tabs", role: "tablist", "aria-label": "what of the run", onkeydown: walkTabs });
  let tab = null,
    told = null;
  main.replaceChildren(
    heading(short(row()), state),
    el("p", { class: "path" }, `${row().name} · ${row().what}`),
    care,
    facts,
    tabs,
    body,
  );

  async function show(name) {
    tab?.remove?.();
    tabs.replaceChildren(
      ...Object.entries(TABS).map(([key, [title]]) =>
        el(
          "a",
          {
            role: "tab",
            href: `#/run/${id}/${key}`,
            "aria-selected": String(key === name),
            "aria-controls": "tab",
            tabindex: key === name ? 0 : -1,
          },
          title,
        ),
      ),
    );
    made.tab = name;
    const mine = {};
    tab = mine;
    body.replaceChildren();
    try {
      told = await ask(`/api/run?id=${id}`);
      if (tab === mine) {
        tab = TABS[name][1](body, id, told) ?? {};
      }
    } catch (problem) {
      body.replaceChildren(el("p", { class: "problem" }, problem.message));
    }
  }

  function rows(changed) {
    const now = row();
    if (!now) return;
    state.replaceChildren(badge(now.state));
    care.hidden = !now.problem;
    care.textContent = now.problem;
    facts.replaceChildren(
      ...[
        [titled(now.measured), value(now)],
        ["reward, late", number(now.reward)],
        ["steps", steps(now)],
        ["episodes", whole(now.episodes)],
        ["started", age(now.started)],
        ["alarms", now.alarms ? `▲ ${now.alarms}` : "none"],
      ].flatMap(([name, said]) => el("div", {}, el("dt", {}, name), el("dd", {}, said))),
    );
    if (changed?.has(id)) tab?.rows?.();
  }

  const made = {
    rows,
    points: () => tab?.points?.(),
    remove: () => tab?.remove?.(),
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
  const all = [...event.currentTarget.children],
    place = all.indexOf(event.target);
  const next = all[(place + (event.key === "ArrowRight" ? 1 : all.length - 1)) % all.length];
  event.preventDefault();
  const { currentTarget: list } = event;
  next.click();
  setTimeout(() => list.querySelector("[aria-selected=true]")?.focus());
}

const TABS = {
  curves: ["Curves", curvesTab],
  samples: ["Rollouts", samplesTab],
  events: ["Events", eventsTab],
  page: ["Page", pageTab],
};

function curvesTab(body, id, told) {
  const mine = (kept.get("metrics") ?? "").split(" ").filter((name) => told.metrics.includes(name));
  const first = FIRST.filter((name) => told.metrics.includes(name) || name === told.measured).slice(0, 6);
  const panel = new Panel({
    ids: [id],
    metrics: mine.length ? mine : first.length ? first : ["reward"],
    names: () => told.metrics,
    key: "metrics",
    style: () => ({ label: "", colour: 0, dash: 0 }),
    ceiling: () => known.rows.get(id)?.ceiling ?? undefined,
  });
  const last = el("details", { class: "lasts" }, el("summary", {}, `The last of all ${told.metrics.length} numbers`));
  const values = () =>
    ask(`/api/run?id=${id}`).then((now) =>
      last.replaceChildren(
        last.firstChild,
        table(
          "last values",
          ["number", "last"],
          now.metrics.map((name) => [name, number(now.last[name])]),
          "numbers",
        ),
      ),
    );
  last.addEventListener("toggle", () => {
    if (last.open) values();
  });
  body.append(panel.node, last);
  return {
    points: () => panel.points(),
    remove: () => panel.remove(),
    rows: () => {
      if (last.open) values();
    },
  };
}
