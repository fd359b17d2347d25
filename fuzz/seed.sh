#!/usr/bin/env bash
# Fills fuzz/corpus from the files of the tests, and from a short run if there is one in experiments/.
set -euo pipefail
cd "$(dirname "$0")/.."
seed() { # TARGET FILE...
    mkdir -p "fuzz/corpus/$1"
    for file in "${@:2}"; do
        [ ! -e "$file" ] || cp "$file" "fuzz/corpus/$1/$(sha1sum <"$file" | cut -c1-12)"
    done
}
seed audio crates/features/tests/fixtures/*
seed onnx crates/model/tests/goldens/*.onnx
seed safetensors crates/model/tests/goldens/*.safetensors
seed config configs/*.toml
seed split_csv experiments/*/split/*.csv
seed recorder_csv experiments/*/manifest.csv
seed journal experiments/*/journal
seed run_folder experiments/*/report.json
