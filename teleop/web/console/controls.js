// Buttons, sliders and shortcuts of the console.

import { t, toggleLanguage } from "../text.js";
import { $, fixed, make, setText, show } from "../ui/dom.js";
import { BODY_MARKS } from "../ui/marks.js";
import { storeStill } from "../ui/store.js";

const PAUSE_S = 60;

/** The expert's stop: lets go and tells guard, as often as it is pressed. */
export function stop(app) {
  app.deadman.release("stop");
  app.signalling.event("STOP", 1);
  app.signalling.event("STOP", 0);
}

function toggle(id, action) {
  $(id).addEventListener("click", () => {
    const on = $(id).getAttribute("aria-pressed") !== "true";
    $(id).setAttribute("aria-pressed", String(on));
    action(on);
  });
}

export function setForce(app, newton) {
  const limited = Math.max(0, Math.min(20, Math.round(newton * 2) / 2));
  app.sampler.forceRefN = limited;
  $("force-ref").value = String(limited);
}

export function wireDrive(app) {
  $("stop").addEventListener("pointerdown", () => stop(app));
  $("stop").addEventListener("keydown", (event) => event.code === "Enter" && stop(app));
  $("acknowledge").addEventListener("click", () => app.signalling.event("ACKNOWLEDGE"));
  $("force-ref").addEventListener("input", (event) => setForce(app, Number(event.target.value)));
  $("scale").addEventListener("change", (event) => {
    app.hand.scale = Number(event.target.value);
  });
  $("lease").addEventListener("click", () => {
    const want = app.peers.lease_wanted_by !== app.signalling.welcome?.session;
    app.signalling.send("lease", { want });
  });
  $("mark").addEventListener("submit", (event) => {
    event.preventDefault();
    const digits = $("mark-input").value.trim();
    if (!/^\d{1,4}$/.test(digits)) return;
    if (!app.signalling.event("MARK_ANSWER", Number(digits))) return; // kept: press Enter again
    $("mark-input").value = "";
    $("picture").focus();
  });
}

export function wirePicture(app) {
  const { picture } = app;
  toggle("freeze", (on) => picture.freeze(on));
  toggle("measure", (on) => {
    picture.callipers.active = on;
    if (!on) picture.callipers.clear();
    picture.dirty = true;
  });
  const surface = $("picture");
  surface.addEventListener("pointerdown", (event) => {
    if (!picture.callipers.active) return;
    surface.setPointerCapture(event.pointerId);
    picture.callipers.down(picture.toPicture(event));
    picture.dirty = true;
  });
  surface.addEventListener("pointermove", (event) => {
    if (!picture.callipers.active || !picture.callipers.open) return;
    picture.callipers.move(picture.toPicture(event));
    picture.dirty = true;
  });
  surface.addEventListener("pointerup", () => picture.callipers.up());
  surface.addEventListener("keydown", (event) => measureByKeys(app, event));
  $("still").addEventListener("click", () => storeStill(picture, $("frozen"), caption(app)));
  $("clip").addEventListener("click", () => (app.clip.running ? app.clip.stop() : app.clip.start()));
  $("body-mark").addEventListener("change", (event) => {
    picture.bodyMark = event.target.value;
    picture.dirty = true;
  });
}

const NUDGE = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

// Enter starts a line in the middle, arrows move its end (Shift: ten at a time).
function measureByKeys(app, event) {
  const { callipers } = app.picture;
  if (!callipers.active || app.deadman.held) return;
  const step = NUDGE[event.code];
  if (event.code === "Enter") {
    callipers.down({ x: app.picture.width / 2, y: app.picture.height / 2 });
    callipers.up();
  } else if (step) {
    const size = event.shiftKey ? 10 : 1;
    callipers.nudge(step[0] * size, step[1] * size);
    event.preventDefault();
  }
  app.picture.dirty = true;
}

function caption(app) {
  if (app.picture.flags.simulated) return t("still.simulated");
  return app.picture.flags.live ? "" : t("still.not_live");
}

