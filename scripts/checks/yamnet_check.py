"""Checks YAMNet against its authors' formulas and against the TFLite runtime, on 64 real recordings.

    venv/bin/python scripts/checks/yamnet_check.py target/release/wail --weights yamnet.tflite --data RECORDINGS [--time]

Both sides start from the waveform that `wail features` writes, so resampling does not matter. The runtime takes 15,600 samples at
a time, one patch of a recording, and its outputs are averaged over the patches, as in `wail embed`.

The published file computes the mel filters in a layer with int8 weights, for which the runtime rounds a frame's magnitudes to 255ths of
the largest: most of the quiet bands of a cry become silence. The authors define no such rounding, so the front end `yamnet` has none;
`yamnet_tflite` has it, and is compared with the runtime end to end. The figures of `yamnet` against the runtime are for information only.
"""

import os
import pathlib
import sys

import numpy as np
import soundfile
from ai_edge_litert.interpreter import Interpreter

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from wail_scripts import command_line, measure
from wail_scripts.arrays import array
from wail_scripts.yamnet_spectrogram import HOP, N_PATCHES, PATCH, RATE_HZ, padded, spectrogram

N_RECORDINGS = 64
# float32 against float64: rounding errors of a frame scale with its loudest bin, and the logarithm magnifies them in quiet bins.
FEATURES_MAX, FEATURES_MEAN = 2e-2, 5e-5
# The runtime rounds the inputs of every layer to 8 bits.
SCORE_MAX, SAME_TOP, COSINE_MIN = 0.05, 62, 0.99


def patches(waveform):
    """The waveform's patches, each [PATCH]."""
    samples = padded(waveform)
    return [samples[start : start + PATCH] for start in range(0, N_PATCHES * HOP, HOP)]


def runtime(interpreter, waveform):
    """The runtime's mean embedding [1024] and mean scores [521] over the patches."""
    (mean,) = [op["outputs"][0] for op in interpreter._get_ops_details() if op["op_name"] == "MEAN"]
    embeddings, scores = [], []
    for patch in patches(waveform):
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], patch)
        interpreter.invoke()
        embeddings.append(interpreter.get_tensor(mean)[0].copy())
        scores.append(interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0].copy())
    return np.mean(embeddings, axis=0), np.mean(scores, axis=0)


def compare(ours, theirs):
    """Largest difference of scores, number of recordings with the same top class, smallest cosine of embeddings."""
    (embeddings, scores), (their_embeddings, their_scores) = ours, theirs
    products = np.sum(embeddings * their_embeddings, axis=1)
    cosines = products / np.linalg.norm(embeddings, axis=1) / np.linalg.norm(their_embeddings, axis=1)
    same = int(np.sum(scores.argmax(axis=1) == their_scores.argmax(axis=1)))
    return float(np.abs(scores - their_scores).max()), same, float(cosines.min())


def main():
    parser = command_line.parser(__doc__, "wail")
    parser.add_argument("--weights", type=pathlib.Path, required=True)
    parser.add_argument("--data", type=pathlib.Path, required=True, help="a folder of recordings, searched recursively")
    parser.add_argument("--time", action="store_true", help="also time the runtime and both engines, each with all threads")
    args = parser.parse_args()
    weights = ["--arch", "yamnet", "--weights", args.weights]
    # Only recordings that fill the clip: Wail repeats shorter ones.
    shortest = (PATCH + (N_PATCHES - 2) * HOP + 1) / RATE_HZ
    files = [path for path in sorted(args.data.rglob("*.wav")) if soundfile.info(path).duration >= shortest]
    files = files[:: max(1, len(files) // N_RECORDINGS)][:N_RECORDINGS]
    if len(files) < N_RECORDINGS:
        sys.exit(f"{args.data} holds {len(files)} recordings of at least {shortest} s; {N_RECORDINGS} are needed")

    waveforms = array(args.wail, "features", files, "--front-end", "yamnet", "--stage", "waveform")
    ours = array(args.wail, "features", files, "--front-end", "yamnet")
    off = np.abs(ours - np.stack([spectrogram(waveform) for waveform in waveforms]))
    rows = [
        ("features, largest difference", off.max(), FEATURES_MAX, off.max() <= FEATURES_MAX),
        ("features, mean difference", off.mean(), FEATURES_MEAN, off.mean() <= FEATURES_MEAN),
    ]

    interpreter = Interpreter(str(args.weights), experimental_preserve_all_tensors=True)
    interpreter.allocate_tensors()
    theirs = tuple(map(np.stack, zip(*(runtime(interpreter, waveform) for waveform in waveforms))))
    for front_end, counts in [("yamnet_tflite", True), ("yamnet", False)]:
        for engine in ["rten", "burn"]:
            settings = [*weights, "--front-end", front_end, "--engine", engine]
            ours = [array(args.wail, "embed", files, *settings, "--output", output) for output in ["embedding", "scores"]]
            score, same, cosine = compare(ours, theirs)
            name = f"{front_end} on {engine}"
            rows += [
                (f"{name}, scores, largest difference", score, SCORE_MAX if counts else "–", not counts or score <= SCORE_MAX),
                (f"{name}, recordings with the same top class", same, SAME_TOP if counts else "–", not counts or same >= SAME_TOP),
                (f"{name}, embeddings, smallest cosine", cosine, COSINE_MIN if counts else "–", not counts or cosine >= COSINE_MIN),
            ]
    for name, found, limit, kept in rows:
        print(f"{name:<52} {found:>10.4g}  limit {limit}{'' if kept else '  EXCEEDED'}")

    if args.time:
        plain = Interpreter(str(args.weights), num_threads=len(os.sched_getaffinity(0)))
        plain.allocate_tensors()

        def run_plain():
            for patch in (patch for waveform in waveforms for patch in patches(waveform)):
                plain.set_tensor(plain.get_input_details()[0]["index"], patch)
                plain.invoke()

        times = {"TFLite runtime": run_plain}
        for engine in ["rten", "burn"]:
            command = [*weights, "--engine", engine]
            times[f"wail embed on {engine}, start-up included"] = lambda command=command: array(args.wail, "embed", files, *command)
        for name, function in times.items():
            print(f"{name + ', ms a recording':<52} {1e3 * measure.timed(function) / len(files):>10.4g}")
    sys.exit(not all(kept for *_, kept in rows))


if __name__ == "__main__":
    main()
