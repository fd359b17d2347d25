// Times as the reader's own language and time zone write them, and nights.

import { clock } from "/page/episodes.js";

const IN_HOURS = { hour: "numeric", minute: "2-digit" };
const TIME = new Intl.DateTimeFormat(undefined, IN_HOURS);
const DAY = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric", month: "short" });
const DAY_AND_TIME = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric", month: "short", ...IN_HOURS });
const HALF_A_DAY_MS = 12 * 3600 * 1000;

// In one line.
export const time = (date) => TIME.format(date).replaceAll(" ", "\u00a0");

// With the day, if the time alone could be that of another one.
export const moment = (date) => (Math.abs(Date.now() - date) < HALF_A_DAY_MS ? time(date) : DAY_AND_TIME.format(date));

// From one time to another; past midnight a range would name the days.
export const span = (start, end) => (start.getDate() === end.getDate() ? TIME.formatRange(start, end) : `${time(start)} – ${time(end)}`);

// How long: in minutes and seconds, or in hours and minutes.
export const duration = (seconds) => (seconds < 3600 ? `${clock(seconds)} minutes` : `${clock(seconds / 60)} hours`);

export const days = ({ start, end }) => DAY.formatRange(start, end);

// Start, end and every third hour of the night, from noon to noon, that is `back` nights before the one of `now`.
export function night(now, back) {
  const day = now.getDate() - back - (now.getHours() < 12 ? 1 : 0);
  const ticks = Array.from({ length: 9 }, (_, i) => new Date(now.getFullYear(), now.getMonth(), day, 12 + 3 * i)); // also when the clocks change
  return { start: ticks[0], end: ticks.at(-1), ticks };
}
