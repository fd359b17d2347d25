// The page: takes a recording, sends it to the service and shows the result.
import { Recorder } from "/page/recorder.js";
import { drawSpectrogram, drawWaveform, wav } from "/page/sound.js";

const COVERAGE = 0.9;
const RECORD_SECONDS = 7;
const at = (id) => document.getElementById(id);

let coverages = null; // that the model supports, once known
let recorder = null; // while recording
let last = null; // recording and name, for trying again

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
    const form = new FormData();
    form.append("file", blob, name);
    const query = new URLSearchParams({ top_k: 100, ...(coverages.includes(COVERAGE) ? { coverage: COVERAGE } : {}) });
    const answer = await request(`/v1/classify?${query}`, { method: "POST", body: form });
    show(answer.recordings[0]);
    at("result").hidden = false;
    await showSound(blob);
    say(`Done: ${at("verdict").textContent}`);
    at("result").focus();
  } catch (error) {
    const reason = error instanceof TypeError ? "the service does not respond" : error.message;
    say("", `It did not work: ${reason}.`);
  }
}

const words = (label) => label.replaceAll("_", " ");

function show({ prediction, warnings }) {
  const { label, abstains, prediction_set: set, top_k: ranked, not_a_cry: notACry } = prediction;
  const others = set?.length ? ` It may be: ${set.map(words).join(", ")}.` : "";
  at("bars").hidden = Boolean(notACry);
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
  try {
    const context = new OfflineAudioContext(1, 1, 8000);
    const samples = (await context.decodeAudioData(await blob.arrayBuffer())).getChannelData(0);
    drawWaveform(at("waveform"), samples);
    drawSpectrogram(at("spectrogram"), samples);
  } catch {
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
at("again").addEventListener("click", () => last && classify(...last));
for (const event of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(event, (moved) => {
    moved.preventDefault();
    at("drop").classList.toggle("over", event === "dragover");
    if (event === "drop") choose([...moved.dataTransfer.files]);
  });
}
