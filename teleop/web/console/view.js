// Draws the console from the newest telemetry, once per display frame.

import { t } from "../text.js";
import { $, fixed, setData, setText, show } from "../ui/dom.js";
import { alarmName, needsAcknowledge, pathAlarm } from "../ui/state.js";
import { drawScene } from "../ui/view3d.js";

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
    this.slowAt = -Infinity;
    this.renderedStampUs = 0;
    this.renderedAt = 0;
  }

  run() {
    const frame = (now) => {
      this.render(now);
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  }

  render(now) {
    const { app } = this;
    const clock = performance.now();
    const telemetry = app.command.telemetry;
    const pathOk = app.pathOk();
    app.state.render(telemetry, pathOk, clock);
    app.force.render(pathOk ? telemetry : null, app.sampler.forceRefN);
    if (telemetry && telemetry.stamp_us !== this.renderedStampUs) {
      this.renderedStampUs = telemetry.stamp_us;
      this.renderedAt = now;
    }
    app.picture.render(telemetry, clock);
    app.latency.render(pathOk ? telemetry : null, clock);
    this.renderDrive(telemetry);
    app.tone.update(telemetry?.force_n ?? 0, pathOk && telemetry?.contact_state >= 2);
    app.gamepad.rumble(pathOk && telemetry ? Math.min(1, telemetry.force_n / 20) : 0, clock);
    if (clock - this.slowAt < SLOW_MS) return;
    this.slowAt = clock;
    this.renderSlow(telemetry, pathOk, clock);
  }

  renderDrive(telemetry) {
    const { app } = this;
    const button = $("deadman");
    setData(button, "held", app.deadman.held);
    button.setAttribute("aria-pressed", String(app.deadman.held));
    setText($("deadman-why"), wordForDeadman(app));
    show($("acknowledge"), needsAcknowledge(telemetry) && app.pathOk());
    const mark = Boolean(telemetry?.mark_shown) && !telemetry.mark_ok;
    if (mark && $("mark").hidden) {
      show($("mark"), true);
      if (document.activeElement === document.body) $("mark-input").focus();
    } else if (!mark) {
      show($("mark"), false);
    }
  }

  renderSlow(telemetry, pathOk, now) {
    const { app } = this;
    const joined = app.joined();
    pathAlarm(joined && !pathOk ? "path.console_lost" : null);
    app.sound.update(joined ? alarmName(telemetry, pathOk) : "NONE", now);
    const paused = app.sound.pausedFor(now);
    setText($("mute"), paused > 0 ? t("sound.paused", { s: paused }) : t("sound.pause"));
    const link = $("link");
    setData(link, "ok", pathOk);
    setText(link, t(pathOk ? "link.ok" : joined ? "link.lost" : "link.none"));
    this.renderLease();
    const mm = app.picture.callipers.distances();
    setText($("measured"), mm.map((d, i) => t("picture.distance", { i: i + 1, mm: fixed(d) })).join("  "));
    drawScene($("view3d"), pathOk ? telemetry : null);
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
