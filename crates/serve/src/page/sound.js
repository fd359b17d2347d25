// Samples to a WAV file, a waveform and a spectrogram with their time axis.

// Least fall of a part that is framed or named.
export const LEAST_FALL = 0.05;

// A 16-bit PCM WAV file of mono samples in -1..1 at `rate` Hz.
export function wav(samples, rate) {
  const view = new DataView(new ArrayBuffer(44 + 2 * samples.length));
  const text = (at, letters) => [...letters].forEach((letter, i) => view.setUint8(at + i, letter.charCodeAt(0)));
  text(0, "RIFF");
  view.setUint32(4, 36 + 2 * samples.length, true);
  text(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true); // PCM
  view.setUint16(22, 1, true); // channels
  view.setUint32(24, rate, true);
  view.setUint32(28, 2 * rate, true);
  view.setUint16(32, 2, true); // bytes per frame
  view.setUint16(34, 16, true); // bits per sample
  text(36, "data");
  view.setUint32(40, 2 * samples.length, true);
  samples.forEach((sample, i) => view.setInt16(44 + 2 * i, Math.max(-1, Math.min(1, sample)) * 32767, true));
  return new Blob([view], { type: "audio/wav" });
}

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// The lowest and highest sample of each column of pixels, as a bar. The loudest sample reaches the edge.
export function drawWaveform(canvas, samples) {
  const context = canvas.getContext("2d");
  const { width, height } = canvas;
  const loudest = samples.reduce((loudest, sample) => Math.max(loudest, Math.abs(sample)), 1e-5);
  context.clearRect(0, 0, width, height);
  context.fillStyle = colour("--bar");
  const step = samples.length / width;
  for (let x = 0; x < width; x++) {
    let [low, high] = [0, 0];
    for (let i = Math.floor(x * step); i < (x + 1) * step && i < samples.length; i++) {
      low = Math.min(low, samples[i]);
      high = Math.max(high, samples[i]);
    }
    context.fillRect(x, ((1 - high / loudest) * height) / 2, 1, Math.max(1, (((high - low) / loudest) * height) / 2));
  }
}

// Labels a time axis of `seconds`, as long as the element, at round times.
export function drawAxis(axis, seconds) {
  const step = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120].find((step) => seconds / step < 8) ?? 300;
  const ticks = Array.from({ length: Math.floor(seconds / step) + 1 }, (_, i) => {
    const tick = document.createElement("span");
    tick.textContent = `${Number((i * step).toFixed(1))} s`;
    tick.style.left = `${(100 * i * step) / seconds}%`;
    return tick;
  });
  axis.replaceChildren(...ticks);
}

// Power spectrogram of samples at 8 kHz, in decibels relative to the loudest point; 80 dB are shown.
export function drawSpectrogram(canvas, samples) {
  const context = canvas.getContext("2d");
  const { width, height } = canvas;
  const size = 2 * height;
  const picture = context.createImageData(width, height);
  const power = new Float32Array(width * height);
  const window = Float32Array.from({ length: size }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / size));
  const [real, imaginary] = [new Float32Array(size), new Float32Array(size)];
  for (let x = 0; x < width; x++) {
    const start = Math.round((x / width) * Math.max(0, samples.length - size));
    for (let i = 0; i < size; i++) real[i] = (samples[start + i] || 0) * window[i];
    imaginary.fill(0);
    fourierTransform(real, imaginary);
    for (let y = 0; y < height; y++) power[y * width + x] = real[y] ** 2 + imaginary[y] ** 2;
  }
  const loudest = power.reduce((a, b) => Math.max(a, b), 1e-10);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const decibels = 10 * Math.log10(Math.max(power[y * width + x] / loudest, 1e-8));
      const shade = 1 + decibels / 80;
      picture.data.set([255 * shade ** 1.5, 220 * shade ** 2, 60 + 120 * shade, 255], 4 * ((height - 1 - y) * width + x));
    }
  }
  context.putImageData(picture, 0, 0);
}

// Darkens the parts of a spectrogram, 0 to 4 kHz of `seconds`, on which an answer does not depend, and frames the three that matter most.
export function drawExplanation(canvas, { grid: { time_edges_seconds: times, band_edges_hz: bands }, log_odds_drop: falls }, seconds) {
  const context = canvas.getContext("2d");
  const { width, height } = canvas;
  const most = Math.max(...falls.flat(), 1e-9);
  const third = Math.max([...falls.flat()].sort((a, b) => b - a)[2] ?? 0, LEAST_FALL);
  const x = (time) => Math.round((Math.min(time, seconds) / seconds) * width);
  const y = (hz) => Math.round((1 - Math.min(hz, 4000) / 4000) * height);
  falls.forEach((row, band) =>
    row.forEach((fall, time) => {
      const cell = [x(times[time]), y(bands[band + 1]), x(times[time + 1]) - x(times[time]), y(bands[band]) - y(bands[band + 1])];
      context.fillStyle = `rgba(0, 0, 0, ${0.8 * (1 - Math.sqrt(Math.max(0, fall) / most))})`;
      context.fillRect(...cell);
      if (fall < third) return;
      context.strokeStyle = "#ffffff";
      context.lineWidth = 2;
      context.strokeRect(cell[0] + 1, cell[1] + 1, cell[2] - 2, cell[3] - 2);
    }),
  );
  // What comes after the clip was not used.
  context.fillStyle = "rgba(0, 0, 0, 0.8)";
  context.fillRect(x(times.at(-1)), 0, width, height);
}

// Fourier transform in place, radix 2 (Cooley and Tukey, 1965). The length is a power of 2.
function fourierTransform(real, imaginary) {
  const n = real.length;
  for (let i = 1, j = 0; i < n; i++) {
    let bit = n >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) {
      [real[i], real[j]] = [real[j], real[i]];
      [imaginary[i], imaginary[j]] = [imaginary[j], imaginary[i]];
    }
  }
  for (let length = 2; length <= n; length *= 2) {
    const half = length / 2;
    for (let k = 0; k < half; k++) {
      const angle = (-2 * Math.PI * k) / length;
      const [cosine, sine] = [Math.cos(angle), Math.sin(angle)];
      for (let i = k; i < n; i += length) {
        const a = real[i + half] * cosine - imaginary[i + half] * sine;
        const b = real[i + half] * sine + imaginary[i + half] * cosine;
        [real[i + half], imaginary[i + half]] = [real[i] - a, imaginary[i] - b];
        [real[i], imaginary[i]] = [real[i] + a, imaginary[i] + b];
      }
    }
  }
}
