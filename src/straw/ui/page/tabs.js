// What a run said, what happened to it, and what it was told.
import { age, ask, clock, el, number, signed, table, whole } from "./parts.js";

const KINDS = { newest: "The newest", best: "Most reward", worst: "Least reward", changed: "Early and late" };

// --- rollouts, token by token

export function samplesTab(body, id) {
  let kind = "newest",
    asked = 0;
  const shown = el("div", { class: "rollouts" }),
    note = el("p", { class: "soft", role: "status" });
  const choose = el(
    "div",
    { class: "tools", role: "group", "aria-label": "which rollouts" },
    Object.entries(KINDS).map(([name, title]) =>
      el(
        "button",
        {
          type: "button",
          "data-kind": name,
          "aria-pressed": String(name === kind),
          onclick: () => {
            kind = name;
            load();
          },
        },
        title,
      ),
    ),
    el("button", { type: "button", onclick: () => load() }, "↻ look again"),
  );
  const shades = el(
    "p",
    { class: "shades" },
    "token shade: ",
    [9, 7, 5, 3, 1].map((one) => el("span", { class: `token p${one}` }, `${one * 10}%`)),
    " its probability when it was sampled",
  );
  body.append(choose, shades, note, shown);

  async function load() {
    const mine = ++asked;
    for (const button of choose.querySelectorAll("[data-kind]"))
      button.setAttribute("aria-pressed", String(button.dataset.kind === kind));
    note.textContent = "reading …";
    try {
      const told = await ask(`/api/samples?id=${id}&kind=${kind}&count=12`);
      if (mine !== asked) return;
      note.textContent =
        told.note ||
        (told.rollouts.length
          ? ""
          : kind === "changed"
            ? "no problem was answered differently early and late"
            : "no rollouts yet");
      let before = null;
      shown.replaceChildren(
        ...told.rollouts.map((one) => {
          const made = rollout(one, one.prompt !== before);
          before = one.prompt;
          return made;
        }),
      );
    } catch (problem) {
      note.textContent = problem.message;
    }
  }
  load();
  return {};
}

function rollout(one, isNew) {
  const hits =
    one.hits.length === 1
      ? one.hits[0]
        ? "✓ hit"
        : "✕ miss"
      : one.hits.length
        ? `${one.hits.filter(Boolean).length} of ${one.hits.length} hits`
        : "";
  const parts = Object.entries(one.rewards);
  const facts = [
    ["reward", number(one.reward), "strong"],
    [
      "advantage",
      one.advantages.map(signed).join(" ") || "–",
      one.advantages[0] > 0 ? "up" : one.advantages[0] < 0 ? "down" : "",
    ],
    ["by turn", one.turn_rewards.map(number).join(" "), ""],
  ].filter(([, said]) => said);
  return el(
    "article",
    { class: "rollout", "aria-label": `rollout of step ${one.step}, reward ${number(one.reward)}` },
    el(
      "header",
      {},
      one.when ? el("span", { class: "when" }, one.when) : null,
      el("span", { class: "soft" }, `step ${whole(one.step)}`),
      facts.map(([name, said, kind]) =>
        el("span", { class: `fact ${kind}` }, el("span", { class: "soft" }, `${name} `), said),
      ),
      hits ? el("span", {}, hits) : null,
      one.well_formed ? null : el("span", { class: "care" }, "! not well formed"),
      el("span", { class: "soft" }, one.end.replace(/_/g, " ")),
      one.times > 1 ? el("span", { class: "soft" }, `given ${whole(one.times)} times`) : null,
      el("span", { class: "soft problem-name" }, one.problem),
    ),
    parts.length > 1
      ? el(
          "p",
          { class: "parts" },
          parts.map(([name, said]) => el("span", {}, `${name} `, el("b", {}, number(said)))),
        )
      : null,
    isNew ? el("pre", { class: "prompt" }, one.prompt) : null,
    one.turns.length
      ? one.turns.map((turn, i) => tokens(turn, one.replies[i]))
      : one.replies.map((reply) => el("pre", { class: "reply" }, reply)),
  );
}

