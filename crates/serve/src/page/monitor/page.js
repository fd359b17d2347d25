// The monitor: what its sources hear now, and the nights before.
import { CANNOT_TELL, accuracy, isBetter } from "/page/answer.js";
import { arrange, at, setText } from "/page/element.js";
import { Refused, ask, explained, onToken } from "/page/request.js";
import { Connection } from "/page/monitor/connection.js";
import { History, inTime } from "/page/monitor/history.js";
import { Night } from "/page/monitor/night.js";
import * as notifications from "/page/monitor/notifications.js";
import { Source } from "/page/monitor/source.js";
import { duration, moment, time } from "/page/monitor/times.js";

// Why there is nothing to show, by status.
const NOTHING = {
  403: "This monitor has no access token, so it answers only on its own machine. Ask whoever runs it to set a token.",
  404: "No monitor runs at this service.",
};
const NOTED_FAILURES = 2; // in a row
const MINUTE_MS = 60000;

const connection = new Connection();
const history = new History();
const night = new Night(history, (episode) => on.review(episode));
const sources = new Map(); // by name: its status, and how it is shown
let keepsClips = true;
let lost = null; // since when there is no connection
let tokenEntered = () => {};

// What is done at each event.
const on = {
  start(episode) {
    remember(episode);
    const since = `Since ${time(new Date(episode.began))}.`;
    setText(at("news"), `Crying: ${episode.source}. ${since}`);
    notifications.notify(`Crying: ${episode.source}`, since, episode.source);
  },
  end(episode) {
    remember(episode);
    setText(at("news"), `${episode.source}: it ended after ${duration(episode.seconds)}.`);
  },
  review: remember,
  level(level) {
    const source = sources.get(level.source);
    if (!source) return;
    source.status.last = level;
    source.shown.hear(level);
  },
  source(status) {
    const { state: former } = sources.get(status.name)?.status ?? {};
    know(status);
    showSources();
    if (former !== "listening" || status.state === "listening") return;
    setText(at("news"), `Not listening: ${status.name}.`);
    notifications.notify(`Not listening: ${status.name}`, status.problem ?? "", status.name);
  },
};

function remember(episode) {
  history.put(episode);
  show();
}

function know(status) {
  sources.set(status.name, { status, shown: sources.get(status.name)?.shown ?? new Source(status.name) });
}

function show() {
  showSources();
  night.show();
  showReviews();
}

function showSources() {
  const all = [...sources.values()];
  for (const { status, shown } of all) shown.show(status, history.newest(status.name), lost);
  arrange(at("sources"), all.map(({ shown }) => shown.root));
  const crying = all.map(({ status }) => status.name).filter((name) => history.newest(name)?.end === null);
  document.title = lost ? "No connection – Wail" : crying.length ? `Crying: ${crying.join(", ")} – Wail` : "Wail: baby monitor";
}

function showReviews() {
  const { n, nUsable } = history.reviewed();
  if (!n) return setText(at("reviewed"), "No episode was reviewed as a cry yet.");
  const most = history.isWhole ? "" : "at least ";
  const usable = keepsClips ? `${most}${nUsable}, those with a reason and a sound` : "none, because this monitor keeps no sound";
  setText(at("reviewed"), `Reviewed cries: ${most}${n}. A model of your own can learn from ${usable}.`);
}

function showNotifications() {
  const { canAsk, text } = notifications.state();
  at("notify").hidden = !canAsk;
  setText(at("notifications"), text);
}

// Asks for all that is shown.
async function load() {
  const [monitor, model] = await Promise.all([ask("/v1/monitor", inTime()), ask("/v1/model", inTime()), history.reload()]);
  sources.clear();
  monitor.sources.forEach(know);
  keepsClips = monitor.keeps_clips;
  at("training").hidden = !keepsClips;
  night.about = { sources: monitor.sources.map(({ name }) => name), labels: monitor.labels, tested: model.tested };
  await night.move(0);
  setText(at("cannot-tell"), isBetter(model.tested) === false ? CANNOT_TELL : "");
  setText(at("tested"), accuracy(model.tested));
}

// Says that what is shown is from before, and why.
function lose(error) {
  lost ??= connection.heard;
  setText(at("status"), "");
  setText(at("error"), reasonOf(error));
  at("monitor").hidden ||= error?.status in NOTHING;
  showSources();
}

function reasonOf(error) {
  if (error?.status === 401) return explained(error);
  return NOTHING[error?.status] ?? `No connection since ${moment(lost)}. What happens now is not shown.`;
}

function find() {
  lost = null;
  for (const id of ["status", "error"]) setText(at(id), "");
  at("monitor").hidden = false;
  show();
}

// Shows what happens until the connection is lost.
async function follow() {
  const body = await connection.open(); // first, so that nothing that happens meanwhile is missed
  await load();
  find();
  for await (const { name, data } of connection.events(body)) on[name]?.(data);
}

// Connects again and again: a page without a connection must never look as if it were quiet.
async function run() {
  for (;;) {
    const error = await follow().then(() => null, (error) => error);
    connection.close();
    if (error && !(error instanceof Refused)) reportError(error);
    lose(error);
    if (connection.failures === NOTED_FAILURES) notifications.notify("No connection to the monitor", "What happens now is not shown.", "connection");
    await (error?.status === 401 ? new Promise((entered) => (tokenEntered = entered)) : connection.pause());
  }
}

async function move(by) {
  const buttons = [at("earlier"), at("later")];
  buttons.forEach((button) => (button.disabled = true));
  try {
    await night.move(by);
  } catch (error) {
    setText(at("summary"), explained(error));
  } finally {
    setText(at("news"), `${at("night").textContent}: ${at("summary").textContent}`);
    at("earlier").disabled = false;
    at("later").disabled = night.isLast;
  }
}

at("earlier").addEventListener("click", () => move(1));
at("later").addEventListener("click", () => move(-1));
at("notify").addEventListener("click", () => notifications.ask().then(showNotifications));
onToken(() => tokenEntered());
showNotifications();
setInterval(() => lost ?? show(), MINUTE_MS); // the time goes on
run();
