// Plays a recording or a part of it, and shows where it is.

import { $ } from "./elements.js";
import { clock, t } from "./language.js";

export class Player {
  duration = 0;

  /** `stopped()` is called when a part or the whole has been played. */
  constructor(picture, stopped) {
    Object.assign(this, { picture, stopped });
    this.audio = new Audio();
    this.audio.addEventListener("ended", () => this.stop());
    picture.onDraw.push(() => this.#show(Number($("position").value)));
    $("play").addEventListener("click", () => (this.playing ? this.stop() : this.play(this.#start())));
    $("position").addEventListener("input", () => this.seek(Number($("position").value)));
    for (const id of ["waveform", "spectrogram"]) $(id).addEventListener("click", (event) => this.seek(picture.seconds(event.offsetX)));
  }

  /** Take another recording, null while there is none to play. */
  load(url, duration) {
    this.stop();
    this.duration = duration;
    this.usable = Boolean(url);
    if (url) this.audio.src = url;
    else this.audio.removeAttribute("src");
    $("position").max = String(Math.max(duration, 0.01));
    $("position").disabled = $("play").disabled = !url;
    $("playhead").hidden = !url;
    this.seek(0);
    this.label();
  }

  async play(from = 0, to = this.duration) {
    if (!this.usable) return;
    this.until = to;
    this.audio.currentTime = from;
    this.playing = true;
    this.label();
    try {
      await this.audio.play();
    } catch {
      return this.stop(); // a kind of file that is only heard by the service
    }
    this.#follow();
  }

  stop() {
    const was = this.playing;
    this.playing = false;
    this.audio.pause();
    this.label();
    if (was) this.stopped();
  }

  seek(seconds) {
    if (this.usable) this.audio.currentTime = seconds;
    this.until = this.duration;
    this.#show(seconds);
  }

  label() {
    $("play").textContent = t(this.playing ? "pause" : "play");
  }

  #start() {
    return this.audio.currentTime >= this.duration - 0.05 ? 0 : this.audio.currentTime;
  }

  #follow() {
    if (!this.playing) return;
    this.#show(this.audio.currentTime);
    if (this.audio.currentTime >= this.until) this.stop();
    else requestAnimationFrame(() => this.#follow());
  }

  #show(seconds) {
    $("position").value = String(seconds);
    $("position").setAttribute("aria-valuetext", clock(seconds));
    $("clock").textContent = `${clock(seconds)} / ${clock(this.duration)}`;
    $("playhead").style.transform = `translateX(${this.picture.x(seconds)}px)`;
  }
}
