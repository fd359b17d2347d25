"""Compares the features of real recordings with librosa's, and fails if a difference exceeds its limit.

    venv/bin/python scripts/checks/features_check.py target/release/wail RECORDINGS

RECORDINGS is a folder with WAV files, which is searched recursively.
"""

import pathlib
import sys

import numpy as np
import soundfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from wail_scripts import command_line
from wail_scripts.arrays import array
from wail_scripts.librosa_features import RATE_HZ, image_of, mel_of, waveform_of


def snr_db(ours, theirs):
    noise = np.sum((ours.astype(np.float64) - theirs) ** 2)
    signal = np.sum(theirs.astype(np.float64) ** 2)
    return 10 * np.log10(signal / noise) if noise > 0 else np.inf


def check(wail, recordings, batch=32):
    """Prints the worst value of each figure with its limit; returns whether all limits are kept."""
    same_rate, resampled = [], []  # a tuple of figures for each file
    for start in range(0, len(recordings), batch):
        files = recordings[start : start + batch]
        waveforms, images = (array(wail, "features", files, "--stage", stage) for stage in ["waveform", "image"])
        for file, waveform, image in zip(files, waveforms, images, strict=True):
            expected = waveform_of(file)
            off = np.abs(image - image_of(mel_of(expected)))
            if soundfile.info(file).samplerate == RATE_HZ:
                same_rate.append((np.abs(waveform - expected).max(), off.max(), off.mean()))
            else:
                resampled.append((snr_db(waveform, expected), off.max(), off.mean(), np.mean(off > 1e-3)))
    rows = []
    if same_rate:
        waveform, most, mean = np.max(same_rate, axis=0)
        rows += [
            ("8 kHz", len(same_rate), "waveform, largest difference", waveform, 0.0, waveform == 0.0),
            ("8 kHz", len(same_rate), "image, largest difference", most, 5e-5, most <= 5e-5),
            ("8 kHz", len(same_rate), "image, mean difference", mean, 5e-7, mean <= 5e-7),
        ]
    if resampled:
        snr = min(figures[0] for figures in resampled)
        _, most, mean, share = np.max(resampled, axis=0)
        rows += [
            ("resampled", len(resampled), "waveform, least SNR in dB", snr, 70.0, snr >= 70.0),
            ("resampled", len(resampled), "image, largest difference", most, None, True),
            ("resampled", len(resampled), "image, mean difference", mean, 3e-5, mean <= 3e-5),
            ("resampled", len(resampled), "image, share off by > 1e-3", share, 1e-3, share <= 1e-3),
        ]
    print(f"{'files':<16}{'worst file':<32}{'figure':>10}{'limit':>10}")
    for group, n, figure, value, limit, kept in rows:
        limit = "-" if limit is None else f"{limit:.3g}"
        print(f"{n:>4} {group:<11}{figure:<32}{value:>10.3g}{limit:>10}{'' if kept else '  EXCEEDED'}")
    return all(kept for *_, kept in rows)


def main():
    args = command_line.parser(__doc__, "wail", "recordings").parse_args()
    recordings = sorted(args.recordings.rglob("*.wav"))
    if not recordings:
        sys.exit(f"{args.recordings} holds no WAV files")
    sys.exit(not check(args.wail, recordings))


if __name__ == "__main__":
    main()
