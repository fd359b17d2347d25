"""Writes nights of real sounds with cries at known times, as `wail synth --nights` does of synthetic ones.

    python scripts/evaluate/nights.py SPLIT CRIES OUT [--nights N] [--hours H] [--seed N] [--cries-per-hour X] [--sounds FOLDER]

SPLIT is training, validation or test. CRIES is a folder of recordings of cries, of that split only. The other sounds come from Debian
packages with free licences, which `apt-get download` fetches by name into FOLDER (kept); each package is in one split. None of them is
ever committed. OUT gets night-001.wav and so on (16 kHz, mono, 16 bits), truth.csv with the episodes of crying and sounds.csv with all
that sounds. A room's reverberation is decaying noise, its background pink noise. The same seed and the same files give the same nights.
Needs the packages of requirements.txt, and Debian's apt and dpkg.
"""

import csv
import pathlib
import sys

import numpy as np
import scipy.signal
import soundfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from wail_scripts import command_line, debian_sounds
from wail_scripts.sound_files import RATE, level, read

BLOCK = 10 * RATE
MAX_PEAK = 0.9
CRY_SECONDS, CALM_SECONDS = (20, 200), 30
SOUND_SECONDS, SOUND_EVERY_SECONDS = (5, 60), 90
CRY_DBFS, SOUND_DBFS, BACKGROUND_DBFS = (-45, -20), (-50, -25), (-75, -45)
ROOM_SECONDS = (0.15, 0.9)

# Package: its licence, and for each kind the files, as patterns below usr. Two packages with the same voice or the same files are in one split.
PACKAGES = {
    "training": {
        "asterisk-core-sounds-en-wav": ("CC-BY-SA-3.0", {"speech": ["share/asterisk/sounds/**/*.wav"]}),
        "asterisk-moh-opsound-wav": ("CC-BY-SA-3.0", {"music": ["share/asterisk/moh/*.wav"]}),
        "simutrans-pak64": (
            "Artistic-1.0",
            {
                "traffic": [f"share/games/simutrans/pak/sound/{name}.wav" for name in ["truck", "diesel", "bus", "comet-jet", "planelow"]],
                "animals": [f"share/games/simutrans/pak/sound/{name}.wav" for name in ["horse", "seagulls", "tropic", "forest"]],
            },
        ),
        "sound-theme-freedesktop": ("CC-BY-SA-3.0, CC-BY-3.0, GPL-2+", {"alarms": ["share/sounds/freedesktop/stereo/*.oga"]}),
    },
    "validation": {
        "asterisk-core-sounds-fr-wav": ("CC-BY-SA-3.0", {"speech": ["share/asterisk/sounds/**/*.wav"]}),
        "tuxmath-data": ("GPL-3+, CC-BY-SA-3.0", {"music": ["share/tuxmath/sounds/*.ogg"], "effects": ["share/tuxmath/sounds/*.wav"]}),
        "gnome-shell-pomodoro-data": (
            "GPL-3+",
            {
                "animals": ["share/gnome-pomodoro/sounds/birds.ogg"],
                "alarms": ["share/gnome-pomodoro/sounds/*bell.ogg", "share/gnome-pomodoro/sounds/*imer.ogg"],
            },
        ),
    },
    "test": {
        "asterisk-core-sounds-ru-wav": ("CC-BY-SA-3.0", {"speech": ["share/asterisk/sounds/**/*.wav"]}),
        "lmms-common": (
            "GPL-2+",
            {"music": [f"share/lmms/samples/{name}/*.ogg" for name in ["bassloops", "beats", "instruments", "latin", "stringsnpads"]]},
        ),
        "bucklespring-data": ("GPL-2+", {"clicks": ["share/buckle/wav/*.wav"]}),
        "libreoffice-common": (
            "MPL-2.0",
            {
                "animals": [f"lib/libreoffice/share/gallery/sounds/{name}.wav" for name in ["cow", "horse", "nature1", "nature2"]],
                "traffic": ["lib/libreoffice/share/gallery/sounds/train.wav"],
                "effects": [f"lib/libreoffice/share/gallery/sounds/{name}.wav" for name in ["applause", "glasses", "gong", "roll", "strom"]],
            },
        ),
    },
}  # fmt: skip


