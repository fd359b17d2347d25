// One night: its timeline and its list of episodes.
import { arrange, at, setText } from "/page/element.js";
import * as clip from "/page/monitor/clip.js";
import { Entry, inWords } from "/page/monitor/entry.js";
import { Timeline } from "/page/monitor/timeline.js";
import { days, duration, night } from "/page/monitor/times.js";

export class Night {
  #history;
  #reviewed;
  #entries = new Map(); // by the episode's number
  #timeline = new Timeline(at("timeline"), (id) => this.#entries.get(id)?.open());
  #back = 0; // nights before the one that lasts or comes next
  #isWhole = true; // whether all of its episodes are known
  about = { sources: [], labels: [], tested: null };

  // Calls `reviewed` with an episode whose review is saved.
  constructor(history, reviewed) {
    this.#history = history;
    this.#reviewed = reviewed;
  }

  get isLast() {
    return !this.#back;
  }

  // Goes to an earlier (1) or a later (-1) night; throws `Refused`.
  async move(by) {
    const back = this.#back + by;
    const isWhole = await this.#history.add(night(new Date(), back));
    this.#back = back;
    this.#isWhole = isWhole;
    clip.stop();
    this.show();
  }

  show() {
    const span = night(new Date(), this.#back);
    const episodes = this.#history.of(span);
    setText(at("night"), `Night of ${days(span)}`);
    setText(at("summary"), total(episodes, this.#isWhole));
    at("later").disabled = this.isLast;
    const known = episodes.map(({ source }) => source);
    this.#timeline.show(span, [...new Set([...this.about.sources, ...known])], episodes, inWords);
    arrange(at("episodes"), episodes.map((episode) => this.#entry(episode)));
  }

  #entry(episode) {
    if (!this.#entries.has(episode.id)) this.#entries.set(episode.id, new Entry(episode.id, this.about.labels, this.#reviewed));
    const entry = this.#entries.get(episode.id);
    entry.show(episode, this.about.tested);
    return entry.root;
  }
}

// How many episodes there are, and how long they are together.
function total(episodes, isWhole) {
  const cries = episodes.filter(({ review }) => review?.verdict !== "not_a_cry");
  const others = episodes.length - cries.length;
  const n = cries.length === 1 ? "1 episode" : `${cries.length} episodes`;
  const seconds = cries.reduce((sum, episode) => sum + episode.seconds, 0);
  const crying = cries.length ? `${n} of crying, ${duration(seconds)} together.` : "No crying was heard.";
  const rest = [others && `${others} more ${others === 1 ? "was" : "were"} not a cry, as you said.`, !isWhole && "Only the newest are shown."];
  return [crying, ...rest].filter(Boolean).join(" ");
}
