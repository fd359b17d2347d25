"""Collects real sounds that are not cries, for `other_sounds` of `wail pretrain`.

    python scripts/models/other_sounds.py OUT [--sounds FOLDER]

The sounds come from Debian packages with free licences, which `apt-get download` fetches by name into FOLDER (1 GB, kept). None of these
packages is used by scripts/evaluate/nights.py or scripts/evaluate/not_a_cry.py, and none of the sounds is ever committed. OUT gets a
folder for each package with excerpts of at most 7 s (16 kHz, mono, 16 bits). The same packages give the same files. Needs the packages
of requirements.txt, and Debian's apt and dpkg.
"""

import pathlib
import random
import sys

import soundfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from wail_scripts import command_line, debian_sounds
from wail_scripts.sound_files import RATE, level, read

SECONDS, SHORTEST_SECONDS = 7, 0.3
EXCERPTS_OF_A_FILE = 6
FILES_OF_A_PACKAGE = 300

# Package: its licence and what is in it.
PACKAGES = {
    "asterisk-core-sounds-es-wav": ("CC-BY-SA-3.0", "a woman who speaks"),
    "asterisk-core-sounds-it-wav": ("CC-BY-SA-3.0", "a woman who speaks"),
    "fillets-ng-data": ("GPL-2+", "people who speak, music"),
    "flare-game": ("CC-BY-SA-3.0+", "animals, monsters, steps, doors, music"),
    "frozen-bubble-data": ("GPL-2", "music, clicks"),
    "hedgewars-data": ("GPL-2", "people who shout and laugh, in high voices; explosions, music"),
    "klettres-data": ("GPL-2+", "children and adults who say syllables"),
    "lincity-ng-data": ("GPL-2+", "traffic, machines, animals, music"),
    "lugaru-data": ("CC-BY-SA-3.0", "animals, steps, wind, music"),
    "oxygen-sounds": ("LGPL-3+", "signals"),
    "pingus-data": ("GPL-2+", "music, voices of penguins"),
    "scratch": ("CC-BY-SA-3.0", "animals, people who laugh, cough and sing, music"),
    "sonic-pi-samples": ("CC0-1.0", "instruments, rooms, a vinyl record"),
    "supertux-data": ("GPL-2+ or CC-BY-SA", "squeaks, music"),
    "warmux-data": ("GPL-2+", "voices, explosions, music"),
    "wesnoth-1.16-data": ("GPL-2", "animals, people who scream, weapons, wind, bells"),
}  # fmt: skip

PATTERNS = [f"**/*.{extension}" for extension in ["wav", "ogg", "oga", "flac", "mp3"]]


def excerpts(sound):
    """Parts of a sound at equal distances, each at most `SECONDS` long."""
    length = SECONDS * RATE
    n = min(EXCERPTS_OF_A_FILE, -(-len(sound) // length))
    starts = [(len(sound) - length) * index // max(n - 1, 1) if len(sound) > length else 0 for index in range(n)]
    return [sound[start : start + length] for start in starts]


def write_package(package, folder, out):
    """Writes the excerpts of a package's sounds and returns their number."""
    files = debian_sounds.matching([debian_sounds.fetch(package, folder) / "usr/share"], PATTERNS, "BabyCry")
    random.Random(package).shuffle(files)
    out.mkdir(parents=True, exist_ok=True)
    n = 0
    for file in files[:FILES_OF_A_PACKAGE]:
        try:
            sound = read(file)
        except soundfile.LibsndfileError as error:
            print(f"skipped: {error}", file=sys.stderr)
            continue
        for part in excerpts(sound):
            if len(part) >= SHORTEST_SECONDS * RATE and level(part) > 0:
                soundfile.write(out / f"{n:04}.wav", part, RATE, subtype="PCM_16")
                n += 1
    return n


def main():
    parser = command_line.parser(__doc__, "out")
    parser.add_argument("--sounds", type=pathlib.Path, default=pathlib.Path("/tmp/wail-sounds"))
    arguments = parser.parse_args()
    for package, (licence, what) in PACKAGES.items():
        n = write_package(package, arguments.sounds.resolve(), arguments.out / package)
        print(f"{package}: {n} excerpts, {licence}: {what}", flush=True)


if __name__ == "__main__":
    main()
