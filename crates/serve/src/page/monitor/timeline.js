// A night as a line for each source, with a bar for each episode.
import { arrange, element } from "/page/element.js";
import { time } from "/page/monitor/times.js";

const NARROWEST = "5px";

export class Timeline {
  #bars = new Map(); // by the episode's number
  #rows = new Map(); // by source
  #axis = element("div", "", { class: "axis", "aria-hidden": "true" });
  #choose;

  // Calls `choose` with the number of an episode.
  constructor(root, choose) {
    this.root = root;
    this.#choose = choose;
  }

  // `text` says an episode in words.
  show(night, sources, episodes, text) {
    const { start, end, ticks } = night;
    const place = (date) => Math.min(100, Math.max(0, (100 * (date - start)) / (end - start)));
    const now = place(Date.now());
    arrange(this.#axis, ticks.slice(0, -1).map((tick) => positioned(element("span", time(tick)), place(tick))));
    const rows = sources.map((source) => {
      const bars = episodes.filter((episode) => episode.source === source).reverse().map((episode) => this.#bar(episode, place, text));
      const row = this.#row(source);
      const later = now < 100 ? [positioned(element("div", "", { class: "later" }), now)] : [];
      arrange(row.lastChild, [...later, ...bars]);
      return row;
    });
    arrange(this.root, [...rows, element("div", "", { class: "row" }, element("span"), this.#axis)]);
  }

  #row(source) {
    if (!this.#rows.has(source)) {
      const name = element("span", source);
      this.#rows.set(source, element("div", "", { class: "row", role: "group", "aria-label": source }, name, element("div", "", { class: "track" })));
    }
    return this.#rows.get(source);
  }

  #bar(episode, place, text) {
    const { id, start, end, review } = episode;
    if (!this.#bars.has(id)) {
      const bar = element("a", "", { href: `#episode-${id}` });
      bar.addEventListener("click", (clicked) => {
        clicked.preventDefault();
        this.#choose(id);
      });
      this.#bars.set(id, bar);
    }
    const bar = this.#bars.get(id);
    bar.className = end ? review?.verdict ?? "" : "lasting";
    bar.title = text(episode);
    bar.setAttribute("aria-label", bar.title);
    const [from, to] = [place(start), place(end ?? Date.now())];
    bar.style.left = `min(${from}%, 100% - ${NARROWEST})`;
    bar.style.width = `max(${to - from}%, ${NARROWEST})`;
    return bar;
  }
}

function positioned(made, percent) {
  made.style.left = `${percent}%`;
  return made;
}
