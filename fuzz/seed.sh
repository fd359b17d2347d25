#!/usr/bin/env bash
# Fills fuzz/corpus with the fixtures of the tests; fails if a fixture has moved.
set -euo pipefail
cd "$(dirname "$0")/.."
seed() { # TARGET FILE...
    mkdir -p "fuzz/corpus/$1"
    for file in "${@:2}"; do
        cp "$file" "fuzz/corpus/$1/$(sha1sum <"$file" | cut -c1-12)"
    done
}
seed audio crates/features/tests/fixtures/*
seed onnx crates/model/tests/goldens/*.onnx crates/model/tests/goldens/encoders/*.onnx
seed pytorch crates/model/tests/goldens/*.pt crates/model/tests/goldens/*.pth
seed tflite crates/model/tests/goldens/*.tflite
seed safetensors crates/model/tests/goldens/*.safetensors
seed config configs/*.toml
seed split_csv tests/fixtures/*/run/split/*.csv
seed recorder_csv tests/fixtures/*/run/manifest.csv
seed recording_table crates/dataset/tests/fixtures/recordings.*
seed annotations crates/dataset/tests/fixtures/night.*
seed journal tests/fixtures/*/run/journal
seed run_folder tests/fixtures/*/run/report.json
