// The page: takes a recording, sends it to the service and shows the answer.
import { accuracy, because, isBetter, reason, sureness, verdict, words } from "/page/answer.js";
import { at, element, setText } from "/page/element.js";
import { clock, inWords, longest } from "/page/episodes.js";
import { Recorder, obstacle } from "/page/recorder.js";
import { ask, explained, onToken } from "/page/request.js";
import { LEAST_FALL, drawAxis, drawExplanation, drawSpectrogram, drawWaveform, wav } from "/page/sound.js";

const COVERAGE = 0.9;
const RECORD_SECONDS = 7;
const PICTURE_RATE_HZ = 8000;

let model = null; // description of the model, once known
let recorder = null; // while recording
let isStarting = false; // while the browser asks for permission to record
let last = null; // recording and name, for trying again
let shown = new Float32Array(); // samples of the pictures

// Says what happens, or what went wrong.
function say(text, error = "") {
  setText(at("status"), text);
  at("error").textContent = error;
}

async function classify(blob, name) {
  const asked = (last = [blob, name]);
  at("result").hidden = true;
  say("Listening to the recording …");
  try {
    model ??= await ask("/v1/model");
    const samples = await samplesOf(blob);
    const episodes = !samples.length || isLong(samples.length / PICTURE_RATE_HZ); // they take many passes of the model
    const recording = await recordingOf(asked, { top_k: 100, episodes, ...(model.coverages.includes(COVERAGE) ? { coverage: COVERAGE } : {}) });
    if (last !== asked) return;
    show(recording);
    at("result").hidden = false;
    showSound(blob, samples);
    say("Done.");
    at("result").focus();
  } catch (error) {
    if (last === asked) say("", explained(error));
  }
}

// The service's answer for a recording.
async function recordingOf([blob, name], parameters) {
  const form = new FormData();
  form.append("file", blob, name);
  const answer = await ask(`/v1/classify?${new URLSearchParams(parameters)}`, { method: "POST", body: form });
  return answer.recordings[0];
}

// Draws which parts of the recording the answer depends on, and names the most important ones.
async function explain() {
  const asked = last;
  at("why").disabled = true;
  at("because").textContent = "Listening to the recording without one part after the other …";
  try {
    const { explanation } = await recordingOf(asked, { explain: true });
    if (last !== asked) return;
    if (shown.length) drawExplanation(at("spectrogram"), explanation, shown.length / PICTURE_RATE_HZ);
    at("spectrogram-caption").textContent = "Spectrogram, 0 to 4 kHz; the brighter a part, the more the answer depends on it";
    at("because").textContent = because(explanation, LEAST_FALL);
    at("why-row").hidden = true;
    at("because").scrollIntoView({ block: "nearest" });
  } catch (error) {
    if (last === asked) at("because").textContent = explained(error);
  } finally {
    at("why").disabled = false;
  }
}

// A recording that is longer than a clip is answered by its episodes.
const isLong = (seconds) => seconds > model.features.clip_seconds + 0.5;

function show({ prediction: ofClip, warnings, episodes, segments }) {
  const { tested, cry_threshold: threshold } = model;
  const seconds = Math.max(0, ...segments.map(({ span }) => span.end_seconds));
  const hasEpisodes = isLong(seconds);
  const prediction = hasEpisodes ? longest(episodes) : ofClip;
  const isCry = !prediction.not_a_cry;
  at("verdict").textContent = verdict(prediction);
  at("score").textContent = hasEpisodes ? inWords(episodes, seconds) : sureness(prediction, threshold);
  at("episodes").replaceChildren(...(hasEpisodes ? episodes : []).map(episode));
  at("reason").textContent = isCry ? reason(prediction, tested) : "";
  at("tested").textContent = isCry ? accuracy(tested) : "";
  at("warnings").replaceChildren(...warnings.map((warning) => element("li", `Please note: ${warning}.`)));
  at("guesses").hidden = !isCry;
  at("guesses").open = isBetter(tested) !== false;
  at("bars").tBodies[0].replaceChildren(...prediction.top_k.map(bar));
  at("why-row").hidden = hasEpisodes; // an explanation is of the first clip
  at("because").textContent = "";
}

