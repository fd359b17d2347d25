"""Writes crates/features/tests/goldens/log_mel.json: log-mel spectrograms by Kaldi's own front end and by librosa. Needs torch's packages.

    venv/bin/python scripts/goldens/log_mel_golden.py

Every 5th frame is kept. The cases have the names and settings of crates/features/tests/log_mel.rs.
"""

import json
import pathlib
import sys

import kaldi_native_fbank
import librosa
import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from wail_scripts import ROOT, command_line

STRIDE = 5
OUT = ROOT / "crates/features/tests/goldens/log_mel.json"


def waveform(n):
    """[n] in -1..1, from integers only; the Rust test generates the same."""
    i = np.arange(n, dtype=np.int64)
    return (i * 7919 % 1021 - 510).astype(np.float32) / np.float32(1020) * ((i % 4000).astype(np.float32) / np.float32(4000))


def kaldi(n, window, scale, n_mels):
    options = kaldi_native_fbank.FbankOptions()
    options.frame_opts.dither = 0.0
    options.frame_opts.window_type = window
    options.mel_opts.num_bins = n_mels
    fbank = kaldi_native_fbank.OnlineFbank(options)
    fbank.accept_waveform(16_000, (waveform(n) * np.float32(scale)).tolist())
    fbank.input_finished()
    return np.stack([fbank.get_frame(t) for t in range(fbank.num_frames_ready)])


def mel(n, rate, **options):
    return librosa.feature.melspectrogram(y=waveform(n), sr=rate, **options).T


def main():
    command_line.parser(__doc__).parse_args()
    panns = mel(16_000, 32_000, n_fft=1024, hop_length=320, n_mels=64, fmin=50, fmax=14_000, pad_mode="reflect")
    htk = mel(8000, 16_000, n_fft=512, win_length=400, hop_length=160, n_mels=40, power=1.0, htk=True, norm=None, pad_mode="constant")
    spectrograms = {
        "beats": kaldi(8000, "povey", 32_768, 48),
        "ast": kaldi(8000, "hanning", 1, 32),
        "hamming": kaldi(8000, "hamming", 1, 32),
        "panns": librosa.power_to_db(panns, ref=1.0, amin=1e-10, top_db=None),
        "htk": np.log(htk + np.float32(0.001)),
        "log10": np.log10(np.maximum(htk, np.float32(0.05))),
    }
    kept = {name: [round(float(x), 5) for x in frames[::STRIDE].ravel()] for name, frames in spectrograms.items()}
    OUT.write_text(json.dumps(kept) + "\n")
    print({name: frames.shape for name, frames in spectrograms.items()}, OUT.stat().st_size)


if __name__ == "__main__":
    main()
