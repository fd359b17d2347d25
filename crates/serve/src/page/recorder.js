// Recording from the microphone. The samples themselves are kept: MediaRecorder would compress them, and its files have no length.

// Why this page cannot record; null if it can.
export function obstacle() {
  if (!window.isSecureContext) return "Browsers record only over HTTPS, and this page came without it. Choose a file, or ask whoever runs this service for an address with https://.";
  return navigator.mediaDevices?.getUserMedia ? null : "This browser cannot record. Choose a file.";
}

const REFUSALS = {
  NotAllowedError: "The microphone is blocked. Allow this page to use it, or choose a file.",
  NotFoundError: "There is no microphone. Connect one, or choose a file.",
  NotReadableError: "The microphone does not work, or another program uses it. Try again, or choose a file.",
};

export class Recorder {
  #chunks = [];
  #loudest = 0;

  // Asks for permission and starts recording; throws an error for people to read.
  static async start() {
    const recorder = new Recorder();
    try {
      const unprocessed = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
      recorder.stream = await navigator.mediaDevices.getUserMedia({ audio: unprocessed });
      recorder.context = new AudioContext();
      await recorder.context.audioWorklet.addModule("/page/capture.js");
      recorder.node = new AudioWorkletNode(recorder.context, "capture");
      recorder.node.port.onmessage = ({ data }) => recorder.#add(data);
      recorder.context.createMediaStreamSource(recorder.stream).connect(recorder.node);
      return recorder;
    } catch ({ name }) {
      await recorder.#release();
      throw new Error(REFUSALS[name] ?? "The microphone cannot be used. Choose a file.");
    }
  }

  #add(chunk) {
    this.#chunks.push(chunk);
    this.#loudest = chunk.reduce((loudest, sample) => Math.max(loudest, Math.abs(sample)), this.#loudest);
  }

  async #release() {
    this.stream?.getTracks().forEach((track) => track.stop());
    await this.context?.close();
  }

  // Length so far, s.
  seconds() {
    return this.#chunks.reduce((n, chunk) => n + chunk.length, 0) / this.context.sampleRate;
  }

  // Whether the microphone still sends sound.
  isOn() {
    return this.stream.active;
  }

  // Loudest sample since the last call, -60 to 0 dB relative to full scale, as 0 to 1.
  level() {
    const decibels = 20 * Math.log10(this.#loudest);
    this.#loudest = 0;
    return Math.max(0, 1 + decibels / 60);
  }

  // Stops recording and turns the microphone off; returns all samples and their rate, Hz.
  async stop() {
    this.node.port.onmessage = null;
    const rate = this.context.sampleRate;
    await this.#release();
    const samples = new Float32Array(this.#chunks.reduce((n, chunk) => n + chunk.length, 0));
    let at = 0;
    for (const chunk of this.#chunks) {
      samples.set(chunk, at);
      at += chunk.length;
    }
    return { samples, rate };
  }
}
