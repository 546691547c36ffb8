// A clock for the bedside page that a hidden tab does not slow down (timers of workers keep going).

/* eslint-env worker */
setInterval(() => postMessage(0), 100);
