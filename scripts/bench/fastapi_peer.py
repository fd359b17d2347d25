"""The usual Python service: FastAPI, librosa and ONNX Runtime. For bench_service.py; the model's path is in $MODEL."""

import io
import json
import os

import librosa
import numpy as np
import onnxruntime
import PIL.Image
from fastapi import FastAPI, UploadFile

SESSION = onnxruntime.InferenceSession(os.environ["MODEL"], providers=["CPUExecutionProvider"])
LABELS = json.loads(SESSION.get_modelmeta().custom_metadata_map["wail"])["info"]["labels"]
SIZE = SESSION.get_inputs()[0].shape[2]
app = FastAPI()


@app.get("/health")
def health():
    return {"status": "ok"}


@app.post("/predict")
def predict(file: UploadFile, top_k: int = 3):
    waveform, _ = librosa.load(io.BytesIO(file.file.read()), sr=8000, mono=True, duration=7)
    waveform = librosa.util.fix_length(waveform, size=56000)
    power = librosa.feature.melspectrogram(y=waveform, sr=8000, n_fft=1024, hop_length=256, n_mels=128)
    mel = librosa.power_to_db(power, ref=np.max)
    image = (mel - mel.min()) / max(mel.max() - mel.min(), 1e-6)
    image = np.asarray(PIL.Image.fromarray(image.astype(np.float32)).resize((SIZE, SIZE), PIL.Image.Resampling.BILINEAR))
    logits = SESSION.run(["logits"], {"input": image[None, None]})[0][0]
    probabilities = np.exp(logits - logits.max())
    probabilities = [float(p) for p in probabilities / probabilities.sum()]
    ranked = sorted(zip(probabilities, LABELS), reverse=True)
    return {
        "label": ranked[0][1],
        "probability": ranked[0][0],
        "top_k": [{"label": label, "probability": p} for p, label in ranked[:top_k]],
        "all_probs": dict(zip(LABELS, probabilities)),
    }
