"""The test signal that scripts and Rust tests both generate, from integers only: a rising triangle wave in bursts over white noise."""

import numpy as np


def pcm16(rate_hz, channels, n_frames):
    """[n_frames, channels] int16."""
    samples = np.zeros((n_frames, channels), dtype=np.int16)
    noise = 1
    for frame in range(n_frames):
        for channel in range(channels):
            noise = (noise * 1_664_525 + 1_013_904_223) % 2**32
            millihertz = 300_000 + 200_000 * channel + frame * 150_000 // rate_hz
            phase = frame * millihertz * 65_536 // (rate_hz * 1000) % 65_536
            triangle = abs(phase - 32_768) - 16_384
            burst = frame * 5 // rate_hz % 4 != 0
            samples[frame, channel] = (triangle if burst else 0) + noise // 65_536 // 32 - 1024
    return samples
