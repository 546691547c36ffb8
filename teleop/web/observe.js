// The observer's page: picture, state, force and delays. It can send nothing to the robot.

import { joinDialog } from "./join.js";
import { fromArray } from "./net/telemetry.js";
import { PathWatch } from "./net/path.js";
import { VideoPath } from "./net/videos.js";
import { Signalling } from "./net/ws.js";
import { loadText, t, toggleLanguage } from "./text.js";
import { $, setData, setText } from "./ui/dom.js";
import { ForcePanel } from "./ui/force.js";
import { LatencyPanel } from "./ui/latency.js";
import { Picture } from "./ui/picture.js";
import { StatePanel, guardSilent, pathAlarm } from "./ui/state.js";
import { drawScene } from "./ui/view3d.js";

const PATH_MS = 500; // Status arrives at 10 Hz.

await loadText();
const signalling = new Signalling("observer");
const video = new VideoPath(signalling, $("video"));
const picture = new Picture(video);
const force = new ForcePanel();
const latency = new LatencyPanel($("latency-rows"));
const joined = () => signalling.welcome !== null;
const state = new StatePanel();
const path = new PathWatch();
let telemetry = null;
let statusAt = -Infinity;

function render() {
  const now = performance.now();
  const pathOk = joined() && now - statusAt <= PATH_MS;
  const known = pathOk ? telemetry : null;
  const lost = path.lost(pathOk, now);
  state.render(known, lost, now);
  pathAlarm(lost ? "path.console_lost" : guardSilent(known) ? "path.guard_silent" : null);
  force.render(known, known?.force_ref_n);
  picture.render(known, now);
  latency.render(known, now);
  drawScene($("view3d"), known);
  setData($("link"), "ok", pathOk);
  setText($("link"), t(pathOk ? "link.ok" : joined() ? "link.lost" : "link.none"));
}

signalling.on("status", (message) => {
  telemetry = fromArray(message.telemetry) ?? telemetry;
  statusAt = performance.now();
  latency.add(telemetry, statusAt);
});
signalling.on("image_state", (message) => picture.geometry(message));
signalling.on("welcome", (welcome) => {
  path.joined(performance.now());
  picture.staleMs = welcome.limits.image_stale_ms ?? picture.staleMs;
  force.limits(welcome.limits);
  state.limits(welcome.limits);
  picture.geometry(welcome.video);
  video.start(1);
});
$("language").addEventListener("click", toggleLanguage);
joinDialog(signalling, { silent: true });
setInterval(render, 100);
