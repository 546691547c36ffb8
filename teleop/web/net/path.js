// Is what the page shows true now? Tells a path that was lost from one that is still being made.

const FIRST_MS = 3000; // A page that was let in and hears nothing for so long has no path either.

export class PathWatch {
  constructor() {
    this.since = Infinity; // when the page was let in
    this.ever = false;
  }

  joined(now) {
    if (this.since === Infinity) this.since = now;
  }

  left() {
    this.since = Infinity;
    this.ever = false;
  }

  /** True when the path is gone; `ok` says whether it works at this moment. */
  lost(ok, now) {
    if (ok) this.ever = true;
    if (ok || this.since === Infinity) return false;
    return this.ever || now - this.since > FIRST_MS;
  }
}
