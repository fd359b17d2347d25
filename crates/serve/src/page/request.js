// Requests to the service; what goes wrong is an error for people to read.

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

// Why a request failed.
export class Refused extends Error {
  constructor(message, needsToken = false) {
    super(message);
    this.needsToken = needsToken;
  }
}

// The JSON body of a successful response; otherwise throws `Refused`.
export async function request(path, token, options = {}) {
  if (!/^[!-~]*$/.test(token)) throw new Refused(WRONG_TOKEN, true); // a header cannot hold it
  const headers = token ? { authorization: `Bearer ${token}` } : {};
  const response = await fetch(path, { ...options, headers }).catch(() => {
    throw new Refused(UNREACHABLE);
  });
  if (response.status === 401) throw new Refused(token ? WRONG_TOKEN : MISSING_TOKEN, true);
  if (!response.ok) throw new Refused(REASONS[response.status] ?? FAILED);
  return response.json().catch(() => {
    throw new Refused(UNREACHABLE);
  });
}
