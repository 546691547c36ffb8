// What the robot refused, in words, for a few seconds.

import { has, t } from "../text.js";
import { $, setData, setText, show } from "./dom.js";

const SHOWN_MS = 6000;
// These are answered by the page itself or say nothing to a person.
const QUIET = new Set(["rebuild", "media_restarted", "media_unavailable", "nobody_there"]);

/** Show refusals of an open session in #notice. */
export function showRefusals(signalling) {
  let timer = 0;
  signalling.on("refused", ({ reason, detail }) => {
    if (QUIET.has(reason)) return;
    const key = `refused.${reason}`;
    setText($("notice"), has(key) ? t(key, { detail }) : t("refused.other", { detail: reason }));
    setData($("notice"), "reason", reason);
    show($("notice"), true);
    clearTimeout(timer);
    timer = setTimeout(() => show($("notice"), false), SHOWN_MS);
  });
}
