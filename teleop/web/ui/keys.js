// Says in the header whether commands are signed, and with what kind of key.

import { onLanguage, t } from "../text.js";
import { $, setData, setText } from "./dom.js";

export function showKey(key, signalling) {
  const render = () => {
    const { suiteText } = key;
    setData($("suite"), "suite", suiteText);
    setText($("suite"), suiteText ? t("keys.suite", { suite: suiteText }) : t("keys.none"));
  };
  key.onChange = render;
  key.onProblem = (error) => signalling.emit("refused", { reason: "key_refused", detail: error.message });
  onLanguage(render);
  render();
}
