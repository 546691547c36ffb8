// The bedside page: supervises, stops, and alarms by itself when its own path is gone.

import { AlarmSound } from "./alarms/sound.js";
import { keepScreenOn } from "./alarms/wakelock.js";
import { renderActions, wireActions } from "./bedside/actions.js";
import { EventList } from "./bedside/events.js";
import { StopButton } from "./bedside/stop.js";
import { ForceZero } from "./bedside/zero.js";
import { ContactState } from "./generated/schema.js";
import { joinDialog } from "./join.js";
import { fromArray, nameOf } from "./net/telemetry.js";
import { NeedleConfirm } from "./needle/confirm.js";
import { PathWatch } from "./net/path.js";
import { Signalling } from "./net/ws.js";
import { TalkPanel } from "./talk/panel.js";
import { RoomView } from "./talk/roomview.js";
import { Talk } from "./talk/talk.js";
import { loadText, onLanguage, t, toggleLanguage } from "./text.js";
import { $, fixed, make, setData, setText } from "./ui/dom.js";
import { LatencyPanel } from "./ui/latency.js";
import { LinkPanel } from "./ui/links.js";
import { showRefusals } from "./ui/notice.js";
import { StatePanel, alarmName, guardSilent, pathAlarm } from "./ui/state.js";

const PATH_MS = 350; // Status comes every 50 ms; said within 500 ms with a tick of 100 ms.
const PAUSE_S = 30;
const NEWS = ["state", "first_out", "step", "alarm"]; // Shown at once; the rest with the next tick.
const NO_PEERS = { console: false, observers: 0, lease_session: 0, lease_wanted_by: 0 };

class Bedside {
  constructor() {
    this.signalling = new Signalling("bedside");
    this.sound = new AlarmSound();
    this.soundOk = false;
    this.peers = NO_PEERS;
    this.telemetry = null;
    this.statusAt = -Infinity;
    this.beats = 0;
    this.said = "";
    this.state = new StatePanel();
    this.path = new PathWatch();
    this.latency = new LatencyPanel($("latency-rows"));
    this.links = new LinkPanel($("latency-rows").parentElement);
    this.events = new EventList();
    this.stop = new StopButton(this.signalling);
    this.room = new RoomView();
    this.needle = new NeedleConfirm(this.signalling);
    this.zero = new ForceZero(this.signalling);
  }

  joined() {
    return this.signalling.welcome !== null;
  }

  pathOk(now = performance.now()) {
    return this.signalling.state === "open" && now - this.statusAt <= PATH_MS;
  }

  listen() {
    const { signalling } = this;
    showRefusals(signalling);
    signalling.on("status", ({ telemetry }) => this.status(fromArray(telemetry)));
    signalling.on("welcome", (welcome) => {
      this.path.joined(performance.now());
      this.links.names(welcome.links);
      this.state.limits(welcome.limits);
    });
    signalling.on("denied", () => this.path.left());
    signalling.on("peers", (peers) => this.peersChanged(peers));
    signalling.on("change", () => this.render());
    const ticker = new Worker("/static/alarms/ticker.js");
    ticker.onmessage = () => this.tick();
  }

  status(telemetry) {
    if (!telemetry) return;
    const back = !this.pathOk();
    this.telemetry = telemetry;
    this.statusAt = performance.now();
    this.room.telemetry = telemetry;
    this.latency.add(telemetry, this.statusAt);
    this.events.follow(telemetry);
    const news = NEWS.map((name) => telemetry[name]).join();
    if (news === this.said && !back) return;
    this.said = news;
    this.render();
  }

  peersChanged(peers) {
    const first = this.peers === NO_PEERS;
    const came = peers.console && !this.peers.console;
    if (peers.console !== this.peers.console) this.events.add(came ? "event.console" : "event.console_gone");
    if (peers.lease_wanted_by !== 0 && this.peers.lease_wanted_by === 0) this.events.add("event.lease_wanted");
    this.peers = peers;
    if (first && peers.console) this.talk.start();
    this.render();
  }

