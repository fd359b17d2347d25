"""How many altered copies `train audit` finds, and how many pairs it takes for copies that are none.

Takes recordings of a corpus, makes each kind of copy of each with ffmpeg, audits the original and the copy alone for every
kind, and prints a Markdown table. A copy is found if it is in its original's family; a pair of two originals in one
family is a false find (or a copy that was there before).

    apt-get install ffmpeg
    pip install -r scripts/requirements-audit.txt
    python scripts/audit_recall.py target/release/train ../shared/data/cry512/raw --recordings 60
"""

import argparse
import json
import random
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import soundfile

# Name, extension, ffmpeg's arguments; RATE stands for the recording's own.
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
    samples, rate = soundfile.read(source)
    if isinstance(change, int):
        noise = np.random.default_rng(len(source.name)).standard_normal(samples.shape)
        noise *= np.sqrt((samples**2).mean() / 10 ** (change / 10))
        soundfile.write(target, np.clip(samples + noise, -1, 1), rate, subtype="PCM_16")
    else:
        change = [argument.replace("RATE", str(rate)) for argument in change]
        ffmpeg = ["ffmpeg", "-nostdin", "-loglevel", "error", "-i", source]
        subprocess.run([*ffmpeg, *change, target], check=True)


def audit(train, corpus, out):
    subprocess.run([train, "audit", corpus, "--out", out], check=True, stdout=subprocess.DEVNULL)
    return json.loads((out / "audit.json").read_text())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("train", type=Path)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--recordings", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    # Copies that are in the corpus already would count as false finds.
    paths = sorted(path for path in arguments.corpus.glob("*/*.wav") if not path.name.startswith("generated"))
    paths = random.Random(arguments.seed).sample(paths, arguments.recordings)
    print(f"| copy | found of {len(paths)} | false pairs | correlation, lowest and median |\n| --- | --- | --- | --- |")
    for name, extension, change in COPIES:
        with tempfile.TemporaryDirectory() as folder:
            corpus = Path(folder) / "corpus/all"
            corpus.mkdir(parents=True)
            for i, path in enumerate(paths):
                shutil.copy(path, corpus / f"{i:04}-original.wav")
                make(path, corpus / f"{i:04}-copy.{extension}", change)
            found = audit(arguments.train, corpus.parent, Path(folder) / "out")
        families = {Path(row["path"]).stem: row["family"] for row in found["recordings"]}
        hits = sum(families[f"{i:04}-original"] == families[f"{i:04}-copy"] for i in range(len(paths)))
        number = lambda path: Path(path).stem.split("-")[0]
        false = sum(number(pair["a"]) != number(pair["b"]) for pair in found["copies"])
        true = [pair["correlation"] for pair in found["copies"] if number(pair["a"]) == number(pair["b"])]
        told = f"{min(true):.2f}, {np.median(true):.2f}" if true else ""
        print(f"| {name} | {hits} | {false} | {told} |", flush=True)


if __name__ == "__main__":
    main()
