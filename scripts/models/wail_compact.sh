#!/usr/bin/env bash
# Makes models/wail-compact, from the top of the repository: WAIL_DATA=../shared/data scripts/wail_compact.sh TRAIN_BINARY
# The same recordings and binary give the same bytes. Takes some ten minutes on two quiet cores.
set -euo pipefail
train=$1
out=models/wail-compact
backbone=$("$train" pretrain --config pretrain.toml --device cpu)
model=$("$train" --config compact.toml --device cpu --set "backbone.weights=$backbone" | sed -n 's/^model *//p')
"$train" export "$(dirname "$model")" --out "$out"
rm "$out/model.safetensors" "$out/model.bpk" # model.onnx is enough, and what git keeps
cat scripts/wail_compact.md >>"$out/MODEL_CARD.md"
