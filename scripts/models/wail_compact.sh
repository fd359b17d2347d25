#!/usr/bin/env bash
# Makes models/wail-compact, from the top of the repository: WAIL_DATA=../shared/data scripts/models/wail_compact.sh target/release/wail
# The same recordings and program give the same bytes. Takes about ten minutes on two idle cores.
set -euo pipefail
wail=$1
out=models/wail-compact
backbone=$("$wail" pretrain --config pretrain.toml --device cpu)
model=$("$wail" --config compact.toml --device cpu --set "backbone.weights=$backbone" | sed -n 's/^model *//p')
"$wail" export "$(dirname "$model")" --out "$out"
rm "$out/model.safetensors" "$out/model.bpk" # model.onnx is enough, and only it is in git
cat scripts/models/wail_compact.md >>"$out/MODEL_CARD.md"