const episode = ({ start_seconds: start, end_seconds: end }) => element("li", `from ${clock(start)} to ${clock(end)}`);

function bar({ label, probability }, index) {
  const row = element("tr");
  if (!index) row.className = "best";
  const meter = element("meter", "", { "aria-label": words(label), value: probability });
  const share = element("div", "", { class: "share" }, meter, element("span", `${(100 * probability).toFixed(1)} %`));
  row.append(element("th", words(label), { scope: "row" }), element("td", "", {}, share));
  return row;
}

// Player, and waveform and spectrogram at 8 kHz unless the browser cannot decode the file.
function showSound(blob, samples) {
  const player = at("player");
  URL.revokeObjectURL(player.src);
  player.src = URL.createObjectURL(blob);
  at("spectrogram-caption").textContent = "Spectrogram, 0 to 4 kHz";
  shown = samples;
  at("pictures").hidden = !shown.length;
  at("no-pictures").hidden = shown.length;
  if (!shown.length) return;
  drawWaveform(at("waveform"), shown);
  drawSpectrogram(at("spectrogram"), shown);
  for (const axis of document.querySelectorAll(".axis")) drawAxis(axis, shown.length / PICTURE_RATE_HZ);
}

// Shows the link to the monitor where one runs.
async function findMonitor() {
  at("monitor").hidden = !(await ask("/v1/monitor").catch(() => null));
}

// Samples of a file at 8 kHz; none if the browser cannot decode it.
async function samplesOf(blob) {
  const context = new OfflineAudioContext(1, 1, PICTURE_RATE_HZ);
  const bytes = await blob.arrayBuffer();
  return context.decodeAudioData(bytes).then((sound) => sound.getChannelData(0), () => new Float32Array());
}

async function record() {
  if (recorder) return finish();
  if (isStarting) return; // two would leave one microphone on
  isStarting = true;
  at("result").hidden = true;
  say("Waiting for the microphone …");
  try {
    recorder = await Recorder.start();
  } catch (error) {
    return say("", error.message);
  } finally {
    isStarting = false;
  }
  setRecording(true);
  watch(recorder);
}

function setRecording(isOn) {
  at("record").textContent = isOn ? "Stop" : "Record";
  at("recording").hidden = !isOn;
}

// Shows level and length while `watched` records, and ends it.
function watch(watched) {
  if (recorder !== watched) return;
  const seconds = recorder.seconds();
  if (seconds >= RECORD_SECONDS || !recorder.isOn()) return finish();
  at("level").value = recorder.level();
  say(`Recording, ${Math.floor(seconds)} of ${RECORD_SECONDS} seconds`);
  setTimeout(watch, 100, watched);
}

// Ends the recording; returns its samples and their rate, Hz.
function end() {
  const ended = recorder;
  recorder = null;
  setRecording(false);
  return ended.stop();
}

async function finish() {
  const { samples, rate } = await end();
  // It is stopped a little late.
  classify(wav(samples.subarray(0, RECORD_SECONDS * rate), rate), "recording.wav");
}

function choose([file]) {
  if (!file) return;
  if (recorder) end(); // the file replaces the recording
  classify(file, file.name);
}

at("file").addEventListener("change", ({ target }) => {
  choose([...target.files]);
  target.value = "";
});
for (const [event, on] of [["focus", true], ["blur", false]]) {
  at("file").addEventListener(event, () => document.querySelector("label[for=file]").classList.toggle("focused", on));
}
at("record").addEventListener("click", record);
at("why").addEventListener("click", explain);
onToken(() => {
  findMonitor();
  classify(...last);
});
for (const event of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(event, (moved) => {
    moved.preventDefault();
    at("drop").classList.toggle("over", event === "dragover");
    if (event === "drop") choose([...moved.dataTransfer.files]);
  });
}
at("no-microphone").textContent = obstacle();
at("no-microphone").hidden = !obstacle();
at("record").hidden = Boolean(obstacle());
findMonitor();
