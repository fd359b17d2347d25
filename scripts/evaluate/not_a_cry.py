"""Measures how well a model's gate separates cries from real sounds that it was not trained on.

    python3 scripts/evaluate/not_a_cry.py target/release/wail RUN RECORDINGS [--sounds FOLDER]

The cries are the test recordings of the run (RUN/split/test.csv, paths below RECORDINGS), whole and cut to their middle 5 s. The other
sounds come from Debian packages with free licences, which `apt-get download` fetches by name into FOLDER (400 MB, kept), and from
espeak-ng. None of them is ever committed. Prints for each kind the area under the ROC curve, the share that passes at the threshold that
95 % of the cries pass, and the share that passes at the model's own threshold. Standard library only; needs Debian's apt and dpkg, and
espeak-ng (apt-get install espeak-ng).
"""

import csv
import json
import pathlib
import random
import subprocess
import sys
import tempfile
import wave

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from wail_scripts import command_line, debian_sounds

PACKAGES = [
    "alsa-utils", "asterisk-core-sounds-en-wav", "asterisk-core-sounds-fr-wav", "asterisk-moh-opsound-wav", "colobot-common-sounds",
    "ktuberling-data", "lmms-common", "sound-icons", "sound-theme-freedesktop", "tuxmath-data", "tuxpaint-stamps-default",
]  # fmt: skip

# Patterns below usr/share, and a text that excludes a file if its name contains it.
KINDS = {
    "animals": (["tuxpaint/stamps/animals/**/*.ogg"], "_desc"),
    "effects": (
        ["tuxpaint/stamps/[!as]*/**/*.ogg", "games/colobot/sounds/*", "sounds/freedesktop/**/*.oga", "sounds/sound-icons/*.wav",
         "lmms/samples/effects/*", "tuxmath/sounds/*.wav"], "_desc",
    ),
    "music": (["asterisk/moh/*.wav", "games/colobot/music/*", "lmms/samples/[!es]*/*", "tuxmath/sounds/*.ogg"], ".ds"),
    "adults who speak": (["asterisk/sounds/**/*.wav"], "silence"),
    "volunteers who speak": (["tuxpaint/stamps/**/*_desc*.ogg", "ktuberling/sounds/**/*.ogg"], "laugh"),
    "laughter": (["ktuberling/sounds/**/*laugh*.ogg"], "none"),
    "noise and silence": (["sounds/alsa/Noise.wav", "asterisk/sounds/**/silence/*.wav"], "none"),
}  # fmt: skip

PHRASES = [
    "Good morning, did you sleep well? The coffee is ready, and it is raining again.",
    "Ha ha ha ha ha! Hee hee hee hee! Oh ho ho ho ho! Ha ha ha ha!",
    "Da da da da, ba ba ba, ga ga, ma ma ma, goo goo, da da!",
    "One, two, three, four, five, six, seven, eight, nine, ten.",
]


def speak(folder):
    """Writes espeak-ng's speech in many voices, some as high as a child's."""
    for voice in ["en-us", "en-gb+f3", "de+m2", "fr+f2", "es", "pl+f4", "en-us+whisper", "en-us+croak"]:
        for pitch in [20, 50, 99]:
            for number, phrase in enumerate(PHRASES):
                file = folder / f"{voice}-{pitch}-{number}.wav"
                subprocess.run(["espeak-ng", "-v", voice, "-p", str(pitch), "-s", "150", "-w", file, phrase], check=True)


def cut(source, target, seconds):
    """Writes the middle `seconds` of a WAV file."""
    with wave.open(str(source)) as whole, wave.open(str(target), "w") as part:
        wanted = min(whole.getnframes(), int(seconds * whole.getframerate()))
        whole.setpos((whole.getnframes() - wanted) // 2)
        part.setparams(whole.getparams())
        part.writeframes(whole.readframes(wanted))


def answers(wail, model, files):
    """(cry score, whether the gate refused it, file) of each file; unreadable files are left out."""
    files = [str(file) for file in files]
    lines = []
    for start in range(0, len(files), 200):
        command = [wail, "infer", *files[start : start + 200], "--model", model, "--format", "jsonl"]
        lines += subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout.splitlines()
    found = [json.loads(line) for line in lines]
    return [(answer["cry_score"], answer["not_a_cry"], answer["file"]) for answer in found if "error" not in answer]


def roc_auc(cries, others):
    pairs = sum((cry > other) + 0.5 * (cry == other) for cry in cries for other in others)
    return pairs / (len(cries) * len(others))


def main():
    parser = command_line.parser(__doc__, "wail", "run", "recordings")
    parser.add_argument("--model", type=pathlib.Path, help="a model other than the run's own")
    parser.add_argument("--sounds", type=pathlib.Path, default=pathlib.Path("/tmp/wail-sounds"))
    parser.add_argument("--per-kind", type=int, default=150, help="sounds of each kind, drawn with a fixed seed")
    parser.add_argument("--show", type=int, default=0, help="list this many of the sounds with the highest scores")
    arguments = parser.parse_args()
    wail, model = arguments.wail.resolve(), arguments.model or arguments.run
    shares = [debian_sounds.fetch(package, arguments.sounds) / "usr/share" for package in PACKAGES]
    with open(arguments.run / "split/test.csv", newline="") as file:
        whole = [arguments.recordings / row["path"] for row in csv.DictReader(file)]
    kinds = {}
    for kind, (patterns, without) in KINDS.items():
        files = debian_sounds.matching(shares, patterns, without)
        random.Random(kind).shuffle(files)
        kinds[kind] = files[: arguments.per_kind]
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for name in ["speech", "cries"]:
            (folder / name).mkdir()
        speak(folder / "speech")
        kinds["espeak-ng"] = sorted((folder / "speech").iterdir())
        parts = [folder / "cries" / f"{number}.wav" for number in range(len(whole))]
        for source, target in zip(whole, parts):
            cut(source, target, 5)
        cries = {"whole": answers(wail, model, whole), "cut to 5 s": answers(wail, model, parts)}
        others = {kind: answers(wail, model, files) for kind, files in kinds.items()}
    others["all"] = [answer for answers in others.values() for answer in answers]
    for name, positives in cries.items():
        scores = sorted(score for score, _, _ in positives)
        threshold = scores[len(scores) - -(-95 * len(scores) // 100)]
        accepted = sum(not refused for _, refused, _ in positives) / len(positives)
        print(f"cries {name}: {len(positives)}, of which the model accepts {accepted:.1%}; 95 % score at least {threshold:.4f}")
        print(f"  {'other sounds':<24} {'n':>5} {'ROC-AUC':>8} {'passes at 95 % recall':>22} {'accepted':>16}")
        for kind, negatives in others.items():
            negative = [score for score, _, _ in negatives]
            passed = sum(score >= threshold for score in negative) / len(negative)
            accepted = sum(not refused for _, refused, _ in negatives) / len(negative)
            print(f"  {kind:<24} {len(negative):>5} {roc_auc(scores, negative):>8.3f} {passed:>22.1%} {accepted:>16.1%}")
    for score, _, file in sorted(others["all"], reverse=True)[: arguments.show]:
        print(f"{score:.4f} {file}")


if __name__ == "__main__":
    main()
