// The language spoken: texts, numbers, times, and the switch between Polish and English.

import { recall, remember } from "./memory.js";
import { WORDS } from "./words.js";

const listeners = [];
let language = recall("language") ?? (navigator.languages.some((each) => /^pl\b/i.test(each)) ? "pl" : "en");
if (!(language in WORDS)) language = "en";

export const current = () => language;

/** A text with its {places} filled in. */
export function t(key, values = {}) {
  const text = WORDS[language][key] ?? key;
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

export const has = (key) => key in WORDS[language];

/** A share in percent; what is nearly certain is not said to be certain. */
export function percent(share) {
  const format = new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: 0 });
  return share < 1 && share >= 0.995 ? `>${format.format(0.99)}` : format.format(share);
}

export const number = (value, digits = 1) =>
  new Intl.NumberFormat(language, { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value);

/** Seconds as '2:05.3', with hours where there are any. */
export function clock(seconds, digits = 1) {
  const unit = 10 ** digits;
  const whole = Math.round(Math.max(0, seconds) * unit) / unit;
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  const rest = number(whole % 60, digits).padStart(digits ? 3 + digits : 2, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

/** Fill every element that names a text: data-t its content, data-t-label its name. */
function translate(root = document) {
  for (const each of root.querySelectorAll("[data-t]")) each.textContent = t(each.dataset.t);
  for (const each of root.querySelectorAll("[data-t-label]")) each.setAttribute("aria-label", t(each.dataset.tLabel));
}

export function onLanguage(listener) {
  listeners.push(listener);
}

export function speak(next) {
  language = next;
  remember("language", next);
  apply();
}

/** Show the language chosen everywhere. */
export function apply() {
  document.documentElement.lang = language;
  for (const button of document.querySelectorAll("[data-language]")) {
    button.setAttribute("aria-pressed", String(button.dataset.language === language));
  }
  translate();
  for (const listener of listeners) listener();
}
