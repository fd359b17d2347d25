"""YAMNet's log-mel spectrogram by its authors' formulas in float64: the reference for crates/features."""

import numpy as np

# In samples: a patch is 96 frames of 400 samples, 160 apart; a patch starts every 48 frames.
RATE_HZ, PATCH, HOP, N_PATCHES = 16_000, 15_600, 7_680, 14


def padded(waveform):
    """The waveform with zeros up to what N_PATCHES patches cover."""
    return np.pad(waveform, (0, PATCH + (N_PATCHES - 1) * HOP - len(waveform)))


def spectrogram(waveform):
    """[720, 64]: `features.py` of TensorFlow's model garden, research/audioset/yamnet."""
    frames = np.lib.stride_tricks.sliding_window_view(padded(waveform.astype(np.float64)), 400)[::160]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    magnitudes = np.abs(np.fft.rfft(frames * window, 512))
    mel = lambda hz: 1127 * np.log1p(hz / 700)
    edges, bins = np.linspace(mel(125), mel(7500), 66), mel(np.linspace(0, RATE_HZ / 2, 257))[:, None]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    weights = np.maximum(0, np.minimum(rising, falling))
    weights[0] = 0
    return np.log(magnitudes @ weights + 0.001)
