//! The whole road from bytes to image.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Cursor};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use crate::decode::{Audio, DecodedStream, Warning, decode, decode_into};
use crate::log_mel::LogMel;
use crate::resample::Resampler;
use crate::resize::Resize;
use crate::yamnet::{self, YamnetMel};
use crate::{Error, FeatureConfig, FrontEnd};

/// Sound after the clip's end that its last samples still depend on, s: the resampler's reach, at the lowest rates too.
pub const RESAMPLER_REACH_SECONDS: f64 = 0.05;

/// A WAV file's header comes with the first of these; its samples are read past the buffer.
const HEADER_BUFFER_BYTES: usize = 4096;

/// Resamplers kept for the next file. Recordings come in a handful of rates; hostile ones must not fill the memory.
const MAX_RESAMPLERS: usize = 8;

/// A sound file, its length in bytes, and its extension.
fn open(path: &Path) -> Result<(BufReader<File>, u64, Option<&str>), Error> {
    let file = durable::open_regular_file(path)?;
    let length = file.metadata()?.len();
    let extension = path.extension().and_then(|extension| extension.to_str());
    Ok((BufReader::with_capacity(HEADER_BUFFER_BYTES, file), length, extension))
}

/// Turns sound files into images; prepared once for a configuration, used from any thread.
pub struct Extractor {
    config: FeatureConfig,
    log_mel: LogMel,
    resize: Resize,
    /// Where YAMNet hears it.
    yamnet: Option<YamnetMel>,
    /// By the rates that they take and give, Hz.
    resamplers: Mutex<HashMap<[u32; 2], Arc<Resampler>>>,
}

impl Extractor {
    /// Prepares window, filters and resizing.
    ///
    /// # Errors
    /// [`Error::Config`] with every problem of `config`.
    pub fn new(config: &FeatureConfig) -> Result<Self, Error> {
        let problems = config.validate();
        if !problems.is_empty() {
            return Err(Error::Config(problems));
        }
        Ok(Self {
            config: config.clone(),
            log_mel: LogMel::new(config),
            resize: Resize::new(config.n_mels, config.n_frames(), config.image_size),
            yamnet: match config.front_end {
                FrontEnd::Image => None,
                FrontEnd::ImageAndYamnet => Some(YamnetMel::new(&config.part(FrontEnd::Yamnet))),
                FrontEnd::Yamnet | FrontEnd::YamnetTflite => Some(YamnetMel::new(config)),
            },
            resamplers: Mutex::default(),
        })
    }

    /// The configuration.
    pub fn config(&self) -> &FeatureConfig {
        &self.config
    }

    /// Decodes as much of a sound file's bytes as a clip needs. `extension` ("mp3") is only a hint.
    ///
    /// # Errors
    /// Any [`Error`] but [`Error::Config`] and [`Error::Io`].
    pub fn decode(&self, bytes: &[u8], extension: Option<&str>) -> Result<Audio, Error> {
        self.decode_up_to(self.config.clip_seconds, bytes, extension)
    }

    /// [`Extractor::decode`] for a recording that is longer than a clip: at most its first `seconds`, and a little of what follows.
    ///
    /// # Errors
    /// As [`Extractor::decode`].
    pub fn decode_up_to(&self, seconds: f64, bytes: &[u8], extension: Option<&str>) -> Result<Audio, Error> {
        decode(Cursor::new(bytes), bytes.len() as u64, extension, seconds + RESAMPLER_REACH_SECONDS)
    }

    /// Decodes a whole sound file, however long, and passes its sound on piece by piece: mono samples, full scale at ±1, and their
    /// rate, Hz. Nothing is kept, and `sink` may end it early. Where an error follows, what was passed on before it was good.
    ///
    /// # Errors
    /// As [`Extractor::decode_file`].
    pub fn hear_file(
        &self,
        path: &Path,
        sink: &mut dyn FnMut(&[f32], u32) -> ControlFlow<()>,
    ) -> Result<DecodedStream, Error> {
        let (file, length, extension) = open(path)?;
        decode_into(file, length, extension, f64::INFINITY, sink)
    }

    /// Reads and decodes as much of a sound file as a clip needs; its extension is only a hint.
    ///
    /// # Errors
    /// Any [`Error`] but [`Error::Config`]; [`Error::Io`] for all but regular files, without waiting for a pipe.
    pub fn decode_file(&self, path: &Path) -> Result<Audio, Error> {
        let (file, length, extension) = open(path)?;
        decode(file, length, extension, self.config.clip_seconds + RESAMPLER_REACH_SECONDS)
    }

    /// Resamples and clips or zero-pads: `[clip_samples]` at [`FeatureConfig::waveform_rate_hz`].
    pub fn waveform(&self, audio: &Audio) -> Vec<f32> {
        let mut waveform = self.unpadded_waveform(audio);
        waveform.resize(self.config.clip_samples(), 0.0);
        waveform
    }

