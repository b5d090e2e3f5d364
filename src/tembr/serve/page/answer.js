// The answer in words, and the probabilities of all emotions as bars.

import { named, said, warning } from "./doubt.js";
import { $, element } from "./elements.js";
import { current, percent, t } from "./language.js";
import { dress, letters, nameOf, swatch } from "./palette.js";

/** Show an answer, or that one is waited for (null). */
export function showAnswer(answer, threshold, labels) {
  $("answer").replaceChildren(...(answer ? words(answer, threshold) : [element("p", { className: "name none" }, t("waiting"))]));
  showBars(answer, labels);
}

function words(answer, threshold) {
  const what = said(answer, threshold);
  const doubtful = what.label === "uncertain" || what.label === null;
  const badge = element("span", { className: `badge${doubtful ? " doubtful" : ""}`, "aria-hidden": "true" });
  badge.textContent = doubtful ? "?" : letters(what.label, current());
  const paint = element("span", { className: "paint", "aria-hidden": "true" });
  if (answer.likeliest) {
    dress(paint, answer.likeliest);
    paint.style.opacity = String(Math.max(0.25, answer.confidence));
  }
  const name = element("p", { className: `name${doubtful ? " none" : ""}` }, what.name, ...other(what));
  const lines = [what.sure, what.second].filter(Boolean).map((text) => element("p", { className: "sure" }, text));
  const warnings = (answer.warnings ?? []).map((text) => element("li", {}, warning(text)));
  const list = warnings.length ? [element("ul", { className: "warnings" }, ...warnings)] : [];
  return [element("div", { className: "sign" }, paint, badge), element("div", {}, name, ...lines, ...list)];
}

/** The name in the other language. */
function other({ label, name }) {
  const language = current() === "pl" ? "en" : "pl";
  if (!label) return [];
  const text = label === "uncertain" ? { en: "uncertain", pl: "niepewne" }[language] : nameOf(label, language);
  return text === name ? [] : [" ", element("span", { className: "other", lang: language }, text)];
}

function showBars(answer, labels) {
  const rows = labels.map((label) => {
    const share = answer?.likeliest ? answer.probabilities[label] : 0;
    const bar = element("span", { className: "bar" });
    bar.style.width = `${100 * share}%`;
    dress(bar, label);
    const value = element("span", { className: "value" }, answer?.likeliest ? percent(share) : "–");
    return element("div", { className: "row", role: "listitem" }, element("span", { className: "label" }, named(label)), element("span", { className: "room" }, bar), value);
  });
  $("bars").replaceChildren(...rows);
}

export function showLegend(labels) {
  const items = labels.map((label) =>
    element("li", {}, swatch(label), element("abbr", { title: named(label) }, letters(label, current())), ` ${named(label)}`));
  $("legend").replaceChildren(...items);
}
