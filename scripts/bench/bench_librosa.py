"""Wall time of librosa's features, for comparison with `cargo bench -p features`.

    taskset -c 0 venv/bin/python scripts/bench/bench_librosa.py RECORDINGS     # one thread
"""

import pathlib
import sys

import librosa

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from wail_scripts import command_line, measure
from wail_scripts.librosa_features import image_of, mel_of, waveform_of


def main():
    parser = command_line.parser(__doc__, "recordings")
    parser.add_argument("--repeat", type=int, default=3)
    args = parser.parse_args()
    recordings = sorted(args.recordings.rglob("*.wav"))

    def features():
        for file in recordings:
            image_of(mel_of(waveform_of(file)))

    seconds = measure.median(args.repeat, lambda: measure.timed(features))
    print(f"librosa {librosa.__version__}: {seconds:.3f} s for {len(recordings)} recordings, median of {args.repeat} runs")


if __name__ == "__main__":
    main()
