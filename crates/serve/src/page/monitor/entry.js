// An episode in the list: when it was, how long, how sure and how loud; its reason, its sound and its review.
import { isBetter, reason } from "/page/answer.js";
import { element, setText } from "/page/element.js";
import { ranked } from "/page/episodes.js";
import { explained } from "/page/request.js";
import * as clip from "/page/monitor/clip.js";
import { ReviewForm, inWords as reviewInWords } from "/page/monitor/review.js";
import { decibels } from "/page/monitor/source.js";
import { duration, span, time } from "/page/monitor/times.js";

const INTERRUPTED = "The monitor or its source stopped before this episode ended.";

// What the summary of an episode says, in the order of its parts.
const PARTS = {
  when: ({ start, end }) => (end ? span(start, end) : `since ${time(start)}`),
  source: ({ source }) => source,
  length: ({ end, seconds }) => (end ? duration(seconds) : "still crying"),
  score: ({ cry_score: score }) => (score === undefined ? "" : `cry score ${Math.round(100 * score)}`),
  level: ({ level_dbfs: dbfs }) => decibels(dbfs),
  review: ({ review }) => (review ? `reviewed: ${reviewInWords(review)}` : ""),
};

// An episode in one line.
export const inWords = (episode) => ["source", "when", "length", "review"].map((part) => PARTS[part](episode)).filter(Boolean).join(", ");

export class Entry {
  #parts = Object.fromEntries(Object.keys(PARTS).map((name) => [name, element("span", "", { class: name })]));
  #reason = element("p");
  #interrupted = element("p", INTERRUPTED, { class: "small" });
  #play = element("button", "Play the sound", { type: "button" });
  #player = element("div");
  #review;
  #status = element("p", "", { role: "status" });
  #error = element("p", "", { role: "alert", class: "error" });
  #summary = element("summary", "", {}, ...Object.values(this.#parts));

  // Calls `reviewed` with the episode when its review is saved.
  constructor(id, labels, reviewed) {
    const saved = (episode) => {
      reviewed(episode);
      setText(this.#status, `Saved: ${reviewInWords(episode.review)}.`);
    };
    this.#review = new ReviewForm(id, labels, (button, act) => this.#attempt(button, act, "Not saved. "), saved);
    this.#play.addEventListener("click", () => this.#attempt(this.#play, () => clip.play(id, this.#player)));
    const parts = [this.#reason, this.#interrupted, element("p", "", {}, this.#play), this.#player, this.#review.root, this.#status, this.#error];
    const details = element("details", "", {}, this.#summary, ...parts);
    details.addEventListener("toggle", () => details.open || clip.stop(this.#player));
    this.root = element("li", "", { id: `episode-${id}` }, details);
  }

  show(episode, tested) {
    for (const [name, text] of Object.entries(PARTS)) setText(this.#parts[name], text(episode));
    const { all_probs: probabilities, interrupted, has_clip: hasClip, review, end } = episode;
    this.#reason.hidden = isBetter(tested) === false; // said once for all
    setText(this.#reason, reason({ top_k: ranked(probabilities) }, tested));
    this.#interrupted.hidden = !interrupted;
    this.#play.hidden = !hasClip || !end;
    this.#review.root.hidden = !end;
    this.#review.show(review);
    this.root.className = end ? review?.verdict ?? "" : "lasting";
  }

  // Opens it and goes there.
  open() {
    this.root.firstChild.open = true;
    this.#summary.focus();
    this.root.scrollIntoView({ block: "nearest" });
  }

  // Does what a button is for, once at a time, and says what went wrong after `failed`.
  async #attempt(button, act, failed = "") {
    for (const place of [this.#status, this.#error]) setText(place, "");
    button.disabled = true;
    try {
      await act();
    } catch (error) {
      setText(this.#error, failed + explained(error));
    } finally {
      button.disabled = false;
    }
  }
}
