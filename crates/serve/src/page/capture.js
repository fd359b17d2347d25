// Runs beside the page's thread: passes on what the microphone gives.
class Capture extends AudioWorkletProcessor {
  process([input]) {
    if (input.length) this.port.postMessage(input[0].slice());
    return true;
  }
}
registerProcessor("capture", Capture);
