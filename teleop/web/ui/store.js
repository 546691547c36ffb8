// Keep a still (PNG) or a clip (WebM) on the expert's computer. File names carry no patient data.

const CLIP_MAX_MS = 60_000;
const CLIP_TYPES = ["video/webm;codecs=h264", "video/webm;codecs=vp8", "video/webm"];

function download(blob, kind, ending) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  const stamp = new Date().toISOString().replace(/[:.]/g, "");
  link.download = `${kind}_${stamp}.${ending}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** The picture as shown (frozen copy or live) with scale, marks, callipers and `caption`. */
export function storeStill(picture, frozenCanvas, caption) {
  const canvas = document.createElement("canvas");
  canvas.width = picture.width;
  canvas.height = picture.height;
  const context = canvas.getContext("2d");
  const source = picture.frozen ? frozenCanvas : picture.element;
  context.drawImage(source, 0, 0, canvas.width, canvas.height);
  picture.drawMarks(context, canvas.width, canvas.height);
  context.fillStyle = "#ffd34d";
  context.font = "13px system-ui, sans-serif";
  context.textAlign = "center";
  context.textBaseline = "bottom";
  context.fillText(caption, canvas.width / 2, canvas.height - 4);
  return new Promise((resolve) => {
    canvas.toBlob((blob) => {
      download(blob, "still", "png");
      resolve(blob);
    }, "image/png");
  });
}

/** Records the live video until stopped, at most a minute. */
export class ClipRecorder {
  constructor(element, onChange) {
    this.element = element;
    this.onChange = onChange;
    this.recorder = null;
  }

  get running() {
    return this.recorder !== null;
  }

  start() {
    const stream = this.element.srcObject;
    const mimeType = CLIP_TYPES.find((type) => MediaRecorder.isTypeSupported(type));
    if (!stream || !mimeType || this.running) return false;
    const parts = [];
    this.recorder = new MediaRecorder(stream, { mimeType });
    this.recorder.ondataavailable = (event) => parts.push(event.data);
    this.recorder.onstop = () => {
      clearTimeout(this.timer);
      this.recorder = null;
      this.onChange(false);
      download(new Blob(parts, { type: "video/webm" }), "clip", "webm");
    };
    this.recorder.start(1000);
    this.timer = setTimeout(() => this.stop(), CLIP_MAX_MS);
    this.onChange(true);
    return true;
  }

  stop() {
    this.recorder?.stop();
  }
}
