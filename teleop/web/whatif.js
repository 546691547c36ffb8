// "What happens if": asks the server's safety machine, and shows what it says. No rule is here.

import { Cause, Contact, Instrument } from "./generated/schema.js";
import { language, loadText, onLanguage, setLanguage, t, toggleLanguage } from "./text.js";
import { $, fixed, make, setData, setText } from "./ui/dom.js";

const CONDITIONS = ["arm_works", "joined", "stop_tested", "link_good", "mark_read", "at_rest"];
const PEOPLE = ["allow", "revoke", "press", "release", "acknowledge", "stop", "emergency",
  "console_stop", "discomfort", "take_arm", "give_arm", "lift"];
const WAITS_MS = [100, 1000, 10000, 60000];
const MARKS = { NONE: "", LOW: "!", MEDIUM: "!!", HIGH: "!!!" };
const STORY_LINES = 30;

let memory; // The machine between two questions; the server is without memory.
let answer = null;
let asking = Promise.resolve();
const story = []; // {what: () => text, passed}

const checked = (box) => [...box.querySelectorAll("input:checked")].map((input) => input.value);

function question(action, waitMs) {
  const on = new Set(checked($("conditions")));
  const causes = checked($("causes"));
  return {
    ...(memory ? { memory } : {}),
    conditions: Object.fromEntries(CONDITIONS.map((name) => [name, on.has(name)])),
    causes: causes.filter((name) => name !== "late"),
    late: causes.includes("late"),
    contact: $("contact").value,
    instrument: $("instrument").value,
    force_n: Math.min(24, Math.max(0, Number($("force").value) || 0)),
    action,
    wait_ms: waitMs,
  };
}

async function send(action, waitMs, what) {
  const reply = await fetch("/whatif/ask", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(question(action, waitMs)),
  });
  if (!reply.ok) throw new Error(await reply.text());
  answer = await reply.json();
  memory = answer.memory;
  story.unshift({ what, passed: answer.passed, refused: answer.refused });
  story.length = Math.min(story.length, STORY_LINES);
}

/** Questions are asked one after the other, so that the machine sees them in their order. */
function ask(action, waitMs, what) {
  asking = asking.then(() => send(action, waitMs, what)).then(
    () => setText($("problem"), ""),
    (error) => setText($("problem"), t("whatif.problem", { why: error.message })),
  ).then(render);
  return asking;
}

function tick(parent, value, label, on) {
  const input = make("input", { type: "checkbox", value, checked: on });
  const words = make("span", { dataset: { text: label } });
  input.addEventListener("change", () => {
    ask("wait", 0, () => `${t(label)}: ${t(input.checked ? "whatif.yes" : "whatif.no")}`);
  });
  parent.append(make("label", {}, input, words));
}

function choice(id, names, prefix, first) {
  const select = $(id);
  for (const name of names) {
    select.append(make("option", { value: name, dataset: { text: `${prefix}.${name}` } }));
  }
  select.value = first;
  select.addEventListener("change", () => ask("wait", 0, () => t(`${prefix}.${select.value}`)));
}

function button(parent, id, label, values, act) {
  const node = make("button", { type: "button", id });
  node.addEventListener("click", act);
  parent.append(node);
  onLanguage(() => setText(node, t(label, values)));
}

function build() {
  for (const name of CONDITIONS) tick($("conditions"), name, `whatif.${name}`, true);
  tick($("causes"), "late", "whatif.late", false);
  for (const name of Object.keys(Cause)) {
    if (name !== "NONE") tick($("causes"), name, `cause.${name}`, false);
  }
  choice("contact", Object.keys(Contact), "contact", "NONE");
  choice("instrument", Object.keys(Instrument), "instrument", "PROBE");
  $("force").addEventListener("change", () => ask("wait", 0, () => `${$("force").value} N`));
  for (const name of PEOPLE) {
    const label = `whatif.${name}`;
    button($("people"), `do-${name}`, label, {}, () => ask(name, 0, () => t(label)));
  }
  for (const ms of WAITS_MS) {
    const values = { s: ms / 1000 };
    const label = "whatif.wait";
    button($("time"), `wait-${ms}`, label, values, () => ask("wait", ms, () => t(label, values)));
  }
  $("again").addEventListener("click", again);
  $("language").addEventListener("click", toggleLanguage);
  onLanguage(render);
}

function again() {
  memory = undefined;
  story.length = 0;
  for (const input of $("causes").querySelectorAll("input")) input.checked = false;
  for (const input of $("conditions").querySelectorAll("input")) input.checked = true;
  return ask("wait", 0, () => t("whatif.again"));
}

function renderState() {
  setText($("state"), t(`state.${memory.state}`));
  setData($("state"), "state", memory.state);
  const cause = memory.first_out;
  setText($("cause"), cause === "NONE" ? "" : t(`cause.${cause}`));
  setData($("cause"), "cause", cause);
  setData($("status"), "alarm", answer.alarm);
  setText($("alarm-mark"), MARKS[answer.alarm] ?? "");
  setText($("step"), answer.step === "NONE" ? "" : t(`step.${answer.step}`));
  setData($("step"), "step", answer.step);
}

function renderPermit() {
  setText($("permit"), t(`permit.${answer.permit}`));
  setData($("permit"), "permit", answer.permit);
  setText($("speed"), `${fixed(answer.v_max_m_s * 1000, 0)} mm/s`);
  setText($("force-cap"), `${fixed(answer.f_max_n, 1)} N`);
  setText($("travel"), answer.travel_max_m > 0 ? `${fixed(answer.travel_max_m * 1000, 0)} mm` : "–");
  setText($("brakes"), t(answer.brake ? "whatif.closed" : "whatif.open"));
  setData($("brakes"), "brake", answer.brake);
  setText($("power"), t(memory.power_cut ? "whatif.cut" : "whatif.on"));
  setText($("consent"), t(memory.consent ? "whatif.yes" : "whatif.no"));
}

function render() {
  if (!answer) return;
  renderState();
  renderPermit();
  $("latched").replaceChildren(
    ...memory.latched.map((name) => make("li", { textContent: t(`cause.${name}`) })),
  );
  $("story").replaceChildren(...story.map(({ what, passed, refused }) => make("li", {},
    make("span", { className: "dim", textContent: `${what()} ` }),
    make("span", {
      textContent: refused ? t("whatif.refused")
        : passed.map(({ state }) => `→ ${t(`state.${state}`)}`).join(" ") || t("whatif.same"),
    }),
  )));
}

await loadText();
build();
setLanguage(language()); // The parts that the script made get their words.
await again();
