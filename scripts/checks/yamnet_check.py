"""Checks YAMNet against its authors' formulas and against the TFLite runtime, on 64 real recordings.

    python3 -m venv venv && venv/bin/pip install -r scripts/requirements-yamnet.txt
    venv/bin/python scripts/yamnet_check.py TRAIN --weights yamnet.tflite --data DIR   # a built `train`
    venv/bin/python scripts/yamnet_check.py TRAIN --weights yamnet.tflite --data DIR --time

Both sides hear the waveform that `train features` writes, so that resampling does not matter. The runtime takes 15600 samples at once:
it is given each patch of a recording, and what it says is averaged over them, as `train embed` does.

The published file runs the mel filters as a layer with int8 weights, and for that the runtime rounds a frame's magnitudes to 255ths of
the largest: most of a cry's quiet bands become silence. The front end `yamnet` does not do so, as its authors define none of it;
`yamnet_tflite` does, and with it the whole road is compared. The figures of `yamnet` beside the runtime are printed for information.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np
import soundfile
from ai_edge_litert.interpreter import Interpreter

RATE_HZ, PATCH, HOP, N_PATCHES = 16_000, 15_600, 7_680, 14
N_RECORDINGS = 64
# float32 against float64; a frame's rounding errors are of its loudest bin, and the logarithm shows them most where there is nothing.
FEATURES_MAX, FEATURES_MEAN = 2e-2, 5e-5
# The runtime rounds every layer's inputs to 8 bits.
SCORE_MAX, SAME_TOP, COSINE_MIN = 0.05, 62, 0.99


def spectrogram(waveform):
    """[720, 64]: `features.py` of TensorFlow's model garden, research/audioset/yamnet, in float64."""
    padded = np.pad(waveform.astype(np.float64), (0, PATCH + (N_PATCHES - 1) * HOP - len(waveform)))
    frames = np.lib.stride_tricks.sliding_window_view(padded, 400)[::160]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    magnitudes = np.abs(np.fft.rfft(frames * window, 512))
    mel = lambda hz: 1127 * np.log1p(hz / 700)
    edges, bins = np.linspace(mel(125), mel(7500), 66), mel(np.linspace(0, RATE_HZ / 2, 257))[:, None]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    weights = np.maximum(0, np.minimum(rising, falling))
    weights[0] = 0
    return np.log(magnitudes @ weights + 0.001)


def runtime(interpreter, waveform):
    """Mean embedding [1024] and mean scores [521] over the patches."""
    (mean,) = [op["outputs"][0] for op in interpreter._get_ops_details() if op["op_name"] == "MEAN"]
    padded = np.pad(waveform, (0, PATCH + (N_PATCHES - 1) * HOP - len(waveform)))
    embeddings, scores = [], []
    for start in range(0, N_PATCHES * HOP, HOP):
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], padded[start : start + PATCH])
        interpreter.invoke()
        embeddings.append(interpreter.get_tensor(mean)[0].copy())
        scores.append(interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0].copy())
    return np.mean(embeddings, axis=0), np.mean(scores, axis=0)


def run(train, command, files, *arguments):
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "X.npy"
        subprocess.run([train, command, *files, "--out", out, *arguments], check=True, stdout=subprocess.DEVNULL)
        return np.load(out)


def compare(ours, theirs):
    """Largest difference of scores, recordings with the same top class, smallest cosine of embeddings."""
    (embeddings, scores), (their_embeddings, their_scores) = ours, theirs
    products = np.sum(embeddings * their_embeddings, axis=1)
    cosines = products / np.linalg.norm(embeddings, axis=1) / np.linalg.norm(their_embeddings, axis=1)
    same = int(np.sum(scores.argmax(axis=1) == their_scores.argmax(axis=1)))
    return float(np.abs(scores - their_scores).max()), same, float(cosines.min())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train", type=pathlib.Path)
    parser.add_argument("--weights", type=pathlib.Path, required=True)
    parser.add_argument("--data", type=pathlib.Path, required=True, help="a folder with recordings below it")
    parser.add_argument("--time", action="store_true", help="also time the runtime and both engines, all on as many threads")
    arguments = parser.parse_args()
    train, weights = arguments.train.resolve(), ["--arch", "yamnet", "--weights", arguments.weights]
    # Of those that fill the clip: a shorter one is repeated there.
    shortest = (PATCH + (N_PATCHES - 2) * HOP + 1) / RATE_HZ
    files = [path for path in sorted(arguments.data.rglob("*.wav")) if soundfile.info(path).duration >= shortest]
    files = files[:: len(files) // N_RECORDINGS][:N_RECORDINGS]
    assert len(files) == N_RECORDINGS, f"only {len(files)} recordings of {shortest} s"

    waveforms = run(train, "features", files, "--front-end", "yamnet", "--stage", "waveform")
    ours = run(train, "features", files, "--front-end", "yamnet")
    off = np.abs(ours - np.stack([spectrogram(waveform) for waveform in waveforms]))
    rows = [
        ("features, largest difference", off.max(), FEATURES_MAX, off.max() <= FEATURES_MAX),
        ("features, mean difference", off.mean(), FEATURES_MEAN, off.mean() <= FEATURES_MEAN),
    ]

    interpreter = Interpreter(str(arguments.weights), experimental_preserve_all_tensors=True)
    interpreter.allocate_tensors()
    theirs = tuple(map(np.stack, zip(*(runtime(interpreter, waveform) for waveform in waveforms))))
    for front_end, counts in [("yamnet_tflite", True), ("yamnet", False)]:
        for engine in ["rten", "burn"]:
            settings = [*weights, "--front-end", front_end, "--engine", engine]
            ours = [run(train, "embed", files, *settings, "--output", output) for output in ["embedding", "scores"]]
            score, same, cosine = compare(ours, theirs)
            name = f"{front_end} on {engine}"
            rows += [
                (f"{name}, scores, largest difference", score, SCORE_MAX if counts else "–", not counts or score <= SCORE_MAX),
                (f"{name}, recordings with the same top class", same, SAME_TOP if counts else "–", not counts or same >= SAME_TOP),
                (f"{name}, embeddings, smallest cosine", cosine, COSINE_MIN if counts else "–", not counts or cosine >= COSINE_MIN),
            ]
    for name, found, limit, kept in rows:
        print(f"{name:<52} {found:>10.4g}  limit {limit}{'' if kept else '  EXCEEDED'}")

    if arguments.time:
        plain = Interpreter(str(arguments.weights), num_threads=len(os.sched_getaffinity(0)))
        plain.allocate_tensors()
        started = time.perf_counter()
        for waveform in waveforms:
            padded = np.pad(waveform, (0, PATCH + (N_PATCHES - 1) * HOP - len(waveform)))
            for start in range(0, N_PATCHES * HOP, HOP):
                plain.set_tensor(plain.get_input_details()[0]["index"], padded[start : start + PATCH])
                plain.invoke()
        print(f"{'TFLite runtime, ms a recording':<52} {1e3 * (time.perf_counter() - started) / len(files):>10.4g}")
        for engine in ["rten", "burn"]:
            started = time.perf_counter()
            run(train, "embed", files, *weights, "--engine", engine)
            print(f"{'train embed on ' + engine + ', ms a recording, all included':<52} {1e3 * (time.perf_counter() - started) / len(files):>10.4g}")
    sys.exit(not all(kept for *_, kept in rows))


if __name__ == "__main__":
    main()
