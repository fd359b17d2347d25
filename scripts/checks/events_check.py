"""Compares the event-based scores of `wail evaluate` with those of sed_eval, for random cries and detections.

    venv/bin/python scripts/checks/events_check.py target/release/wail

Precision, recall and F1 must agree to 1e-9, for onsets alone and with ends, for several collars. Half of the times are multiples of 0.1 s,
so that some differ by exactly the collar. Events are dense, so that a greedy matching is often smaller than sed_eval's: the check fails if it
never is.
"""

import json
import math
import pathlib
import random
import subprocess
import sys
import tempfile
import wave

import sed_eval

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from wail_scripts import command_line

CASES = 200
SEED = 7
SECONDS = {"a.wav": 20, "b.wav": 30, "c.wav": 10}
TOLERANCE = 1e-9
SCORES = {"precision": "precision", "recall": "recall", "f1": "f_measure"}


def write_recording(path, seconds, rng):
    """Quiet noise of 8 kHz."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(b"".join(rng.randint(-99, 99).to_bytes(2, "little", signed=True) for _ in range(8000 * seconds)))


def random_events(rng, seconds, on_grid):
    """Up to 12 events (onset, end) in a part of the recording, in any order."""
    time = (lambda: rng.randrange(10 * seconds // 3) / 10) if on_grid else (lambda: rng.uniform(0, seconds / 3))
    length = (lambda: rng.randrange(1, 30) / 10) if on_grid else (lambda: rng.uniform(0.05, 3))
    return [(onset, onset + length()) for onset in (time() for _ in range(rng.randrange(12)))]


def write_table(path, events):
    lines = [f"{file},{onset!r},{end!r}" for file, found in events.items() for onset, end in found]
    path.write_text("\n".join(["file,start,end", *lines]) + "\n")


def expected(truth, detected, collar, share, matching):
    """The scores of sed_eval; None where a score is not defined."""
    ends = {"evaluate_offset": share is not None, "percentage_of_length": share or 0.0}
    metrics = sed_eval.sound_event.EventBasedMetrics(["cry"], t_collar=collar, event_matching_type=matching, **ends)
    for file in truth:
        rows = [
            [{"filename": file, "event_onset": onset, "event_offset": end, "event_label": "cry"} for onset, end in events[file]]
            for events in (truth, detected)
        ]
        metrics.evaluate(*rows)
    scores = metrics.overall_f_measure()
    return {name: None if math.isnan(scores[theirs]) else scores[theirs] for name, theirs in SCORES.items()}


def found(wail, folder, collar, share):
    """The scores of `wail evaluate` on the tables in `folder`."""
    tables = ["--events", folder / "truth.csv", "--detected", folder / "detected.csv"]
    ends = [] if share is None else ["--share-of-length", str(share)]
    command = [wail, "evaluate", *tables, *ends, "--collar", str(collar), "--format", "json", *(folder / file for file in SECONDS)]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    scores = json.loads(output)["scores"]
    return {name: scores[name] and scores[name]["value"] for name in SCORES}


def main():
    args = command_line.parser(__doc__, "wail").parse_args()
    rng = random.Random(SEED)
    problems, n_greedy_differs, largest = [], 0, 0.0
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for file, seconds in SECONDS.items():
            write_recording(folder / file, seconds, rng)
        for case in range(CASES):
            truth, detected = ({file: random_events(rng, s, case % 2 == 0) for file, s in SECONDS.items()} for _ in range(2))
            # Without a cry, without a detection, without either.
            if case in (0, 2):
                truth = dict.fromkeys(SECONDS, [])
            if case in (1, 2):
                detected = dict.fromkeys(SECONDS, [])
            write_table(folder / "truth.csv", truth)
            write_table(folder / "detected.csv", detected)
            collar, share = rng.choice([0.1, 0.2, 0.5, 1.0]), rng.choice([None, None, 0.2, 0.5])
            ours, theirs = found(args.wail.resolve(), folder, collar, share), expected(truth, detected, collar, share, "optimal")
            n_greedy_differs += expected(truth, detected, collar, share, "greedy") != theirs
            for score in SCORES:
                if theirs[score] is None:
                    # sed_eval's F1 is undefined if either of the others is; ours is 0 if there are only cries or only detections.
                    agrees = ours[score] is None or score == "f1" and ours[score] == 0.0
                else:
                    agrees = ours[score] is not None and abs(ours[score] - theirs[score]) <= TOLERANCE
                    largest = max(largest, abs((ours[score] or 0.0) - theirs[score]))
                if not agrees:
                    problems.append(f"case {case}, collar {collar}, share {share}: {score} {ours[score]}, sed_eval {theirs[score]}")
    if n_greedy_differs == 0:
        problems.append("a greedy matching always has the same scores, so the events are too sparse to tell")
    for problem in problems:
        print(problem, file=sys.stderr)
    print(
        f"sed_eval {sed_eval.__version__}: {CASES} cases, of which {n_greedy_differs} have other scores with a greedy matching; "
        f"largest difference {largest:.1e}; {len(problems)} problems"
    )
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