/** Image settings: sent while dragging, but at most every 100 ms. */
export function wireImage(app) {
  const fields = { gain: ["gain_db", 1], depth: ["depth_m", 0.01], range: ["dynamic_range_db", 1] };
  let waiting = null;
  const send = () => {
    app.signalling.send("image", waiting);
    waiting = null;
  };
  for (const [id, [field, unit]] of Object.entries(fields)) {
    $(id).addEventListener("input", (event) => {
      const first = waiting === null;
      waiting = { ...waiting, [field]: Number((Number(event.target.value) * unit).toFixed(4)) };
      if (first) setTimeout(send, 100);
      imageWords();
    });
  }
}

/** Show the settings that are in force. */
export function imageState(state) {
  const values = { gain: state.gain_db, depth: state.depth_m * 100, range: state.dynamic_range_db };
  for (const [id, value] of Object.entries(values)) {
    if (document.activeElement !== $(id) && Number.isFinite(value)) $(id).value = String(value);
  }
  imageWords();
}

export function imageWords() {
  setText($("gain-value"), t("image.db", { n: fixed(Number($("gain").value), 0) }));
  setText($("depth-value"), t("image.cm", { n: fixed(Number($("depth").value), 0) }));
  setText($("range-value"), t("image.db", { n: fixed(Number($("range").value), 0) }));
}

/** Words that are set by script; again after a change of language. */
export function words(app) {
  imageWords();
  $("body-mark").replaceChildren(
    ...BODY_MARKS.map((name) => make("option", { value: name, textContent: t(`body.${name}`) })),
  );
  $("body-mark").value = app.picture.bodyMark;
  const rows = HELP.flatMap(([keys, key]) => [
    make("dt", { textContent: keys }),
    make("dd", { textContent: t(key) }),
  ]);
  $("help-list").replaceChildren(...rows);
}

const HELP = [
  ["Space", "help.space"], ["Esc", "help.escape"], ["W A S D  ← ↑ ↓ →", "help.slide"],
  ["Q E", "help.rock"], ["Shift + W A S D Q E", "help.turn"], ["R F", "help.height"],
  ["+ −", "help.scale"], ["[ ]", "help.force"], ["P", "help.freeze"], ["C", "help.measure"],
  ["F R Q E", "help.needle"], ["K", "help.acknowledge"], ["M", "help.mute"], ["L", "help.language"], ["?", "help.help"],
];

function stepScale(app, by) {
  const select = $("scale");
  const index = Math.max(0, Math.min(select.options.length - 1, select.selectedIndex + by));
  select.selectedIndex = index;
  app.hand.scale = Number(select.value);
}

export function pauseSound(app) {
  app.sound.pause(PAUSE_S, performance.now());
}

/** Code -> action of all single-key shortcuts. */
export function shortcutTable(app) {
  const click = (id) => () => !$(id).hidden && $(id).click();
  const force = (by) => () => setForce(app, app.sampler.forceRefN + by);
  return {
    Escape: () => {
      stop(app);
      $("help").close();
    },
    KeyP: click("freeze"), KeyC: click("measure"), KeyK: click("acknowledge"),
    KeyL: toggleLanguage, KeyM: () => pauseSound(app),
    Slash: click("help-open"), Equal: () => stepScale(app, 1), NumpadAdd: () => stepScale(app, 1),
    Minus: () => stepScale(app, -1), NumpadSubtract: () => stepScale(app, -1),
    BracketRight: force(0.5), BracketLeft: force(-0.5),
  };
}

export function wireBar(app) {
  $("language").addEventListener("click", toggleLanguage);
  $("mute").addEventListener("click", () => pauseSound(app));
  $("help-open").addEventListener("click", () => {
    app.deadman.release("help");
    $("help").showModal();
  });
  $("keys-toggle").addEventListener("click", () => {
    app.letters = !app.letters;
    $("keys-toggle").setAttribute("aria-pressed", String(app.letters));
  });
  toggle("force-sound", (on) => {
    app.tone.on = on;
  });
  show($("lease"), false);
}
