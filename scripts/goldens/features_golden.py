"""Writes crates/features/tests/goldens: librosa's waveform, log-mel spectrogram, image and filter bank; under 400 KB.

    venv/bin/python scripts/goldens/features_golden.py
"""

import pathlib
import sys
import tempfile

import librosa
import numpy as np
import soundfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from wail_scripts import ROOT
from wail_scripts.librosa_features import RATE_HZ, image_of, mel_of, waveform_of
from wail_scripts.triangle import pcm16

# name: rate in Hz, channels, frames, loud or silent. The same table is in crates/features/tests/parity.rs.
CASES = {
    "mono_8k": (8000, 1, 54_880, True),
    "mono_16k": (16_000, 1, 80_000, True),
    "mono_48k": (48_000, 1, 200_001, True),
    "stereo_44k": (44_100, 2, 303_072, True),
    "short_8k": (8000, 1, 4000, True),
    "long_22k": (22_050, 1, 200_000, True),
    "silent_8k": (8000, 1, 16_000, False),
}
# Every n-th value of each stage is kept. The steps are primes, so that all rows and columns are covered.
STRIDES = {"waveform": 37, "mel": 11, "image": 13}


def main():
    folder = ROOT / "crates/features/tests/goldens"
    folder.mkdir(parents=True, exist_ok=True)
    for name, (rate_hz, channels, n_frames, loud) in CASES.items():
        samples = pcm16(rate_hz, channels, n_frames) if loud else np.zeros((n_frames, channels), np.int16)
        with tempfile.NamedTemporaryFile(suffix=".wav") as file:
            soundfile.write(file.name, samples, rate_hz, subtype="PCM_16")
            waveform = waveform_of(file.name)
        mel = mel_of(waveform)
        stages = {"waveform": waveform, "mel": mel, "image": image_of(mel)}
        kept = np.concatenate([values.ravel()[:: STRIDES[stage]] for stage, values in stages.items()])
        (folder / f"{name}.f32").write_bytes(kept.astype("<f4").tobytes())
    bank = librosa.filters.mel(sr=RATE_HZ, n_fft=1024, n_mels=128).ravel()
    nonzero = np.flatnonzero(bank)
    pairs = np.rec.fromarrays([nonzero, bank[nonzero]], dtype="<u4,<f4")
    (folder / "mel_filters.u32f32").write_bytes(pairs.tobytes())
    print(f"{folder}: {sum(path.stat().st_size for path in folder.iterdir())} bytes")


if __name__ == "__main__":
    main()
