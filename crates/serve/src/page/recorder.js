// Recording from the microphone. The samples themselves are kept: MediaRecorder would compress them, and its files have no length.

export class Recorder {
  // Asks for permission and starts recording.
  static async start() {
    const recorder = new Recorder();
    const unprocessed = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
    recorder.stream = await navigator.mediaDevices.getUserMedia({ audio: unprocessed });
    recorder.context = new AudioContext();
    await recorder.context.audioWorklet.addModule("/page/capture.js");
    recorder.chunks = [];
    recorder.node = new AudioWorkletNode(recorder.context, "capture");
    recorder.node.port.onmessage = ({ data }) => recorder.chunks.push(data);
    recorder.context.createMediaStreamSource(recorder.stream).connect(recorder.node);
    return recorder;
  }

  // Length so far, s.
  seconds() {
    return this.chunks.reduce((n, chunk) => n + chunk.length, 0) / this.context.sampleRate;
  }

  // Stops recording; returns all samples and their rate, Hz.
  async stop() {
    this.stream.getTracks().forEach((track) => track.stop());
    this.node.port.onmessage = null;
    const rate = this.context.sampleRate;
    await this.context.close();
    const samples = new Float32Array(this.chunks.reduce((n, chunk) => n + chunk.length, 0));
    let at = 0;
    for (const chunk of this.chunks) {
      samples.set(chunk, at);
      at += chunk.length;
    }
    return { samples, rate };
  }
}
