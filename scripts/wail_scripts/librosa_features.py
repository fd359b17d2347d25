"""librosa's waveform, log-mel spectrogram and image: the reference for crates/features."""

import librosa
import numpy as np

RATE_HZ, CLIP_SAMPLES, IMAGE_SIZE = 8000, 56000, 224


def waveform_of(file):
    """[CLIP_SAMPLES] float32 of a path or a file object."""
    waveform, _ = librosa.load(file, sr=RATE_HZ, mono=True, res_type="soxr_hq")
    return librosa.util.fix_length(waveform, size=CLIP_SAMPLES)


def mel_of(waveform):
    """[128, 219] float32 in 0..1; zeros for silence."""
    power = librosa.feature.melspectrogram(y=waveform, sr=RATE_HZ, n_mels=128, n_fft=1024, hop_length=256)
    db = librosa.power_to_db(power, ref=np.max)
    span = db.max() - db.min()
    return (db - db.min()) / span if span > 0 else np.zeros_like(db)


def bilinear(values, size, axis):
    """torch.nn.functional.interpolate(mode="bilinear", align_corners=False) along one axis, in float32."""
    n = values.shape[axis]
    at = np.maximum((np.arange(size, dtype=np.float32) + np.float32(0.5)) * np.float32(n / size) - np.float32(0.5), 0)
    first = at.astype(np.int64)
    weight = np.expand_dims(at - first.astype(np.float32), 1 - axis)
    second = np.minimum(first + 1, n - 1)
    return np.take(values, first, axis) * (1 - weight) + np.take(values, second, axis) * weight


def image_of(mel):
    """[224, 224] float32 in 0..1."""
    return bilinear(bilinear(mel, IMAGE_SIZE, axis=1), IMAGE_SIZE, axis=0)
