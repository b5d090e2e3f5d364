// The segments under the picture, and the same as a list; each can be heard.

import { said } from "./doubt.js";
import { $, element } from "./elements.js";
import { clock, current, percent, t } from "./language.js";
import { dress, isDark, letters } from "./palette.js";

const NARROW = 22; // pixels below which no letters fit

export class Timeline {
  segments = [];
  focused = 0;

  /** `play(segment)` is called for a segment that shall be heard. */
  constructor(picture, play) {
    Object.assign(this, { picture, play });
    $("timeline").addEventListener("keydown", (event) => this.#move(event));
    picture.onDraw.push(() => this.place());
  }

  show(segments, threshold, live = false) {
    Object.assign(this, { segments: [...segments], threshold, live });
    const looks = JSON.stringify([segments.map((s) => [s.start, s.likeliest, s.confidence, s.open]), threshold, live, current(), isDark()]);
    if (live && looks === this.looks) return this.place(); // ten times a second: what has not changed stays
    this.looks = looks;
    const box = $("timeline");
    const had = box.contains(document.activeElement);
    this.focused = Math.max(0, Math.min(this.focused, segments.length - 1));
    box.replaceChildren(...this.segments.map((segment, i) => this.#button(segment, i)));
    this.place();
    if (had) box.children[this.focused]?.focus();
    if (!live) this.#list();
  }

  place() {
    this.segments.forEach((segment, i) => {
      const [left, right] = [this.picture.x(segment.start), this.picture.x(segment.end)];
      const button = $("timeline").children[i];
      button.style.left = `${left}px`;
      button.style.width = `${Math.max(2, right - left - 1)}px`;
      button.classList.toggle("narrow", right - left < NARROW);
      button.hidden = right < 0;
    });
  }

  mark(segment) {
    this.segments.forEach((each, i) => $("timeline").children[i].classList.toggle("playing", each === segment));
  }

  #button(segment, index) {
    const what = said(segment, this.threshold);
    const bar = element("span", { className: "bar" });
    bar.style.height = `${Math.round(100 * segment.confidence)}%`;
    dress(bar, segment.likeliest);
    const tag = element("span", { className: "tag", "aria-hidden": "true" }, what.label === "uncertain" ? "?" : letters(segment.likeliest, current()));
    const button = element("button", { type: "button", tabIndex: index === this.focused ? 0 : -1 }, element("span", { className: "room" }, bar), tag);
    button.className = `segment${what.label === "uncertain" ? " uncertain" : ""}${segment.open ? " open" : ""}`;
    button.title = this.#name(segment, what);
    button.append(hidden(button.title));
    if (this.live) button.setAttribute("aria-disabled", "true");
    else button.addEventListener("click", () => this.#hear(index));
    return button;
  }

  #name(segment, what) {
    const times = { start: clock(segment.start), end: clock(segment.end) };
    const label = what.label === "uncertain" ? what.brief : what.name;
    return t("segment_name", { label, percent: percent(segment.confidence), ...times });
  }

  #hear(index) {
    this.#focus(index);
    this.play(this.segments[index]);
  }

  #focus(index) {
    const buttons = $("timeline").children;
    if (!buttons[index]) return;
    if (buttons[this.focused]) buttons[this.focused].tabIndex = -1;
    this.focused = index;
    buttons[index].tabIndex = 0;
    buttons[index].focus();
  }

  #move(event) {
    const last = this.segments.length - 1;
    const to = { ArrowLeft: this.focused - 1, ArrowRight: this.focused + 1, Home: 0, End: last }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    this.#focus(Math.max(0, Math.min(last, to)));
  }

  #list() {
    $("list-title").textContent = t("list_title", { count: this.segments.length });
    $("list").replaceChildren(...this.segments.map((segment) => this.#row(segment)));
  }

  #row(segment) {
    const what = said(segment, this.threshold);
    const mark = element("span", { "aria-hidden": "true" }, "▶");
    const button = element("button", { type: "button", className: "small" }, mark, hidden(`${t("play")}: ${this.#name(segment, what)}`));
    button.addEventListener("click", () => this.play(segment));
    const time = `${clock(segment.start)} – ${clock(segment.end)}`;
    const emotion = what.label === "uncertain" ? what.brief : what.name;
    const cells = [time, emotion, percent(segment.confidence), what.second];
    return element("tr", {}, element("td", {}, button), ...cells.map((text) => element("td", {}, text)));
  }
}

/** Text for screen readers alone. */
const hidden = (text) => element("span", { className: "visually-hidden" }, text);
