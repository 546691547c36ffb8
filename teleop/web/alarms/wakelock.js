// Keeps the bedside's screen on; taken again whenever the page comes back to the front.

let wanted = false;
let lock = null;

async function take() {
  if (!wanted || !("wakeLock" in navigator) || document.visibilityState !== "visible") return;
  try {
    lock = await navigator.wakeLock.request("screen");
  } catch (error) {
    console.warn("the screen may turn itself off", error);
    lock = null;
  }
}

/** Keep the screen on from now on; call from a click. True when the lock was given. */
export async function keepScreenOn() {
  if (!wanted) document.addEventListener("visibilitychange", take);
  wanted = true;
  await take();
  return lock !== null;
}
