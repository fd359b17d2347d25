#!/usr/bin/env bash
# Makes models/wail-compact, from the top of the repository, of the recordings of cry512, YAMNet's weights, other real sounds, and nights:
#     python scripts/models/other_sounds.py OTHER_SOUNDS
#     WAIL_DATA=../shared/data scripts/models/wail_compact.sh target/release/wail YAMNET OTHER_SOUNDS NIGHTS
# YAMNET is a file, or yamnet after `wail weights fetch yamnet`; NIGHTS has the folders validation and test, as
# scripts/evaluate/nights.py writes them. The same recordings, sounds and program give the same bytes. Takes about ten minutes on two
# idle cores.
set -euo pipefail
wail=$1 yamnet=$2 other_sounds=$3 nights=$4
out=models/wail-compact
backbone=$("$wail" pretrain --config pretrain.toml --device cpu --set "objective.teacher=$yamnet" --set "other_sounds=[\"$other_sounds\"]")
model=$("$wail" --config compact.toml --device cpu --set "backbone.weights=$backbone" | sed -n 's/^model *//p')
run=$(dirname "$model")
episodes=$(mktemp)
trap 'rm "$episodes"' EXIT
evaluate() { # PART ARGUMENT...
    "$wail" evaluate --events "$nights/$1/truth.csv" "$nights/$1"/*.wav --collar 3 --model "$run" "${@:2}"
}
evaluate validation --fit 1.5 >"$episodes"
evaluate test --episode-settings "$episodes" --keep
"$wail" export "$run" --episode-settings "$episodes" --out "$out"
rm "$out/model.safetensors" "$out/model.bpk" # model.onnx is enough, and only it is in git
cat scripts/models/wail_compact.md >>"$out/MODEL_CARD.md"
