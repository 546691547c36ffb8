// Draws the console from the newest telemetry together with each picture: the display frames between
// two pictures stay free for commands (and for the next picture, which is made meanwhile).

import { ContactState } from "../generated/schema.js";
import { t } from "../text.js";
import { $, fixed, setData, setText, show } from "../ui/dom.js";
import { alarmName, guardSilent, needsAcknowledge, pathAlarm } from "../ui/state.js";
import { drawScene } from "../ui/view3d.js";

const DRAW_MS = 30; // Without new pictures: at every display frame that is so late.
const WORDS_MS = 40; // Numbers in words; what stops the arm is said at once (`told`).
const SLOW_MS = 100; // Parts that nobody reads faster.

function wordForDeadman(app) {
  if (app.deadman.held) return t("deadman.held");
  const [block] = app.deadman.blocks;
  const reason = block ?? app.deadman.lastRelease;
  return ["", "released"].includes(reason) ? t("deadman.keys") : t(`deadman.${reason}`);
}

export class ConsoleView {
  constructor(app) {
    this.app = app;
    this.wordsAt = -Infinity;
    this.slowAt = -Infinity;
    this.drawnAt = -Infinity;
    this.pictures = 0;
    this.renderedStampUs = 0;
    this.renderedAt = 0;
    this.said = "";
  }

  /** New telemetry: a new state or cause does not wait for the next display frame. */
  told(telemetry) {
    const news = [telemetry.state, telemetry.first_out, telemetry.step, telemetry.alarm].join();
    if (news === this.said) return;
    this.said = news;
    this.wordsAt = performance.now();
    this.renderWords(telemetry, this.app.pathOk(), this.wordsAt);
  }

  run() {
    const frame = (now) => {
      this.app.screen.frame(now);
      if (this.due(now)) this.render(now);
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  }

  due(now) {
    const { frames } = this.app.video;
    if (frames === this.pictures && now - this.drawnAt < DRAW_MS) return false;
    this.pictures = frames;
    this.drawnAt = now;
    return true;
  }

  render(now) {
    const { app } = this;
    const clock = performance.now();
    const pathOk = app.pathOk();
    const telemetry = pathOk ? app.command.telemetry : null;
    app.force.render(telemetry, app.sampler.forceRefN);
    if (telemetry && telemetry.stamp_us !== this.renderedStampUs) {
      this.renderedStampUs = telemetry.stamp_us;
      this.renderedAt = now;
    }
    if (clock - this.wordsAt >= WORDS_MS) {
      this.wordsAt = clock;
      this.renderWords(telemetry, pathOk, clock);
    }
    if (clock - this.slowAt >= SLOW_MS) {
      this.slowAt = clock;
      this.renderSlow(telemetry, pathOk, clock);
    }
  }

  renderWords(telemetry, pathOk, clock) {
    const { app } = this;
    app.state.render(telemetry, app.path.lost(pathOk, clock), clock);
    app.picture.render(telemetry, clock);
    app.latency.render(telemetry, clock);
    this.renderDrive(telemetry);
    app.needle.render(telemetry, clock);
    const timely = app.force.timely(telemetry);
    const touching = telemetry?.contact_state >= ContactState.TOUCH;
    app.tone.update(telemetry?.force_n ?? 0, timely && touching);
    if (timely) app.gamepad.rumble(Math.min(1, telemetry.force_n / 20), clock);
  }

  renderDrive(telemetry) {
    const { app } = this;
    const button = $("deadman");
    setData(button, "held", app.deadman.held);
    button.setAttribute("aria-pressed", String(app.deadman.held));
    setText($("deadman-why"), wordForDeadman(app));
    show($("acknowledge"), needsAcknowledge(telemetry));
    if (telemetry) this.renderMark(telemetry); // a gap takes nothing away from who is typing
  }

  renderMark(telemetry) {
    const { app } = this;
    const mark = telemetry.mark_shown && !telemetry.mark_ok;
    if (mark && $("mark").hidden) {
      show($("mark"), true);
      if (document.activeElement === document.body && !app.deadman.held) $("mark-input").focus();
    } else if (!mark) {
      show($("mark"), false);
    }
  }

  renderSlow(telemetry, pathOk, now) {
    const { app } = this;
    const lost = app.path.lost(pathOk, now);
    const silent = guardSilent(telemetry) ? "path.guard_silent" : null;
    pathAlarm(lost ? "path.console_lost" : silent);
    app.sound.update(alarmName(telemetry, lost), now);
    const paused = app.sound.pausedFor(now);
    setText($("mute"), paused > 0 ? t("sound.paused", { s: paused }) : t("sound.pause"));
    const link = $("link");
    setData(link, "ok", pathOk);
    setText(link, t(pathOk ? "link.ok" : app.joined() ? "link.lost" : "link.none"));
    app.links.render(telemetry);
    this.renderLease();
    const mm = app.picture.callipers.distances();
    setText($("measured"), mm.map((d, i) => t("picture.distance", { i: i + 1, mm: fixed(d) })).join("  "));
    drawScene($("view3d"), telemetry);
  }

  renderLease() {
    const { app } = this;
    const session = app.signalling.welcome?.session;
    const mine = app.drives();
    setText($("who"), app.joined() ? t(mine ? "lease.mine" : "lease.other") : "");
    show($("lease"), app.joined() && !mine);
    const asked = app.peers.lease_wanted_by === session;
    setText($("lease"), t(asked ? "lease.asked" : "lease.ask"));
  }
}
