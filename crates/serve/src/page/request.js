// Requests to the service, with the access token if it needs one; what goes wrong is an error for people to read.
import { at } from "/page/element.js";

const MISSING_TOKEN = "This service needs an access token. Please enter it.";
const WRONG_TOKEN = "This access token is wrong. Please check it.";
const UNREACHABLE = "The service does not respond. Check the connection and try again.";
const FAILED = "The service failed. Try again later.";
const REASONS = {
  400: "This file cannot be read as sound. Try another one, such as WAV, MP3, M4A, OGG or WebM.",
  408: "Sending the recording took too long. Try a shorter one, or a better connection.",
  413: "This recording is too large. Send a shorter one.",
  503: "The service is busy. Try again in a moment.",
};
const KEPT = "wail-token";

// Why a request failed; the status is that of the response, if there was one.
export class Refused extends Error {
  constructor(message, status = null) {
    super(message);
    this.status = status;
  }
}

// A successful response; otherwise throws `Refused`.
export async function send(path, options = {}) {
  const token = at("token").value.trim();
  if (!/^[!-~]*$/.test(token)) throw new Refused(WRONG_TOKEN, 401); // a header cannot hold it
  const headers = token ? { ...options.headers, authorization: `Bearer ${token}` } : options.headers;
  const response = await fetch(path, { ...options, headers }).catch(() => {
    throw new Refused(UNREACHABLE);
  });
  if (response.status === 401) throw new Refused(token ? WRONG_TOKEN : MISSING_TOKEN, 401);
  if (!response.ok) throw new Refused(REASONS[response.status] ?? FAILED, response.status);
  at("token-form").hidden = true;
  keep(token);
  return response;
}

// The JSON body of a successful response.
export async function ask(path, options) {
  const response = await send(path, options);
  return response.json().catch(() => {
    throw new Refused(UNREACHABLE);
  });
}

// What to say about an error. A token that is missing or wrong can be entered.
export function explained(error) {
  if (!(error instanceof Refused)) throw error;
  const needsToken = error.status === 401;
  at("token-form").hidden = !needsToken;
  if (needsToken) at("token").focus();
  return error.message;
}

// Calls `retry` when a token is entered.
export function onToken(retry) {
  at("token-form").addEventListener("submit", (submitted) => {
    submitted.preventDefault();
    retry();
  });
}

// Keeps the token until the tab is closed, for the other page and for a reload; a browser may refuse to keep anything.
function keep(token) {
  try {
    sessionStorage.setItem(KEPT, token);
  } catch {}
}

try {
  at("token").value = sessionStorage.getItem(KEPT) ?? "";
} catch {}
