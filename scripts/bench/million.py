"""Time and peak memory of a sweep of 36 heads on a million embeddings of 512: figures for docs/scale.md. Needs numpy.

    cargo build --release -p train && python3 scripts/bench/million.py [target/release/wail] [--recordings 1000000] [--epochs 1]

Nothing is decoded or embedded: the recordings are empty files, and this script writes the caches as docs/data.md describes them, with
random embeddings around a centre for each class. The sweep runs as its only shard, which is all but the final report and the gate. A
million recordings need 3 GB in the folder for temporary files.
"""

import hashlib
import json
import os
import pathlib
import sys
import tempfile

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from wail_scripts import command_line, measure

CLASSES = [f"class-{number}" for number in range(8)]
LENGTH = 512  # of an embedding
SEGMENT = 16_384  # entries
CONFIG = """
name = "million"
[data]
roots = ["corpus"]
[backbone]
arch = "resnet18"
weights = "random"
[train]
augmented_views = 0
epochs = {epochs}
batch_size = {batch_size}
[sweep]
learning_rate = [1e-4, 1e-3, 1e-2]
inner = [64, 128, 256, 512]
dropout = [0.0, 0.5, 0.8]
"""


def write_segment(path, kind, keys, values, dtype):
    """A segment of entries that are equally long; `keys` is `[n, 32]` bytes, `values` `[n, length]`."""
    n, length = values.shape
    checksums = [hashlib.sha256(key.tobytes() + row.tobytes()).digest()[:16] for key, row in zip(keys, values)]
    ends = length * np.arange(1, n + 1, dtype="<u8")
    parts = {
        "ends": ("U64", [n], ends.tobytes()),
        "values": (dtype, [n, length], values.tobytes()),
        "keys": ("U8", [n, 32], keys.tobytes()),
        "checksums": ("U8", [n, 16], b"".join(checksums)),
    }
    header, offset = {"__metadata__": {"wail": kind}}, 0
    for name, (dtype, shape, data) in parts.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [offset, offset + len(data)]}
        offset += len(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for _, _, data in parts.values():
            file.write(data)


def tables(wail, folder):
    """Folder and kind of each table that this configuration uses, from a run with 40 recordings."""
    measure.run([wail, "synth", "--out", "corpus", "--recordings", "40"], folder)
    measure.run([wail, "prepare", "--config", "million.toml", "--device", "cpu", "--set", "gate.enabled=false"], folder)
    found = {}
    for name in ["fingerprints", "copies", "embeddings"]:
        segment, *_ = (folder / "data/cache" / name).glob("*/*.safetensors")
        with segment.open("rb") as file:
            header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        found[name] = (pathlib.Path(name, segment.parent.name), header["__metadata__"]["wail"])
    return found


def write_corpus(folder, n):
    """Empty files in class folders; their paths below the root, sorted."""
    paths = sorted(f"{CLASSES[number % len(CLASSES)]}/{number:07}.wav" for number in range(n))
    for name in CLASSES:
        (folder / "corpus" / name).mkdir(parents=True)
    for path in paths:
        os.close(os.open(folder / "corpus" / path, os.O_CREAT | os.O_WRONLY))
    return paths


def write_known_files(folder, paths, keys):
    """The list that says which digest each file had when it was last read."""
    root = (folder / "corpus").resolve()
    records = []
    for path, key in zip(paths, keys):
        state = os.stat(root / path)
        fields = [key.tobytes().hex(), state.st_size, state.st_ino, state.st_mtime_ns, state.st_ctime_ns, path]
        records.append(" ".join(map(str, fields)) + "\0")
    text = "".join(records).encode()
    name = hashlib.sha256(os.fsencode(root)).hexdigest()[:16]
    target = folder / "data/cache/files" / name
    target.parent.mkdir(parents=True)
    target.write_bytes(b"wail-files-1 " + hashlib.sha256(text).hexdigest().encode() + b"\0" + text)


def write_tables(folder, found, paths, keys):
    generator = np.random.default_rng(1)
    centres = generator.normal(size=(len(CLASSES), LENGTH)).astype("<f4")
    classes = np.array([CLASSES.index(path.split("/")[0]) for path in paths])
    for name, (table, _) in found.items():
        (folder / "data/cache" / table).mkdir(parents=True)
    for start in range(0, len(paths), SEGMENT):
        part = slice(start, start + SEGMENT)
        noise = generator.normal(size=(len(keys[part]), LENGTH), scale=3).astype("<f4")
        for name, values, dtype in [
            ("embeddings", noise + centres[classes[part]], "F32"),
            ("fingerprints", np.zeros((len(noise), 0), "<u2"), "U16"),
        ]:
            table, kind = found[name]
            write_segment(folder / "data/cache" / table / f"{start}.safetensors", kind, keys[part], values, dtype)
    table, kind = found["copies"]
    corpus = np.frombuffer(hashlib.sha256(keys.tobytes()).digest(), np.uint8)[None]
    write_segment(folder / "data/cache" / table / "0.safetensors", kind, corpus, np.zeros((1, 0), "<f8"), "F64")


def main():
    parser = command_line.parser(__doc__)
    parser.add_argument("wail", nargs="?", type=pathlib.Path, default=command_line.built("wail"))
    parser.add_argument("--recordings", type=int, default=1_000_000)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--batch-size", type=int, default=256)
    args = parser.parse_args()
    wail, config = args.wail.resolve(), CONFIG.format(epochs=args.epochs, batch_size=args.batch_size)
    with tempfile.TemporaryDirectory() as small, tempfile.TemporaryDirectory() as folder:
        small, folder = pathlib.Path(small), pathlib.Path(folder)
        for each in [small, folder]:
            (each / "million.toml").write_text(config)
        found = tables(wail, small)
        paths = write_corpus(folder, args.recordings)
        keys = np.frombuffer(b"".join(hashlib.sha256(path.encode()).digest() for path in paths), np.uint8).reshape(-1, 32)
        write_tables(folder, found, paths, keys)
        write_known_files(folder, paths, keys)
        wall, cpu, peak = measure.usage([wail, "--config", "million.toml", "--device", "cpu", "--shard", "1/1"], folder)
        (log,) = folder.glob("experiments/*/shards/*/runtime.jsonl")
        events = [json.loads(line) for line in log.read_text().splitlines()]
        print(f"{len(paths):,} recordings: {wall:.0f} s, {cpu:.0f} CPU s, peak {peak:.0f} MiB")
        for event in events:
            print(f"  {event['event']}: {event['seconds']:.1f} s")


if __name__ == "__main__":
    main()
