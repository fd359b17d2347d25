"""Checks crates/features against librosa: small golden files for its tests, and all of cry512.

    python -m venv venv && venv/bin/pip install -r scripts/requirements-features.txt
    venv/bin/python scripts/features_golden.py                            # crates/features/tests/goldens, under 400 KB
    venv/bin/python scripts/features_golden.py --check TRAIN --data DIR   # a built `train` on all recordings below DIR
    taskset -c 0 venv/bin/python scripts/features_golden.py --time --data DIR   # librosa's seconds on one thread

--check prints the worst figures beside the tolerances and exits 1 if one is exceeded.
"""

import argparse
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import librosa
import numpy as np
import soundfile

RATE_HZ, CLIP_SAMPLES, IMAGE_SIZE = 8000, 56000, 224

# name: rate in Hz, channels, frames, loud or silent. crates/features/tests/parity.rs has the same table.
CASES = {
    "mono_8k": (8000, 1, 54_880, True),
    "mono_16k": (16_000, 1, 80_000, True),
    "mono_48k": (48_000, 1, 200_001, True),
    "stereo_44k": (44_100, 2, 303_072, True),
    "short_8k": (8000, 1, 4000, True),
    "long_22k": (22_050, 1, 200_000, True),
    "silent_8k": (8000, 1, 16_000, False),
}
# Every so-many-th value of a stage is kept. Primes, so that all rows and columns are met.
STRIDES = {"waveform": 37, "mel": 11, "image": 13}


def pcm16(rate_hz, channels, frames, loud):
    """[frames, channels] int16: bursts of a rising triangle wave over white noise, from integers alone, so that Rust makes the same."""
    samples = np.zeros((frames, channels), dtype=np.int16)
    if not loud:
        return samples
    noise = 1
    for frame in range(frames):
        for channel in range(channels):
            noise = (noise * 1_664_525 + 1_013_904_223) % 2**32
            millihertz = 300_000 + 200_000 * channel + frame * 150_000 // rate_hz
            phase = frame * millihertz * 65_536 // (rate_hz * 1000) % 65_536
            triangle = abs(phase - 32_768) - 16_384
            burst = frame * 5 // rate_hz % 4 != 0
            samples[frame, channel] = (triangle if burst else 0) + noise // 65_536 // 32 - 1024
    return samples


def waveform_of(file):
    """[CLIP_SAMPLES] float32 of a path or a file object."""
    waveform, _ = librosa.load(file, sr=RATE_HZ, mono=True, res_type="soxr_hq")
    return librosa.util.fix_length(waveform, size=CLIP_SAMPLES)


def mel_of(waveform):
    """[128, 219] float32 in 0..1; zeros for silence."""
    power = librosa.feature.melspectrogram(y=waveform, sr=RATE_HZ, n_mels=128, n_fft=1024, hop_length=256)
    db = librosa.power_to_db(power, ref=np.max)
    span = db.max() - db.min()
    return (db - db.min()) / span if span > 0 else np.zeros_like(db)


def bilinear(values, size, axis):
    """torch.nn.functional.interpolate(mode="bilinear", align_corners=False) along one axis, in float32."""
    n = values.shape[axis]
    at = np.maximum((np.arange(size, dtype=np.float32) + np.float32(0.5)) * np.float32(n / size) - np.float32(0.5), 0)
    first = at.astype(np.int64)
    weight = np.expand_dims(at - first.astype(np.float32), 1 - axis)
    second = np.minimum(first + 1, n - 1)
    return np.take(values, first, axis) * (1 - weight) + np.take(values, second, axis) * weight


def image_of(mel):
    """[224, 224] float32 in 0..1."""
    return bilinear(bilinear(mel, IMAGE_SIZE, axis=1), IMAGE_SIZE, axis=0)


def write_goldens(folder):
    folder.mkdir(parents=True, exist_ok=True)
    for name, (rate_hz, channels, frames, loud) in CASES.items():
        with tempfile.NamedTemporaryFile(suffix=".wav") as file:
            soundfile.write(file.name, pcm16(rate_hz, channels, frames, loud), rate_hz, subtype="PCM_16")
            waveform = waveform_of(file.name)
        mel = mel_of(waveform)
        stages = {"waveform": waveform, "mel": mel, "image": image_of(mel)}
        kept = np.concatenate([values.ravel()[:: STRIDES[stage]] for stage, values in stages.items()])
        (folder / f"{name}.f32").write_bytes(kept.astype("<f4").tobytes())
    bank = librosa.filters.mel(sr=RATE_HZ, n_fft=1024, n_mels=128).ravel()
    nonzero = np.flatnonzero(bank)
    pairs = np.rec.fromarrays([nonzero, bank[nonzero]], dtype="<u4,<f4")
    (folder / "mel_filters.u32f32").write_bytes(pairs.tobytes())
    print(f"{sum(path.stat().st_size for path in folder.iterdir())} bytes in {folder}")


def run_train(train, files, stage, folder):
    out = pathlib.Path(folder) / "X.npy"
    subprocess.run([train, "features", *files, "--out", out, "--stage", stage], check=True, stdout=subprocess.DEVNULL)
    return np.load(out)


def snr_db(ours, theirs):
    noise = np.sum((ours.astype(np.float64) - theirs) ** 2)
    signal = np.sum(theirs.astype(np.float64) ** 2)
    return 10 * np.log10(signal / noise) if noise > 0 else np.inf


def check(train, recordings, batch=32):
    """One row per group of files and figure: the worst file's value and its limit. Whether all are kept."""
    same_rate, resampled = [], []  # one tuple of figures a file
    with tempfile.TemporaryDirectory() as folder:
        for start in range(0, len(recordings), batch):
            files = recordings[start : start + batch]
            waveforms, images = (run_train(train, files, stage, folder) for stage in ["waveform", "image"])
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


def time_librosa(recordings, repeat=3):
    runs = []
    for _ in range(repeat):
        start = time.perf_counter()
        for file in recordings:
            image_of(mel_of(waveform_of(file)))
        runs.append(time.perf_counter() - start)
    print(f"librosa {librosa.__version__}: {statistics.median(runs):.3f} s for {len(recordings)} recordings, median of {repeat}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", type=pathlib.Path, metavar="TRAIN", help="the built binary to compare with librosa")
    parser.add_argument("--time", action="store_true", help="time librosa")
    parser.add_argument("--data", type=pathlib.Path, metavar="DIR", help="folder of WAV files, read recursively")
    arguments = parser.parse_args()
    if not (arguments.check or arguments.time):
        write_goldens(pathlib.Path(__file__).parent.parent / "crates/features/tests/goldens")
        return
    recordings = sorted(arguments.data.rglob("*.wav")) if arguments.data else []
    if not recordings:
        sys.exit("--data must name a folder with WAV files")
    if arguments.check and not check(arguments.check, recordings):
        sys.exit(1)
    if arguments.time:
        time_librosa(recordings)


if __name__ == "__main__":
    main()
