// A viewer that notes, for every picture, when it was decoded and when it was presented.
// Decoded: MediaStreamTrackProcessor hands the frame over. Presented: requestVideoFrameCallback
// runs, which is after the frame was given to the compositor. Times are performance.now() in ms.

import { ScreenReport } from "./genlock.js";

const BLOCK = 16, BITS = 72, LIMIT = 126, UNSURE = 30;
const decoded = [];    // [media time us, rtp or -1, number or -1, stamp us, now ms]
const reports = [];    // what the console would tell about its screen
const presented = [];  // [media time us, rtp or -1, now ms, expected display ms, presented frames]
let connection = null, fullWidth = 640, smaller = 0;

const CRC = new Uint32Array(256).map((_, n) => {
  for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n;
});
function crc32(bytes) {
  let c = 0xffffffff;
  for (const b of bytes) c = CRC[(c ^ b) & 0xff] ^ (c >>> 8);
  return (c ^ 0xffffffff) >>> 0;
}

// The middle half of each block, as in bench/latency/pixelstamp.py. `block` is smaller than 16
// where the picture was sent below its full size.
function readStamp(luma, stride, columns, block) {
  const bytes = new Uint8Array(9);
  for (let bit = 0; bit < BITS; bit++) {
    const left = (bit % columns) * block, top = Math.floor(bit / columns) * block;
    let sum = 0, count = 0;
    for (let y = Math.ceil(top + block / 4); y < top + block * 3 / 4; y++)
      for (let x = Math.ceil(left + block / 4); x < left + block * 3 / 4; x++, count++)
        sum += luma[y * stride + x];
    const mean = sum / count;
    if (Math.abs(mean - LIMIT) < UNSURE) return null;
    if (mean > LIMIT) bytes[bit >> 3] |= 0x80 >> (bit & 7);
  }
  if ((crc32(bytes.subarray(0, 8)) & 0xff) !== bytes[8]) return null;
  let time = 0;
  for (let i = 2; i < 8; i++) time = time * 256 + bytes[i];
  return [bytes[0] * 256 + bytes[1], time];
}

async function stampOf(frame) {
  const block = BLOCK * frame.displayWidth / fullWidth;
  if (frame.displayWidth < fullWidth) smaller++;
  const columns = Math.floor(fullWidth / BLOCK), rows = Math.ceil(BITS / columns);
  const even = (size, most) => Math.min(most, 2 * Math.ceil(size / 2));
  const rect = {x: 0, y: 0, width: even(columns * block, frame.codedWidth),
    height: even(rows * block, frame.codedHeight)};
  const data = new Uint8Array(frame.allocationSize({rect}));
  const [luma] = await frame.copyTo(data, {rect});
  return readStamp(data.subarray(luma.offset), luma.stride, columns, block);
}

async function watchDecoded(track) {
  const reader = new MediaStreamTrackProcessor({track, maxBufferSize: 1}).readable.getReader();
  for (;;) {
    const {value: frame, done} = await reader.read();
    if (done) return;
    const now = performance.now();
    const rtp = frame.metadata?.().rtpTimestamp ?? -1;
    const stamp = await stampOf(frame);
    decoded.push([frame.timestamp, rtp, ...(stamp ?? [-1, 0]), now]);
    frame.close();
  }
}

function watchPresented(video) {
  const screen = new ScreenReport((report) => reports.push(report));
  const frame = (now) => {
    screen.frame(now);
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
  const note = (now, meta) => {
    screen.picture(now, meta);
    const rtp = meta.rtpTimestamp ?? -1;
    presented.push([Math.round(meta.mediaTime * 1e6), rtp, performance.now(),
      meta.expectedDisplayTime, meta.presentedFrames]);
    video.requestVideoFrameCallback(note);
  };
  video.requestVideoFrameCallback(note);
}

async function gathered(pc) {
  if (pc.iceGatheringState === "complete") return;
  await new Promise((resolve) => pc.addEventListener("icegatheringstatechange", () => {
    if (pc.iceGatheringState === "complete") resolve();
  }));
}

async function offer(codec, width) {
  fullWidth = width;
  connection = new RTCPeerConnection();
  const transceiver = connection.addTransceiver("video", {direction: "recvonly"});
  const wanted = RTCRtpReceiver.getCapabilities("video").codecs.filter((c) =>
    [`video/${codec}`, "video/rtx"].includes(c.mimeType.toLowerCase()));
  transceiver.setCodecPreferences(wanted);
  connection.addEventListener("track", ({track}) => {
    const video = document.getElementById("video");
    video.srcObject = new MediaStream([track]);
    watchPresented(video);
    watchDecoded(track);
  });
  await connection.setLocalDescription(await connection.createOffer());
  await gathered(connection);
  return connection.localDescription.sdp;
}

async function accept(sdp) {
  await connection.setRemoteDescription({type: "answer", sdp});
}

// Smallest round trip of many: [server ns as text, middle of the round trip ms, half of it ms].
async function clock(count) {
  const socket = new WebSocket(`ws://${location.host}/clock`);
  await new Promise((resolve) => socket.addEventListener("open", resolve));
  let best = ["0", 0, Infinity];
  for (let i = 0; i < count; i++) {
    const begun = performance.now();
    const answer = new Promise((resolve) =>
      socket.addEventListener("message", (e) => resolve(e.data), {once: true}));
    socket.send("?");
    const text = await answer, ended = performance.now();
    if ((ended - begun) / 2 < best[2]) best = [text, (begun + ended) / 2, (ended - begun) / 2];
  }
  socket.close();
  return best;
}

async function stats() {
  for (const report of (await connection.getStats()).values())
    if (report.type === "inbound-rtp" && report.kind === "video") return report;
  return {};
}

const screen = () => reports.splice(0);

window.probe = {offer, accept, clock, stats, screen, log: () => ({decoded, presented, smaller})};
