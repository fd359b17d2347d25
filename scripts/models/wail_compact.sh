#!/usr/bin/env bash
# Makes models/wail-compact, from the top of the repository, of the recordings of cry512, YAMNet's weights and other real sounds:
#     python scripts/models/other_sounds.py OTHER_SOUNDS
#     WAIL_DATA=../shared/data scripts/models/wail_compact.sh target/release/wail YAMNET OTHER_SOUNDS
# YAMNET is a file, or yamnet after `wail weights fetch yamnet`. The same recordings, sounds and program give the same bytes. Takes about
# ten minutes on two idle cores.
set -euo pipefail
wail=$1 yamnet=$2 other_sounds=$3
out=models/wail-compact
backbone=$("$wail" pretrain --config pretrain.toml --device cpu --set "objective.teacher=$yamnet" --set "other_sounds=[\"$other_sounds\"]")
model=$("$wail" --config compact.toml --device cpu --set "backbone.weights=$backbone" | sed -n 's/^model *//p')
"$wail" export "$(dirname "$model")" --out "$out"
rm "$out/model.safetensors" "$out/model.bpk" # model.onnx is enough, and only it is in git
cat scripts/models/wail_compact.md >>"$out/MODEL_CARD.md"
