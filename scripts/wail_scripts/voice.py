"""A made voice that the model in the box takes for a crying baby."""

import array
import math
import random

RATE = 16000
BREATH_SECONDS, CRY_SECONDS = 0.3, 1.1
HERTZ, RISE_HERTZ = 450, 150


def cry():
    """One cry, which rises and falls, with its breath after it; 16-bit samples at 16 kHz."""
    noise = random.Random(1)
    samples = array.array("h", bytes(2 * int(RATE * (CRY_SECONDS + BREATH_SECONDS))))
    for i in range(int(RATE * CRY_SECONDS)):
        t = i / RATE
        swell = math.sin(math.pi * t / CRY_SECONDS)
        phase = 2 * math.pi * (HERTZ * t + RISE_HERTZ * CRY_SECONDS / math.pi * (1 - math.cos(math.pi * t / CRY_SECONDS)))
        tone = sum(math.sin(k * phase) / k for k in range(1, 12)) / 1.8
        samples[i] = int(14000 * (tone * math.sqrt(swell) + 0.05 * noise.gauss(0, 1) * swell))
    return samples
