//! Audio bytes to a spectrogram image: decode, resample, log-mel, resize, augmentation.
