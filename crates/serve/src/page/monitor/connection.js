// The connection to the service's events. EventSource would not send the access token.
import { send } from "/page/request.js";

const SILENCE_MS = 20000; // the service sends something every 15 s
const LONGEST_PAUSE_MS = 30000;

export class Connection {
  #abort = new AbortController();
  #failures = 0;
  heard = new Date(); // when the service last sent something

  // Connects; throws `Refused`.
  async open() {
    this.#abort = new AbortController();
    const timer = setTimeout(() => this.close(), SILENCE_MS);
    const response = await send("/v1/events", { signal: this.#abort.signal }).finally(() => clearTimeout(timer));
    return response.body;
  }

  // The events of a response, {name, data}, until the connection is lost.
  async *events(body) {
    this.#failures = 0;
    this.heard = new Date();
    const watchdog = setInterval(() => Date.now() - this.heard > SILENCE_MS && this.close(), 1000);
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    try {
      for (;;) {
        const { value, done } = await reader.read().catch(() => ({ done: true })); // a connection that breaks has ended
        if (done) return;
        this.heard = new Date();
        const blocks = (rest + value).split("\n\n");
        rest = blocks.pop();
        yield* blocks.map(parsed).filter(({ data }) => data);
      }
    } finally {
      clearInterval(watchdog);
    }
  }

  close() {
    this.#abort.abort();
  }

  // How many times in a row it could not connect.
  get failures() {
    return this.#failures;
  }

  // Waits before the next try, longer each time, or until the network or the reader comes back.
  async pause() {
    const pause = new AbortController();
    const { signal } = pause;
    setTimeout(() => pause.abort(), Math.min(LONGEST_PAUSE_MS, 1000 * 2 ** this.#failures++));
    addEventListener("online", () => pause.abort(), { signal });
    document.addEventListener("visibilitychange", () => document.hidden || pause.abort(), { signal });
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
  }
}

// An event; comments have no data.
function parsed(block) {
  const fields = Object.fromEntries(block.split("\n").map((line) => [line.split(":", 1)[0], line.slice(line.indexOf(":") + 1).trim()]));
  return { name: fields.event, data: fields.data && JSON.parse(fields.data) };
}
