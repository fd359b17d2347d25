"""Writes the Parquet tables that crates/dataset/tests/tables.rs reads, crates/dataset/tests/fixtures/*.parquet.

    pip install pyarrow==26.0.1
    python3 scripts/goldens/parquet_tables.py
"""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

FIXTURES = Path(__file__).parents[2] / "crates/dataset/tests/fixtures"

# The rows of TABLE in crates/dataset/tests/tables.rs; the accent is a character of its own.
recordings = pa.table(
    {
        "file": ["night.wav", "night.wav", "day/a.wav", "day/be\u0301.wav", "day/a.wav"],
        "label": ["tired", "hungry", "hungry", "tired", None],
        "start": pa.array([8.5, 1, None, None, 0], pa.float64()),
        "end": pa.array([11, 2.25, None, None, 1], pa.float32()),
        "Baby": ["Anna", "Anna", "Ben", None, None],
        "age": pa.array([3, 3, None, 5, None], pa.int8()),
        "split": ["train", "train", "test", None, None],
    }
)
for compression in ["none", "snappy", "gzip", "lz4", "zstd"]:
    pq.write_table(recordings, FIXTURES / f"{compression}.parquet", compression=compression)
sound = [{"bytes": b"RIFF", "path": "a.wav"}]
pq.write_table(pa.table({"audio": sound, "label": ["tired"]}), FIXTURES / "embedded.parquet")