// Where the tokenizer is not on this machine, the reply as a text stands above the tokens' numbers.
function tokens(turn, reply) {
  const reading = el("p", { class: "reading", "aria-live": "polite" });
  const spans = turn.tokens.map((token, i) => {
    const log = turn.logprobs[i],
      share = typeof log === "number" ? Math.exp(log) : null;
    const text = turn.texts ? turn.texts[i] : String(token);
    return el(
      "span",
      {
        class: `token${share === null ? "" : ` p${Math.min(9, Math.floor(share * 10))}`}`,
        "data-said": `token ${i + 1} of ${turn.tokens.length}: ${text} (${token}), log-probability ${typeof log === "number" ? log.toFixed(3) : "unknown"}${share === null ? "" : `, ${(share * 100).toFixed(1)}%`}`,
      },
      text,
    );
  });
  let at = -1;
  const read = (place) => {
    spans[at]?.classList.remove("read");
    at = place;
    spans[at]?.classList.add("read");
    spans[at]?.scrollIntoView({ block: "nearest" });
    reading.textContent = spans[at]?.dataset.said ?? "";
  };
  const node = el(
    "div",
    {
      class: "tokens",
      tabindex: 0,
      role: "group",
      "aria-label": `reply of ${turn.tokens.length} tokens${reply === undefined ? "" : `: ${reply.slice(0, 400)}`}. Arrows read tokens.`,
      onkeydown(event) {
        const moves = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: spans.length - 1 };
        if (event.key in moves) {
          event.preventDefault();
          event.stopPropagation();
          read(Math.max(0, Math.min(spans.length - 1, moves[event.key])));
        }
      },
      onpointerover(event) {
        const place = spans.indexOf(event.target);
        if (place >= 0) read(place);
      },
      onpointerleave() {
        read(-1);
      },
      onblur() {
        read(-1);
      },
    },
    spans,
    turn.left_out ? el("span", { class: "soft" }, ` and ${whole(turn.left_out)} tokens more`) : null,
  );
  return el("div", {}, turn.texts || reply === undefined ? null : el("pre", { class: "reply" }, reply), node, reading);
}

// --- what happened

const OWN = ["time", "event", "step", "name", "advice"];

function brief(value) {
  if (typeof value === "number") return number(value);
  if (Array.isArray(value))
    return value.some((one) => one && typeof one === "object") ? `${value.length}` : value.map(brief).join(", ");
  if (value && typeof value === "object")
    return Object.entries(value)
      .map(([name, one]) => [name, brief(one)])
      .filter(([, said]) => said)
      .map(([name, said]) => `${name.replace(/_/g, " ")}: ${said}`)
      .join("; ");
  return value === null || value === undefined ? "" : String(value);
}

export function eventsTab(body, id, told) {
  const place = el("div", {});
  body.append(place);
  const show = (events) =>
    place.replaceChildren(
      events.length
        ? table(
            "events, the newest first",
            ["when", "what", "step", "facts"],
            events
              .slice()
              .reverse()
              .map((one) => {
                const isAlarm = one.event === "alarm" || one.event === "failed";
                const facts = Object.entries(one)
                  .filter(([name]) => !OWN.includes(name))
                  .map(([name, said]) => [name, brief(said)])
                  .filter(([, said]) => said);
                return [
                  el("span", { title: age(one.time) }, clock(one.time)),
                  el(
                    "span",
                    { class: isAlarm ? "alarms" : "" },
                    `${isAlarm ? "▲ " : ""}${brief(one.event)}${one.name ? ` ${brief(one.name)}` : ""}`,
                  ),
                  whole(one.step),
                  el(
                    "span",
                    { class: "facts-of" },
                    one.advice ? el("strong", {}, `${brief(one.advice)} `) : null,
                    facts.map(([name, said]) =>
                      el("span", {}, el("span", { class: "soft" }, `${name.replace(/_/g, " ")} `), said),
                    ),
                  ),
                ];
              }),
            "events",
          )
        : el("p", { class: "nothing" }, "nothing has happened yet"),
    );
  show(told.events);
  return { rows: () => ask(`/api/run?id=${id}`).then((now) => show(now.events)) };
}

// --- what it was told

export function pageTab(body, id, told) {
  const all = el("input", { type: "checkbox", onchange: () => show() }),
    place = el("div", {});
  const given = (one) => one.name in told.chosen || one.name in told.filled_in || (one.from && one.from !== "default");
  const show = () => {
    const lines = told.page.filter((one) => all.checked || given(one));
    place.replaceChildren(
      table(
        "options",
        ["option", "value", "where from", "section"],
        lines.map((one) => [el("code", {}, one.name), el("code", {}, one.value), one.from || "–", one.section]),
        "page",
      ),
    );
  };
  const { command, versions, machine, parent, started } = told.about;
  const facts = [
    ["started", clock(started)],
    ["command", Array.isArray(command) ? command.map(brief).join(" ") : ""],
    ["versions", brief(versions)],
    ["machine", brief(machine)],
    ["branch of", parent ? brief(parent) : ""],
    ["reward", brief(told.about.reward)],
    ["ended", brief(told.done.finished ? clock(told.done.finished) : "")],
    ["CPU seconds", told.done.cpu_s === undefined ? "" : number(told.done.cpu_s)],
  ].filter(([, said]) => said);
  body.append(
    el("div", { class: "tools" }, el("label", {}, all, " defaults too")),
    place,
    el("h2", {}, "What ran it"),
    table(
      "what ran it",
      ["fact", "value"],
      facts.map(([name, said]) => [name, el("span", { class: "wrap" }, said)]),
      "page",
    ),
  );
  show();
  return {};
}
