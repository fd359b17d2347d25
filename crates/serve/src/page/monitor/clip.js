// Plays the sound of one episode at a time.
import { Refused, send } from "/page/request.js";
import { element } from "/page/element.js";

let player = null;

// Plays the sound of an episode in `place`; throws `Refused`.
export async function play(id, place) {
  const response = await send(`/v1/episodes/${id}/clip`).catch((error) => {
    throw error.status === 404 ? new Refused("The sound of this episode is no longer kept.", 404) : error;
  });
  const sound = await response.blob().catch(() => {
    throw new Refused("The sound did not arrive. Try again.");
  });
  stop();
  player = element("audio", "", { controls: "", "aria-label": "sound of the episode" });
  player.src = URL.createObjectURL(sound);
  place.replaceChildren(player);
  player.play().catch(() => {}); // a browser may want another click; the controls are there
}

// Takes the player away and frees its sound; that in `place` only, if it is named.
export function stop(place = player?.parentNode) {
  if (!player || player.parentNode !== place) return;
  URL.revokeObjectURL(player.src);
  player.remove();
  player = null;
}
