// The episodes that are known, from the service's history and its events.
import { ask } from "/page/request.js";

const MOST = 1000;
const PATIENCE_MS = 60000;

// For requests that must not wait forever where a connection has died unnoticed.
export const inTime = () => ({ signal: AbortSignal.timeout(PATIENCE_MS) });

export class History {
  #episodes = new Map();
  isWhole = false; // whether all episodes are known

  // Asks for the newest episodes and forgets all others.
  async reload() {
    const newest = await this.#ask({});
    this.#episodes.clear();
    newest.forEach((episode) => this.put(episode));
    this.isWhole = newest.length < MOST;
  }

  // Asks for the episodes of a night; returns whether these are all.
  async add({ start, end }) {
    const found = await this.#ask({ since: start.toISOString(), until: end.toISOString() });
    found.forEach((episode) => this.put(episode));
    return found.length < MOST;
  }

  async #ask(span) {
    return (await ask(`/v1/episodes?${new URLSearchParams({ ...span, limit: MOST })}`, inTime())).episodes;
  }

  put(episode) {
    this.#episodes.set(episode.id, { ...episode, start: new Date(episode.began), end: episode.ended ? new Date(episode.ended) : null });
  }

  // Episodes of a night, the newest first.
  of({ start, end }) {
    const found = [...this.#episodes.values()].filter((episode) => episode.start < end && (episode.end ?? Date.now()) >= start);
    return found.sort((a, b) => b.start - a.start);
  }

  // The newest episode of a source that is known.
  newest(source) {
    const found = [...this.#episodes.values()].filter((episode) => episode.source === source);
    return found.reduce((one, other) => (one?.id > other.id ? one : other), null);
  }

  // How many were reviewed as cries, and how many of these a model can learn from.
  reviewed() {
    const cries = [...this.#episodes.values()].filter(({ review }) => review?.verdict === "cry");
    return { n: cries.length, nUsable: cries.filter(({ review, has_clip: hasClip }) => review.label && hasClip).length };
  }
}
