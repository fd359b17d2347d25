"""Measures how many altered copies `wail audit` finds and how many pairs it mistakes for copies: a Markdown table.

    venv/bin/python scripts/checks/audit_recall.py target/release/wail RECORDINGS [--recordings 60]

Makes each kind of copy of some recordings with ffmpeg (Debian: apt-get install ffmpeg) and audits originals and copies, one kind at a
time. A copy is found if it is in the family of its original. Two originals in one family are a false pair, unless they were copies before.
"""

import json
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile

import numpy as np
import soundfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from wail_scripts import command_line
from wail_scripts.markdown import print_header, print_row

# Name, extension, and ffmpeg's arguments or the signal-to-noise ratio in dB of added noise; RATE is the recording's sample rate.
COPIES = [
    ("FLAC", "flac", []),
    ("44.1 kHz stereo, -12 dB", "wav", ["-af", "volume=-12dB", "-ar", "44100", "-ac", "2"]),
    ("starts 0.3 s later", "wav", ["-af", "atrim=start=0.3,asetpts=PTS-STARTPTS"]),
    ("starts 0.303 s later", "wav", ["-af", "atrim=start=0.303,asetpts=PTS-STARTPTS"]),
    ("0.3 s of silence before", "wav", ["-af", "adelay=300:all=1"]),
    ("3 s from the middle", "wav", ["-af", "atrim=start=2.005:end=5.005,asetpts=PTS-STARTPTS"]),
    ("1.5 s from the middle", "wav", ["-af", "atrim=start=3.005:end=4.505,asetpts=PTS-STARTPTS"]),
    ("noise at 20 dB", "wav", 20),
    ("noise at 10 dB", "wav", 10),
    ("MP3, 32 kbit/s", "mp3", ["-ar", "16000", "-b:a", "32k"]),
    ("MP3, 16 kbit/s", "mp3", ["-ar", "16000", "-ac", "1", "-b:a", "16k"]),
    ("AAC, 24 kbit/s", "m4a", ["-ar", "16000", "-ac", "1", "-c:a", "aac", "-b:a", "24k"]),
    ("low-pass at 2 kHz", "wav", ["-af", "lowpass=f=2000"]),
    ("0.5 % faster", "wav", ["-af", "asetrate=RATE*1.005,aresample=RATE"]),
    ("2 % faster", "wav", ["-af", "asetrate=RATE*1.02,aresample=RATE"]),
    ("2 % faster, same pitch", "wav", ["-af", "atempo=1.02"]),
]


def make(source, target, change):
    """Writes an altered copy."""
    samples, rate = soundfile.read(source)
    if isinstance(change, int):
        noise = np.random.default_rng(len(source.name)).standard_normal(samples.shape)
        noise *= np.sqrt((samples**2).mean() / 10 ** (change / 10))
        soundfile.write(target, np.clip(samples + noise, -1, 1), rate, subtype="PCM_16")
    else:
        change = [argument.replace("RATE", str(rate)) for argument in change]
        ffmpeg = ["ffmpeg", "-nostdin", "-loglevel", "error", "-i", source]
        subprocess.run([*ffmpeg, *change, target], check=True)


def audit(wail, corpus, out):
    """What `wail audit` finds, as audit.json has it."""
    subprocess.run([wail, "audit", corpus, "--out", out], check=True, stdout=subprocess.DEVNULL)
    return json.loads((out / "audit.json").read_text())


def main():
    parser = command_line.parser(__doc__, "wail", "corpus")
    parser.add_argument("--recordings", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    # Copies that the corpus already contains would count as false pairs.
    paths = sorted(path for path in arguments.corpus.glob("*/*.wav") if not path.name.startswith("generated"))
    paths = random.Random(arguments.seed).sample(paths, arguments.recordings)
    print_header("copy", f"found of {len(paths)}", "false pairs", "correlation, lowest and median")
    for name, extension, change in COPIES:
        with tempfile.TemporaryDirectory() as folder:
            corpus = pathlib.Path(folder) / "corpus/all"
            corpus.mkdir(parents=True)
            for i, path in enumerate(paths):
                shutil.copy(path, corpus / f"{i:04}-original.wav")
                make(path, corpus / f"{i:04}-copy.{extension}", change)
            found = audit(arguments.wail.resolve(), corpus.parent, pathlib.Path(folder) / "out")
        families = {pathlib.Path(row["path"]).stem: row["family"] for row in found["recordings"]}
        hits = sum(families[f"{i:04}-original"] == families[f"{i:04}-copy"] for i in range(len(paths)))
        number = lambda path: pathlib.Path(path).stem.split("-")[0]
        false = sum(number(pair["a"]) != number(pair["b"]) for pair in found["copies"])
        true = [pair["correlation"] for pair in found["copies"] if number(pair["a"]) == number(pair["b"])]
        print_row(name, hits, false, f"{min(true):.2f}, {np.median(true):.2f}" if true else "")


if __name__ == "__main__":
    main()
