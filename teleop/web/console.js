// The expert's page: builds the parts and connects them. Who decides what: console/controls.js
// (people), input/sampler.js (commands), console/view.js (what is shown).

import { AlarmSound, ForceTone } from "./alarms/sound.js";
import { AuditTalk } from "./audit/talk.js";
import * as controls from "./console/controls.js";
import { ConsoleView } from "./console/view.js";
import { Deadman, holdButton, watchPage } from "./input/deadman.js";
import { GamepadInput } from "./input/gamepad.js";
import { Hand } from "./input/hand.js";
import { MotionKeys, shortcuts } from "./input/keys.js";
import { dragOnPicture, wheel } from "./input/pointer.js";
import { Sampler } from "./input/sampler.js";
import { joinDialog } from "./join.js";
import { CommandKey } from "./keys/agreement.js";
import { CommandPath } from "./net/commands.js";
import { NeedlePanel } from "./needle/panel.js";
import { ScreenReport } from "./net/genlock.js";
import { PathWatch } from "./net/path.js";
import { VideoPath } from "./net/videos.js";
import { Signalling } from "./net/ws.js";
import { TalkPanel } from "./talk/panel.js";
import { Talk } from "./talk/talk.js";
import { loadText, onLanguage } from "./text.js";
import { $ } from "./ui/dom.js";
import { ForcePanel } from "./ui/force.js";
import { showKey } from "./ui/keys.js";
import { LatencyPanel } from "./ui/latency.js";
import { LinkPanel } from "./ui/links.js";
import { showRefusals } from "./ui/notice.js";
import { Picture } from "./ui/picture.js";
import { StatePanel } from "./ui/state.js";
import { ClipRecorder } from "./ui/store.js";

const PATH_MS = 250; // Telemetry comes every 10 ms.
const MOVING = new Set(["ACTIVE", "DEGRADED"]);
const NO_PEERS = { console: false, bedside: false, observers: 0, lease_session: 0, lease_wanted_by: 0 };

class Console {
  constructor() {
    this.letters = true;
    this.peers = NO_PEERS;
    this.signalling = new Signalling("console");
    this.command = new CommandPath(this.signalling);
    this.key = new CommandKey(this.signalling);
    this.audit = new AuditTalk(this.signalling);
    this.video = new VideoPath(this.signalling, $("video"));
    this.deadman = new Deadman();
    this.hand = new Hand();
    this.keys = new MotionKeys();
    this.gamepad = new GamepadInput(this.deadman);
    this.sound = new AlarmSound();
    this.tone = new ForceTone(this.sound);
    this.picture = new Picture(this.video);
    this.force = new ForcePanel();
    this.latency = new LatencyPanel($("latency-rows"));
    this.links = new LinkPanel($("latency"));
    this.state = new StatePanel();
    this.path = new PathWatch();
    this.screen = new ScreenReport((waits) => this.drives() && this.signalling.send("presented", waits));
    this.view = new ConsoleView(this);
    this.clip = new ClipRecorder(this.video, (on) => $("clip").setAttribute("aria-pressed", String(on)));
    this.needle = new NeedlePanel(this);
    this.sampler = new Sampler({
      needle: this.needle,
      command: this.command,
      video: this.video,
      deadman: this.deadman,
      hand: this.hand,
      readAxes: () => this.axes(),
      rendered: () => ({ stampUs: this.view.renderedStampUs, at: this.view.renderedAt }),
      may: { send: () => this.drives(), move: () => this.moving() },
      sign: (frame) => this.key.sign(frame),
    });
  }

  joined() {
    return this.signalling.welcome !== null;
  }

  drives() {
    const session = this.signalling.welcome?.session;
    return session !== undefined && this.peers.lease_session === session;
  }

  /** Telemetry arrives: what is shown is true now. */
  pathOk() {
    return this.joined() && performance.now() - this.command.telemetryAt < PATH_MS;
  }

  moving() {
    return this.pathOk() && this.command.alive && MOVING.has(this.command.telemetry.stateName);
  }

  axes() {
    const keys = this.keys.axes();
    const pad = this.gamepad.poll();
    if (!pad) return keys;
    const add = (part) => keys[part].map((v, i) => Math.max(-1, Math.min(1, v + pad[part][i])));
    return { linear: add("linear"), angular: add("angular") };
  }

  /** What must never be driven through: an old or frozen picture, or no path to the robot. */
  checkBlocks() {
    const live = this.picture.liveState(performance.now());
    this.deadman.block("stale", live === "stale" || live === "none");
    this.deadman.block("path", !this.pathOk() || !this.command.alive);
  }

  welcomed(welcome) {
    const { limits } = welcome;
    this.path.joined(performance.now());
    this.picture.staleMs = limits.image_stale_ms ?? this.picture.staleMs;
    this.hand.vMax = limits.v_free_m_s ?? this.hand.vMax;
    this.force.limits(limits);
    this.state.limits(limits);
    this.picture.geometry(welcome.video);
    if (welcome.lease) this.peers = { ...this.peers, lease_session: welcome.session };
    this.sampler.start(welcome);
    this.command.start(welcome.links.length, welcome.repeat_after_ms);
    this.video.start(welcome.links.length);
    this.links.names(welcome.links);
    if (!this.talk.open) this.talk.start();
  }

  listen() {
    const { signalling } = this;
    showRefusals(signalling);
    showKey(this.key, signalling);
    signalling.on("welcome", (welcome) => this.welcomed(welcome));
    signalling.on("denied", () => this.path.left());
    signalling.on("peers", (peers) => {
      const drove = this.drives();
      this.peers = peers;
      if (this.drives() && !drove) this.talk.start();
    });
    signalling.on("image_state", (state) => {
      this.picture.geometry(state);
      controls.imageState(state);
    });
    this.command.onTelemetry = (telemetry) => {
      this.latency.add(telemetry, performance.now());
      this.audit.telemetry(telemetry);
      this.view.told(telemetry);
    };
    this.video.onFrame = (now, metadata) => this.screen.picture(now, metadata);
    this.picture.onFreeze = (on) => this.deadman.block("frozen", on);
    setInterval(() => this.checkBlocks(), 25);
  }

  wire() {
    watchPage(this.deadman);
    holdButton(this.deadman, $("deadman"));
    dragOnPicture($("picture"), this.hand, () => this.picture.metresPerPixel(), () => !this.picture.callipers.active && !this.needle.pick);
    wheel($("picture"), (steps) => controls.setForce(this, this.sampler.forceRefN + 0.5 * steps));
    controls.wireDrive(this);
    controls.wirePicture(this);
    controls.wireImage(this);
    controls.wireBar(this);
    $("audit-save").addEventListener("click", () => this.audit.download());
    shortcuts(controls.shortcutTable(this), () => this.letters);
    const panel = new TalkPanel($("talk"), this.signalling, "console");
    this.talk = new Talk(this.signalling, { offers: false, onTrack: (track) => panel.track(track) });
    panel.attach(this.talk);
    onLanguage(() => controls.words(this));
    const unlock = () => this.sound.context ?? this.sound.unlock();
    window.addEventListener("pointerdown", unlock, { once: true });
    window.addEventListener("keydown", unlock, { once: true });
  }
}

await loadText();
const app = new Console();
app.wire();
app.listen();
controls.words(app);
joinDialog(app.signalling, {
  silent: true,
  before: () => app.sound.unlock(),
  problem: app.video.supported ? null : { key: "join.browser_old" },
});
app.view.run();
globalThis.consoleApp = app; // For the browser test and the developer tools.