  /** Ten times a second, also while the page is hidden: heartbeat, sound, path. */
  tick() {
    this.soundOk = this.sound.sounding(performance.now());
    if (this.signalling.state === "open") {
      this.beats += 1;
      const visible = document.visibilityState === "visible";
      this.signalling.send("beat", { seq: this.beats, visible, sound: this.soundOk });
    }
    this.render();
  }

  pathMessage(lost) {
    if (!this.joined()) return null;
    if (this.stop.unsent) return "path.stop_unsent";
    if (lost) return "path.bedside_lost";
    if (guardSilent(this.telemetry)) return "path.bedside_silent";
    return this.soundOk ? null : "path.no_sound";
  }

  render() {
    const now = performance.now();
    const pathOk = this.pathOk(now);
    const telemetry = pathOk ? this.telemetry : null;
    const lost = this.path.lost(pathOk, now);
    this.state.render(telemetry, lost, now);
    pathAlarm(this.pathMessage(lost));
    this.sound.update(alarmName(telemetry, lost), now);
    const paused = this.sound.pausedFor(now);
    setText($("mute"), paused > 0 ? t("sound.paused", { s: paused }) : t("sound.pause"));
    setData($("link"), "ok", pathOk);
    setText($("link"), t(pathOk ? "link.ok" : this.joined() ? "link.lost" : "link.none"));
    setData($("stop"), "connected", pathOk && !guardSilent(telemetry));
    setText($("force"), fixed(telemetry?.force_n));
    setData($("force"), "force", telemetry ? telemetry.force_n.toFixed(2) : "");
    setText($("contact"), telemetry ? t(`contact.${nameOf(ContactState, telemetry.contact_state)}`) : "");
    this.renderPeople(telemetry);
    renderActions(telemetry, this.peers);
    this.needle.render(telemetry);
    this.zero.render(telemetry);
    this.renderBanners(this.telemetry); // Facts of the site: they stay while the path is lost.
    this.latency.render(telemetry, now);
    this.links.render(telemetry);
  }

  renderPeople(telemetry) {
    const known = this.peers.console ? "bedside.driver_expert" : "bedside.driver_none";
    const driver = telemetry ? known : "bedside.unknown";
    setText($("driver"), t(driver, { n: this.peers.lease_session }));
    setText($("deadman-state"), telemetry ? t(telemetry.deadman ? "bedside.deadman_held" : "bedside.deadman_free") : "");
  }

  renderBanners(telemetry) {
    const words = [];
    if (telemetry && !telemetry.live) words.push("banner.not_live");
    if (telemetry?.widened) words.push("banner.widened");
    if (telemetry?.not_real_time) words.push("banner.not_real_time");
    if (telemetry?.simulated) words.push("banner.simulated");
    const text = words.map((key) => t(key)).join("|");
    if (text === this.bannerText) return;
    this.bannerText = text;
    const item = (key) => make("li", { className: key === "banner.simulated" ? "calm" : "", textContent: t(key) });
    $("banners").replaceChildren(...words.map(item));
  }

  wire() {
    wireActions(this.signalling, () => (this.pathOk() ? this.telemetry : null));
    $("language").addEventListener("click", toggleLanguage);
    $("mute").addEventListener("click", () => this.sound.pause(PAUSE_S, performance.now()));
    onLanguage(() => {
      this.events.render();
      this.render();
    });
    const panel = new TalkPanel($("talk"), this.signalling, "bedside");
    this.talk = new Talk(this.signalling, {
      offers: true,
      picture: () => (this.signalling.welcome?.room_view ? this.room.track() : null),
      onTrack: (track) => panel.track(track),
    });
    panel.attach(this.talk);
    panel.camera(this.talk, () => (this.signalling.welcome?.room_view ? this.room.track() : null));
    // A click anywhere brings back a sound that the browser has suspended.
    window.addEventListener("pointerdown", () => this.sound.context?.resume());
  }
}

await loadText();
const bedside = new Bedside();
bedside.wire();
bedside.listen();
joinDialog(bedside.signalling, {
  before: async () => {
    await bedside.sound.unlock();
    await keepScreenOn();
  },
});
globalThis.bedsidePage = bedside; // For the browser test and the developer tools.
