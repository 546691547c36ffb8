// The talk panel: ready phrases, what the other side said, microphone, and the room's picture.

import { make, setData, setText } from "../ui/dom.js";
import { language, onLanguage, t, translate } from "../text.js";

/** Ids of the text table (`phrase.ID`), by who says them. */
export const PHRASES = {
  console: [
    "breathe_hold", "breathe_out", "breathe_normal", "keep_still", "turn_left", "turn_right",
    "belly_relax", "does_it_hurt", "more_gel", "reposition", "wait", "finished",
  ],
  bedside: ["yes", "no", "ready", "pause_please", "wait"],
};

/** Speak with a voice of this computer only: nothing is sent to a speech service. */
function say(text) {
  const voices = globalThis.speechSynthesis?.getVoices() ?? [];
  const voice = voices.find((one) => one.localService && one.lang.startsWith(language()));
  if (!voice) return;
  const spoken = new SpeechSynthesisUtterance(text);
  spoken.voice = voice;
  speechSynthesis.speak(spoken);
}

async function openCamera() {
  try {
    const wanted = { video: { width: 640, frameRate: 10 } };
    return (await navigator.mediaDevices.getUserMedia(wanted)).getVideoTracks()[0];
  } catch (error) {
    console.warn("no camera", error);
    return null;
  }
}

export class TalkPanel {
  constructor(root, signalling, role) {
    this.said = null;
    this.heard = make("p", { className: "heard", id: "heard" });
    this.heard.setAttribute("aria-live", "polite");
    this.room = make("video", { id: "room", muted: true, autoplay: true, playsInline: true, hidden: role === "bedside" });
    this.voice = make("audio", { id: "voice", autoplay: true });
    this.microphone = make("button", { id: "microphone", type: "button", dataset: { text: "talk.microphone" } });
    this.microphone.setAttribute("aria-pressed", "false");
    this.status = make("span", { id: "talk-state", className: "dim" });
    const phrases = PHRASES[role].map((id) => this.phrase(signalling, id));
    root.append(
      make("h2", { dataset: { text: "talk.title" } }),
      this.room,
      this.voice,
      make("div", { className: "row" }, this.microphone, this.status),
      this.heard,
      make("div", { className: "phrases" }, ...phrases),
    );
    translate(root);
    signalling.on("phrase", ({ id }) => this.received(id));
    onLanguage(() => this.render());
  }

  phrase(signalling, id) {
    const button = make("button", { type: "button", dataset: { text: `phrase.${id}`, phrase: id } });
    button.addEventListener("click", () => signalling.send("phrase", { id }));
    return button;
  }

  received(id) {
    this.said = id;
    this.render();
    say(t(`phrase.${id}`));
  }

  render() {
    setText(this.heard, this.said ? t("talk.heard", { phrase: t(`phrase.${this.said}`) }) : "");
    setData(this.heard, "phrase", this.said ?? "");
  }

  /** Connect a Talk: its tracks appear here, the microphone button drives it. */
  attach(talk) {
    this.microphone.addEventListener("click", async () => {
      const on = this.microphone.getAttribute("aria-pressed") !== "true";
      const done = await talk.speak(on);
      this.microphone.setAttribute("aria-pressed", String(on && done));
      setText(this.status, done ? "" : t("talk.no_microphone"));
    });
  }

  /** The bedside's camera button; `simulated()` is what is sent while it is off. */
  camera(talk, simulated) {
    const button = make("button", { id: "camera", type: "button", dataset: { text: "talk.camera" } });
    button.setAttribute("aria-pressed", "false");
    this.microphone.after(button);
    translate(button.parentElement);
    button.addEventListener("click", async () => {
      const on = button.getAttribute("aria-pressed") !== "true";
      const track = on ? await openCamera() : simulated();
      if (on && !track) setText(this.status, t("talk.no_camera"));
      else await talk.show(track);
      button.setAttribute("aria-pressed", String(on && track !== null));
    });
  }

  track(track) {
    const element = track.kind === "audio" ? this.voice : this.room;
    element.srcObject = new MediaStream([track]);
    element.play().catch((error) => console.warn("talk waits for a click", error));
  }
}
