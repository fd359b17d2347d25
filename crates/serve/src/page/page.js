// The page: takes a recording, sends it to the service and shows the result.
import { Recorder } from "/page/recorder.js";
import { LEAST_FALL, drawExplanation, drawSpectrogram, drawWaveform, wav } from "/page/sound.js";

const COVERAGE = 0.9;
const RECORD_SECONDS = 7;
const at = (id) => document.getElementById(id);

let coverages = null; // that the model supports, once known
let recorder = null; // while recording
let last = null; // recording and name, for trying again
let shown = new Float32Array(); // samples of the pictures

function say(text, error = "") {
  at("status").textContent = text;
  at("error").textContent = error;
}

// The JSON body of a successful response; otherwise throws an error with the reason.
async function request(path, options = {}) {
  const token = at("token").value;
  const headers = token ? { ...options.headers, authorization: `Bearer ${token}` } : options.headers;
  const response = await fetch(path, { ...options, headers });
  const body = await response.json().catch(() => ({}));
  if (response.ok) return body;
  at("token-row").hidden = response.status !== 401;
  if (response.status === 401) throw new Error(token ? "this access token is wrong" : "please enter the access token");
  const { detail } = body;
  throw new Error(Array.isArray(detail) ? detail.map(({ msg }) => msg).join("; ") : detail || `the service answered with status ${response.status}`);
}

async function classify(blob, name) {
  last = [blob, name];
  at("result").hidden = true;
  say("Classifying …");
  try {
    coverages ??= (await request("/v1/model")).coverages;
    show(await ask({ top_k: 100, ...(coverages.includes(COVERAGE) ? { coverage: COVERAGE } : {}) }));
    at("result").hidden = false;
    await showSound(blob);
    say(`Done: ${at("verdict").textContent}`);
    at("result").focus();
  } catch (error) {
    const reason = error instanceof TypeError ? "the service does not respond" : error.message;
    say("", `It did not work: ${reason}.`);
  }
}

// The answer for the last recording.
async function ask(parameters) {
  const [blob, name] = last;
  const form = new FormData();
  form.append("file", blob, name);
  const answer = await request(`/v1/classify?${new URLSearchParams(parameters)}`, { method: "POST", body: form });
  return answer.recordings[0];
}

// Draws which parts of the recording the answer depends on, and names the most important ones.
async function explain() {
  const asked = last;
  at("why").disabled = true;
  at("because").textContent = "Listening to the recording without one part after the other …";
  try {
    const { explanation } = await ask({ explain: true });
    if (last !== asked) return;
    if (shown.length) drawExplanation(at("spectrogram"), explanation, shown.length / 8000);
    at("spectrogram-caption").textContent = "Spectrogram, 0 to 4 kHz; the brighter a part, the more the answer depends on it";
    at("because").textContent = reasons(explanation);
    at("why-row").hidden = true;
    at("because").scrollIntoView({ block: "nearest" });
  } catch (error) {
    if (last === asked) at("because").textContent = `It did not work: ${error instanceof TypeError ? "the service does not respond" : error.message}.`;
  } finally {
    at("why").disabled = false;
  }
}

function reasons({ grid: { time_edges_seconds: times, band_edges_hz: bands }, log_odds_drop: falls }) {
  const cells = falls.flatMap((row, band) => row.map((fall, time) => ({ fall, band, time }))).filter(({ fall }) => fall >= LEAST_FALL);
  cells.sort((a, b) => b.fall - a.fall);
  const part = ({ fall, band, time }) => `${times[time].toFixed(1)} to ${times[time + 1].toFixed(1)} s at ${bands[band].toFixed(0)} to ${bands[band + 1].toFixed(0)} Hz (without it, its odds are ${Math.exp(fall).toFixed(1)} times lower)`;
  if (!cells.length) return "No single part decides: without any of them, the odds of the answer change by less than a twentieth.";
  return `The answer depends most on ${cells.slice(0, 3).map(part).join("; ")}. This says what the program listens to, not why the baby cries.`;
}

const words = (label) => label.replaceAll("_", " ");

function show({ prediction, warnings }) {
  const { label, abstains, prediction_set: set, top_k: ranked, not_a_cry: notACry } = prediction;
  const others = set?.length ? ` It may be: ${set.map(words).join(", ")}.` : "";
  at("bars").hidden = at("why-row").hidden = Boolean(notACry);
  at("because").textContent = "";
  at("verdict").textContent = notACry ? "This does not sound like a crying baby." : abstains ? `Not sure.${others}` : `Most likely ${words(label)}.`;
  at("warnings").replaceChildren(...warnings.map((warning) => element("li", `Please note: ${warning}.`)));
  at("bars").tBodies[0].replaceChildren(...ranked.map(bar));
}

function bar({ label, probability }, index) {
  const row = element("tr", "");
  if (!index) row.className = "best";
  const head = element("th", words(label));
  head.scope = "row";
  const meter = element("meter", "");
  meter.value = probability;
  meter.setAttribute("aria-label", words(label));
  const share = element("div", "");
  share.className = "share";
  share.append(meter, element("span", `${(100 * probability).toFixed(1)} %`));
  const cell = element("td", "");
  cell.append(share);
  row.append(head, cell);
  return row;
}

function element(name, text) {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}

// Player, and waveform and spectrogram at 8 kHz. The pictures stay empty if the browser cannot decode the file.
async function showSound(blob) {
  const player = at("player");
  URL.revokeObjectURL(player.src);
  player.src = URL.createObjectURL(blob);
  at("spectrogram-caption").textContent = "Spectrogram, 0 to 4 kHz";
  try {
    const context = new OfflineAudioContext(1, 1, 8000);
    shown = (await context.decodeAudioData(await blob.arrayBuffer())).getChannelData(0);
    drawWaveform(at("waveform"), shown);
    drawSpectrogram(at("spectrogram"), shown);
  } catch {
    shown = new Float32Array();
    for (const id of ["waveform", "spectrogram"]) at(id).getContext("2d").clearRect(0, 0, at(id).width, at(id).height);
  }
}

async function record() {
  const button = at("record");
  if (recorder) return stop();
  try {
    recorder = await Recorder.start();
  } catch {
    return say("", "The microphone is not available. Allow this page to use it, or choose a file.");
  }
  button.textContent = "Stop";
  const started = recorder;
  const tick = () => {
    if (recorder !== started) return;
    const seconds = recorder.seconds();
    if (seconds >= RECORD_SECONDS) return stop();
    say(`Recording, ${Math.floor(seconds)} of ${RECORD_SECONDS} seconds`);
    setTimeout(tick, 200);
  };
  tick();
}

async function stop() {
  const ended = recorder;
  recorder = null;
  const { samples, rate } = await ended.stop();
  at("record").textContent = "Record";
  // It is stopped a little late.
  classify(wav(samples.subarray(0, RECORD_SECONDS * rate), rate), "recording.wav");
}

const choose = ([file]) => file && classify(file, file.name);
at("file").addEventListener("change", ({ target }) => {
  choose([...target.files]);
  target.value = "";
});
for (const [event, on] of [["focus", true], ["blur", false]]) {
  at("file").addEventListener(event, () => document.querySelector("label[for=file]").classList.toggle("focused", on));
}
at("record").addEventListener("click", record);
at("why").addEventListener("click", explain);
at("again").addEventListener("click", () => last && classify(...last));
for (const event of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(event, (moved) => {
    moved.preventDefault();
    at("drop").classList.toggle("over", event === "dragover");
    if (event === "drop") choose([...moved.dataTransfer.files]);
  });
}
