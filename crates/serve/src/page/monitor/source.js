// A source as it is now.
import { element, setText } from "/page/element.js";
import { clock } from "/page/episodes.js";
import { moment } from "/page/monitor/times.js";

const QUIETEST_DBFS = -60;

export const decibels = (dbfs) => `${Math.round(dbfs)} dB`.replace("-", "\u2212");

export class Source {
  #line = element("p", "", { class: "line" });
  #detail = element("p", "", { class: "small" });
  #problem = element("p", "", { class: "problem" });
  #level = meter("Loudness");
  #score = meter("Cry score");
  #since = null; // onset of the episode that lasts

  constructor(name) {
    this.root = element("li", "", {}, element("h3", name), this.#line, this.#detail, this.#problem, this.#level.root, this.#score.root);
  }

  // `newest` is its newest episode; without a connection, all that is known is from before `lost`.
  show({ state, since, problem, last }, newest, lost) {
    const changed = new Date(since);
    const isListening = state === "listening" && !lost;
    const isStarting = state === "starting" && !problem;
    const silent = last ? new Date(last.time) : changed; // each attempt to start it changes its state
    this.#since = isListening && newest?.end === null ? newest.start : null;
    this.root.className = lost ? "unknown" : this.#since ? "crying" : isListening || isStarting ? state : "waiting";
    for (const { root } of [this.#level, this.#score]) root.hidden = !isListening;
    if (lost) this.#say(`Not known since ${moment(lost)}`);
    else if (isStarting) this.#say(`Starting since ${moment(changed)}`, "No sound has arrived yet.");
    else if (!isListening) this.#say(`Not listening since ${moment(silent)}`);
    else if (this.#since) this.#say(`Crying for ${clock(newest.seconds)}`, `Since ${moment(this.#since)}.`);
    else this.#say(`Quiet since ${moment(Math.max(changed, newest?.end ?? 0))}`, `Listening since ${moment(changed)}.`);
    setText(this.#problem, (!lost && problem) || "");
    if (isListening && last) this.hear(last);
  }

  #say(line, detail = "") {
    setText(this.#line, line);
    setText(this.#detail, detail);
  }

  // What a window sounded like. Its time is the service's, whose clock may differ from the reader's.
  hear({ time, level_dbfs: dbfs, cry_score: score }) {
    this.#level.set(1 - dbfs / QUIETEST_DBFS, decibels(dbfs));
    this.#score.root.hidden = score === undefined;
    if (score !== undefined) this.#score.set(score, `${Math.round(100 * score)} of 100`);
    if (this.#since) setText(this.#line, `Crying for ${clock(Math.max(0, new Date(time) - this.#since) / 1000)}`);
  }
}

// A meter from 0 to 1 with its name and its value as text.
function meter(name) {
  const bar = element("meter", "", { "aria-label": name });
  const value = element("span");
  const root = element("p", "", { class: "meter" }, element("span", name), bar, value);
  return {
    root,
    set(share, text) {
      bar.value = share;
      setText(value, text);
    },
  };
}