def amplitude(dbfs):
    return 10 ** (dbfs / 20)


def audible(files):
    """Those of `files` that can be read and are not silent."""

    def is_audible(file):
        try:
            return level(read(file)) > 0
        except soundfile.LibsndfileError as error:
            print(f"skipped: {error}", file=sys.stderr)

    return [file for file in files if is_audible(file)]


def filled(rng, files, n, pause_seconds):
    """Sounds of `files` at one level, one after the other with pauses up to a length, cut off at `n` samples; and their names."""
    parts, names, length = [], [], 0
    while length < n:
        file = files[rng.integers(len(files))]
        sound = read(file)
        pause = np.zeros(int(rng.uniform(0.05, pause_seconds) * RATE), np.float32)
        parts += [faded(sound[: n - length] / level(sound)), pause]
        length += len(sound) + len(pause)
        names.append(file)
    whole = np.concatenate(parts)
    return whole[: min(n, len(whole) - len(parts[-1]))], names


def faded(sound):
    n = min(160, len(sound) // 2)
    ramp = np.linspace(0, 1, n, dtype=np.float32)
    return np.concatenate([sound[:n] * ramp, sound[n : len(sound) - n], sound[len(sound) - n :] * ramp[::-1]])


def planned(rng, arguments, kinds, cries):
    """(start, samples, dBFS, family, files, longest pause) of each event of a night, ordered by start; no episodes of crying overlap."""
    end, events = arguments.hours * 3600, []

    def add(start, seconds, dbfs, *what):
        if start + seconds <= end:
            events.append((int(start * RATE), int(seconds * RATE), rng.uniform(*dbfs), *what))

    def log_uniform(least, most):
        return least * (most / least) ** rng.random()

    at = rng.exponential(SOUND_EVERY_SECONDS)
    while at < end:
        family = [*kinds, "television"][rng.integers(len(kinds) + 1)]
        add(at, log_uniform(*SOUND_SECONDS), SOUND_DBFS, family, kinds.get(family), 1.5)
        at += rng.exponential(SOUND_EVERY_SECONDS)
    mean_seconds = (CRY_SECONDS[1] - CRY_SECONDS[0]) / np.log(CRY_SECONDS[1] / CRY_SECONDS[0])
    mean_gap = 3600 / arguments.cries_per_hour - mean_seconds - CALM_SECONDS if arguments.cries_per_hour else np.inf
    at = rng.exponential(mean_gap) if np.isfinite(mean_gap) else np.inf
    while at < end:
        seconds = log_uniform(*CRY_SECONDS)
        add(at, seconds, CRY_DBFS, "cry", cries, 1.0)
        at += seconds + CALM_SECONDS + rng.exponential(mean_gap)
    return sorted(events, key=lambda event: event[0])


def rendered(rng, event, kinds, room):
    """An event in its room: samples with echoes, its length without them, its level in dBFS, and what it is made of."""
    _, n, dbfs, family, files, pause = event
    if family == "television":
        sound, speech = filled(rng, kinds["speech"], n, pause)
        music, songs = filled(rng, kinds["music"], n, pause)
        n = min(len(sound), len(music))
        sound, names = sound[:n] + 0.5 * music[:n], [speech[0], songs[0]]
    else:
        sound, names = filled(rng, files, n, pause)
    n = len(sound)
    sound = scipy.signal.fftconvolve(sound, room).astype(np.float32)
    gain = min(amplitude(dbfs) / level(sound[:n]), MAX_PEAK / np.abs(sound).max())
    return gain * sound, n, 20 * np.log10(gain * level(sound[:n])), "+".join(dict.fromkeys(file.name for file in names))


def pink_noise(rng):
    """Blocks of pink noise of one level without an end, by the filter of J. O. Smith, "Spectral Audio Signal Processing"."""
    b, a = [0.049922035, -0.095993537, 0.050612699, -0.004408786], [1, -2.494956002, 2.017265875, -0.522189400]
    beginning, state = scipy.signal.lfilter(b, a, rng.standard_normal(30 * RATE), zi=np.zeros(3))
    usual = level(beginning)
    while True:
        block, state = scipy.signal.lfilter(b, a, rng.standard_normal(BLOCK), zi=state)
        yield block / usual


def write_night(path, night, arguments, kinds, cries):
    """Writes a night block by block; returns the rows of sounds.csv, each with its times in samples."""
    seed = [arguments.seed, list(PACKAGES).index(arguments.split), night]
    rng = np.random.default_rng([*seed, 0])
    seconds, background = rng.uniform(*ROOM_SECONDS), rng.uniform(*BACKGROUND_DBFS)
    echoes = rng.standard_normal(int(seconds * RATE)) * 10 ** (-3 * np.arange(int(seconds * RATE)) / RATE / seconds)
    room = np.concatenate([[1], echoes / np.sqrt(np.sum(echoes**2))])
    events = planned(rng, arguments, kinds, cries)
    noise = pink_noise(np.random.default_rng([*seed, 1]))
    n_samples, ahead, rows = int(arguments.hours * 3600 * RATE), np.zeros(0, np.float32), []
    rows.append([path.name, 0, n_samples, "background", "pink_noise", f"{background:.1f}", f"{seconds:.2f}"])
    with soundfile.SoundFile(path, "w", RATE, 1, "PCM_16") as file:
        for at in range(0, n_samples, BLOCK):
            while events and events[0][0] < at + BLOCK:
                event = events.pop(0)
                start, family = event[0], event[3]
                sound, n, dbfs, name = rendered(rng, event, kinds, room)
                ahead = np.pad(ahead, (0, max(0, start - at + len(sound) - len(ahead))))
                ahead[start - at : start - at + len(sound)] += sound
                rows.append([path.name, start, start + n, family, name, f"{dbfs:.1f}", f"{seconds:.2f}"])
            ahead = np.pad(ahead, (0, max(0, BLOCK - len(ahead))))
            block = ahead[:BLOCK] + amplitude(background) * next(noise)
            file.write(np.clip(block, -1, 1)[: n_samples - at])
            ahead = ahead[BLOCK:]
    return rows


def write_table(path, header, rows):
    with open(path, "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows([name, f"{start / RATE:.3f}", f"{end / RATE:.3f}", *rest] for name, start, end, *rest in rows)


def main():
    parser = command_line.parser(__doc__)
    parser.add_argument("split", choices=PACKAGES)
    parser.add_argument("cries", type=pathlib.Path, help="folder of recordings of cries")
    parser.add_argument("out", type=pathlib.Path, help="folder to create")
    parser.add_argument("--nights", type=int, default=1)
    parser.add_argument("--hours", type=float, default=8)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--cries-per-hour", type=float, default=3, help="0 to 30")
    parser.add_argument("--sounds", type=pathlib.Path, default=pathlib.Path("/tmp/wail-sounds"))
    arguments = parser.parse_args()
    if not 0 <= arguments.cries_per_hour <= 30:
        parser.error("--cries-per-hour must be 0 to 30")
    cries = audible(sorted(file for ending in ["wav", "flac", "ogg"] for file in arguments.cries.rglob(f"*.{ending}")))
    if not cries:
        parser.error(f"{arguments.cries}: there is no .wav, .flac or .ogg file with sound")
    kinds = {}
    for package, (_, patterns) in PACKAGES[arguments.split].items():
        usr = debian_sounds.fetch(package, arguments.sounds) / "usr"
        for kind, ways in patterns.items():
            kinds.setdefault(kind, []).extend(audible(debian_sounds.matching([usr], ways, "silence")))
    arguments.out.mkdir(parents=True)
    rows = []
    for night in range(arguments.nights):
        rows += write_night(arguments.out / f"night-{night + 1:03}.wav", night, arguments, kinds, cries)
    write_table(arguments.out / "truth.csv", ["file", "start", "end", "label"], [[*row[:3], "cry"] for row in rows if row[3] == "cry"])
    write_table(arguments.out / "sounds.csv", ["file", "start", "end", "family", "kind", "dbfs", "reverberation"], rows)


if __name__ == "__main__":
    main()