    /// [`Extractor::waveform`] without the zeros after the recording's end: at most `[clip_samples]`.
    pub fn unpadded_waveform(&self, audio: &Audio) -> Vec<f32> {
        let mut waveform = self.whole_waveform(audio);
        waveform.truncate(self.config.clip_samples());
        waveform
    }

    /// All that was decoded, at the waveforms' rate.
    pub fn whole_waveform(&self, audio: &Audio) -> Vec<f32> {
        self.at_own_rate(&audio.samples, audio.sample_rate_hz)
    }

    /// Mono samples of any length at the waveforms' rate.
    pub fn at_own_rate(&self, samples: &[f32], sample_rate_hz: u32) -> Vec<f32> {
        let own_rate_hz = self.config.waveform_rate_hz();
        match self.config.common_rate_hz {
            Some(common) => self.resampled(&self.resampled(samples, [sample_rate_hz, common]), [common, own_rate_hz]),
            None => self.resampled(samples, [sample_rate_hz, own_rate_hz]),
        }
    }

    fn resampled(&self, samples: &[f32], [from_hz, to_hz]: [u32; 2]) -> Vec<f32> {
        if from_hz == to_hz { samples.to_vec() } else { self.resampler([from_hz, to_hz]).apply(samples) }
    }

    /// Energy of each mel band in each frame before any scaling, `[n_mels, 1 + samples / hop_length]` row-major, of a
    /// waveform of any length at `sample_rate_hz`.
    pub fn mel_power(&self, waveform: &[f32]) -> Vec<f32> {
        self.log_mel.power(waveform)
    }

    /// `[n_mels, n_frames]` row-major in 0..1: decibels below the loudest point, stretched. Zeros for silence.
    pub fn log_mel(&self, waveform: &[f32]) -> Vec<f32> {
        let rates = [self.config.waveform_rate_hz(), self.config.sample_rate_hz];
        if rates[0] == rates[1] {
            return self.log_mel.apply(waveform);
        }
        let mut waveform = self.resampled(waveform, rates);
        waveform.resize(self.config.square_samples(), 0.0);
        self.log_mel.apply(&waveform)
    }

    /// The square image of a spectrogram, `[image_size, image_size]` row-major in 0..1; row 0 is the lowest band. `log_mel` is
    /// `[n_mels, n_frames]`.
    pub fn image(&self, log_mel: &[f32]) -> Vec<f32> {
        self.resize.apply(log_mel)
    }

    /// What the backbone takes in, [`FeatureConfig::image_shape`] row-major, of a waveform at the waveforms' rate, cut
    /// to a clip. A shorter one is filled up as the front end does: with zeros, or for YAMNet with itself.
    pub fn image_from_waveform(&self, waveform: &[f32]) -> Vec<f32> {
        let waveform = &waveform[..waveform.len().min(self.config.clip_samples())];
        let mut image = match self.config.front_end {
            FrontEnd::Image | FrontEnd::ImageAndYamnet => {
                let mut clip = waveform.to_vec();
                clip.resize(self.config.clip_samples(), 0.0);
                self.image(&self.log_mel(&clip))
            }
            FrontEnd::Yamnet | FrontEnd::YamnetTflite => vec![],
        };
        if let Some(yamnet) = &self.yamnet {
            image.extend(yamnet.apply(waveform));
            image.resize(self.config.image_shape().iter().product(), 0.0);
        }
        image
    }

    /// What YAMNet hears at once, `[n_patches, 96, 64]` row-major: its image in overlapping patches. `None` for another front end.
    pub fn patches(&self, image: &[f32]) -> Option<Vec<f32>> {
        self.config.front_end.is_yamnets().then(|| yamnet::patches(image))
    }

    /// The whole road: the image, and what is odd about the file.
    ///
    /// # Errors
    /// As [`Extractor::decode`].
    pub fn image_from_bytes(&self, bytes: &[u8], extension: Option<&str>) -> Result<(Vec<f32>, Vec<Warning>), Error> {
        Ok(self.image_from_audio(self.decode(bytes, extension)?))
    }

    /// [`Extractor::image_from_bytes`] of a file, read only as far as needed.
    ///
    /// # Errors
    /// As [`Extractor::decode_file`].
    pub fn image_from_file(&self, path: &Path) -> Result<(Vec<f32>, Vec<Warning>), Error> {
        Ok(self.image_from_audio(self.decode_file(path)?))
    }

    fn image_from_audio(&self, audio: Audio) -> (Vec<f32>, Vec<Warning>) {
        (self.image_from_waveform(&self.whole_waveform(&audio)), audio.warnings)
    }

    fn resampler(&self, rates: [u32; 2]) -> Arc<Resampler> {
        let mut resamplers = self.resamplers.lock().unwrap_or_else(PoisonError::into_inner);
        if resamplers.len() >= MAX_RESAMPLERS && !resamplers.contains_key(&rates) {
            resamplers.clear();
        }
        let make = || Arc::new(Resampler::new(rates[0], rates[1]));
        Arc::clone(resamplers.entry(rates).or_insert_with(make))
    }
}
