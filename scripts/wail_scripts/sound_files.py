"""Files of sound as samples. Needs the packages of requirements.txt."""

import numpy as np
import soundfile
import soxr

RATE = 16000


def level(sound):
    """Root mean square."""
    return float(np.sqrt(np.mean(np.square(sound, dtype=np.float64)))) if len(sound) else 0.0


def read(file):
    """A sound as mono at 16 kHz, without what is 40 dB quieter than its loudest part before and after it."""
    samples, rate = soundfile.read(file, dtype="float32", always_2d=True)
    samples = soxr.resample(samples.mean(axis=1), rate, RATE)
    frames = samples[: len(samples) // 160 * 160].reshape(-1, 160)
    levels = np.sqrt(np.mean(np.square(frames), axis=1))
    loud = np.flatnonzero(levels > max(levels.max(initial=0) / 100, 1e-5))
    return samples[loud[0] * 160 : (loud[-1] + 1) * 160] if len(loud) else samples[:0]
