// The service's answer in words.

export const words = (label) => label.replaceAll("_", " ");

const of100 = (share) => Math.round(100 * share);

// Whether it is a cry.
export function verdict({ cry_score: score, not_a_cry: notACry }) {
  if (score === undefined) return "This model cannot tell whether it is a cry.";
  if (notACry) return "No, this does not sound like a crying baby.";
  if (score >= 0.9) return "Yes, this is a crying baby.";
  return score >= 0.5 ? "This is probably a crying baby." : "This may be a crying baby.";
}

// How sure that is; `threshold` is the cry score from which a sound counts as a cry.
export function sureness({ cry_score: score }, threshold) {
  return score === undefined ? "" : `Cry score ${of100(score)} of 100. From ${of100(threshold)} on, a sound counts as a cry.`;
}

// Whether the model's reasons were better than always naming the most frequent one; null if its file does not say.
export function isBetter(tested) {
  return tested && tested.macro_f1.interval?.[0] > tested.majority_macro_f1;
}

export const CANNOT_TELL = "This program cannot tell why the baby cries: in its test, its reasons were not clearly better than chance.";

// As much of the reason as can be told. `set` are the reasons that cannot be ruled out.
export function reason({ top_k: ranked, prediction_set: set = [] }, tested) {
  const guess = `Its best guess is “${words(ranked[0].label)}”, at ${of100(ranked[0].probability)} %.`;
  if (isBetter(tested) === false) return CANNOT_TELL;
  if (set.length === 1) return `The most likely reason: ${words(set[0])}.`;
  if (set.length > 1 && 2 * set.length <= ranked.length) return `The reason may be: ${set.map(words).join(", ")}.`;
  return `This recording does not tell the reason. ${guess}`;
}

// How well the model named the reason in its test.
export function accuracy(tested) {
  if (!tested) return "";
  const { n_recordings: n, accuracy: { value, interval }, majority_accuracy: majority, warnings } = tested;
  const range = interval ? ` (95 % interval ${of100(interval[0])} to ${of100(interval[1])})` : "";
  const text = `Tested on ${n} recordings that it had not learned from, it named the right reason for ${of100(value)} of 100${range}. Always naming the most frequent reason would be right for ${of100(majority)} of 100.`;
  return [text, ...warnings].join(" ");
}

// Which parts of the recording the answer depends on most; parts whose log-odds fall by less than `least` are not named.
export function because({ grid: { time_edges_seconds: times, band_edges_hz: bands }, log_odds_drop: falls }, least) {
  const cells = falls.flatMap((row, band) => row.map((fall, time) => ({ fall, band, time }))).filter(({ fall }) => fall >= least);
  cells.sort((a, b) => b.fall - a.fall);
  const part = ({ fall, band, time }) => `${times[time].toFixed(1)} to ${times[time + 1].toFixed(1)} s at ${bands[band].toFixed(0)} to ${bands[band + 1].toFixed(0)} Hz (without it, its odds are ${Math.exp(fall).toFixed(1)} times lower)`;
  if (!cells.length) return "No single part decides: without any of them, the odds of the answer change by less than a twentieth.";
  return `The answer depends most on ${cells.slice(0, 3).map(part).join("; ")}. This says what the program listens to, not why the baby cries.`;
}
