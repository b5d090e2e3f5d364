// How sure an answer is: the label that is left below a threshold, the likeliest emotions, and words for it.

import { current, has, percent, t } from "./language.js";
import { nameOf } from "./palette.js";

/** The label of an answer, 'uncertain' where its confidence is below the threshold, null where there is none. */
export function held(answer, threshold) {
  if (!answer.likeliest) return null;
  return answer.confidence < threshold ? "uncertain" : answer.likeliest;
}

/** Emotions with probabilities, the likeliest first; the answer's own always leads. */
function ranked({ probabilities, likeliest }) {
  const order = Object.entries(probabilities).sort(([, a], [, b]) => b - a);
  return [...order.filter(([label]) => label === likeliest), ...order.filter(([label]) => label !== likeliest)];
}

export const named = (label) => nameOf(label, current());

/** What an answer comes to: label held to the threshold, its name, how sure in words, and the second likeliest. */
export function said(answer, threshold) {
  const label = held(answer, threshold);
  if (label === null) return { label, name: t("no_answer"), sure: "", second: "", brief: t("no_answer") };
  const [, [next, share]] = ranked(answer);
  const second = share < 0.005 ? "" : t("then", { label: named(next), percent: percent(share) });
  const top = { label: named(answer.likeliest), percent: percent(answer.confidence) };
  if (label === "uncertain") {
    const sure = t("most_like", top);
    return { label, name: t("uncertain"), sure, second, brief: `${t("uncertain")}: ${sure}` };
  }
  const grade = answer.confidence >= 0.8 ? "very_likely" : answer.confidence >= 0.6 ? "likely" : "possible";
  return { label, name: top.label, sure: `${top.percent} · ${t(grade)}`, second, brief: `${top.label} ${top.percent}` };
}

/** A warning 'code: sentence' in the language chosen. */
export function warning(text) {
  const [code] = text.split(":");
  return has(`warn_${code}`) ? t(`warn_${code}`) : text;
}

export const codes = (answer) => (answer.warnings ?? []).map((text) => text.split(":")[0]);
