// The join dialog: a one-time code from the address or typed, then a click.

import { takeCode, token } from "./identity.js";
import { has, onLanguage, t } from "./text.js";
import { $, setText } from "./ui/dom.js";

/**
 * Wire the dialog. `before()` runs inside the click (sound, wake lock). With `silent` a tab that
 * has a token joins without a click. `problem` is shown at once ({key} of the text table).
 */
export function joinDialog(signalling, { before = async () => {}, silent = false, problem = null } = {}) {
  const dialog = $("join-dialog");
  const code = $("code");
  const explain = () => {
    if (!problem) return setText($("join-problem"), "");
    const key = problem.key ?? `refused.${problem.reason}`;
    const detail = problem.detail ?? "";
    setText($("join-problem"), has(key) ? t(key, { detail }) : t("refused.other", { detail: problem.reason }));
  };
  const open = () => {
    explain();
    if (!dialog.open) dialog.showModal();
    (code.value || token(signalling.role) ? $("join") : code).focus();
  };
  code.value = takeCode();
  dialog.addEventListener("cancel", (event) => event.preventDefault());
  $("join-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    problem = null;
    await before();
    const typed = code.value.trim().toUpperCase();
    if (!signalling.join(typed)) problem = { key: "join.code_needed" };
    explain();
  });
  signalling.on("denied", (message) => {
    problem = message;
    code.value = "";
    open();
  });
  signalling.on("welcome", () => {
    problem = null;
    code.value = "";
    dialog.close();
  });
  onLanguage(explain);
  if (!(silent && !code.value && signalling.join())) open();
}
