// The episodes of crying in a longer recording, in words.

// Minutes and seconds.
export const clock = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;

const length = ({ start_seconds: start, end_seconds: end }) => end - start;

// The longest episode in the form of a prediction; without episodes there is no cry.
export function longest(episodes) {
  if (!episodes.length) return { cry_score: 0, not_a_cry: true, top_k: [] };
  const { all_probs: probabilities, cry_score } = episodes.reduce((one, other) => (length(other) > length(one) ? other : one));
  return { cry_score, not_a_cry: false, top_k: ranked(probabilities) };
}

// Reasons with their probabilities, the most probable first.
export function ranked(probabilities) {
  const reasons = Object.entries(probabilities).map(([label, probability]) => ({ label, probability }));
  return reasons.sort((a, b) => b.probability - a.probability);
}

// How long it cries in the first `seconds`.
export function inWords(episodes, seconds) {
  if (!episodes.length) return `No crying in ${clock(seconds)} minutes.`;
  const total = episodes.reduce((sum, episode) => sum + length(episode), 0);
  const times = episodes.length === 1 ? "once" : `${episodes.length} times`;
  return `It cries ${times}, for ${clock(total)} of ${clock(seconds)} minutes:`;
}
