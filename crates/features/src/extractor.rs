//! All steps from the bytes of a recording to an encoder's inputs.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Cursor};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use crate::config::FeatureConfig;
use crate::decode::{Audio, DecodedStream, Part, Warning, decode, decode_into, decode_parts};
use crate::error::Error;
use crate::front_end::{FrontEnd, ImageConfig, samples};
use crate::log_mel::LogMel;
use crate::mel_frames::MelFrames;
use crate::resample::Resampler;
use crate::resize::Resize;
use crate::segment::Segment;
use crate::segment_cuts::SegmentCuts;
use crate::yamnet::YamnetMel;
use crate::yamnet_spec;

/// Length of sound after a clip's end that its last samples depend on, s: the resampler's reach, even at the lowest rates.
pub const RESAMPLER_REACH_SECONDS: f64 = 0.05;

/// How far a segment may end after its recording without a warning, s: times in tables are rounded.
const SEGMENT_TOLERANCE_SECONDS: f64 = 0.01;

/// Bytes read at first, enough for a WAV file's header; its samples bypass the buffer.
const HEADER_BUFFER_BYTES: usize = 4096;

/// Maximum number of resamplers kept for the next files. Recordings have few distinct rates, and hostile ones must not fill
/// the memory.
const MAX_RESAMPLERS: usize = 8;

/// A sound file, its length in bytes, and its extension.
fn open(path: &Path) -> Result<(BufReader<File>, u64, Option<&str>), Error> {
    let file = durable::open_regular_file(path)?;
    let length = file.metadata()?.len();
    let extension = path.extension().and_then(|extension| extension.to_str());
    Ok((BufReader::with_capacity(HEADER_BUFFER_BYTES, file), length, extension))
}

/// Turns sound files into records: an encoder's inputs, one after the other. Prepared once for a configuration, usable from
/// any thread.
pub struct Extractor {
    config: FeatureConfig,
    /// Settings of the image, or of the spectrogram for display if there is no image.
    spectrogram: ImageConfig,
    log_mel: LogMel,
    resize: Resize,
    /// One for each front end.
    inputs: Vec<PreparedInput>,
    /// Segments that were decoded together with others.
    cuts: SegmentCuts,
    /// Keyed by input and output rate, Hz.
    resamplers: Mutex<HashMap<[u32; 2], Arc<Resampler>>>,
}

/// The computation of one input.
enum PreparedInput {
    /// Uses the extractor's own spectrogram and resizing.
    Image,
    Yamnet(YamnetMel),
    /// Rate, Hz, and samples of a clip.
    Waveform(u32, usize),
    /// Rate, Hz, and the spectrogram.
    LogMel(u32, MelFrames),
}

impl Extractor {
    /// Prepares windows, filters and resizing.
    ///
    /// # Errors
    /// [`Error::Config`] with every problem of `config`.
    pub fn new(config: &FeatureConfig) -> Result<Self, Error> {
        let problems = config.validate();
        if !problems.is_empty() {
            return Err(Error::Config(problems));
        }
        let spectrogram = config.spectrogram();
        let n_frames = spectrogram.n_frames(config.clip_seconds);
        let prepare = |front_end: &FrontEnd| match front_end {
            FrontEnd::Image(_) => PreparedInput::Image,
            FrontEnd::Yamnet(yamnet) => PreparedInput::Yamnet(YamnetMel::new(yamnet, config.clip_seconds)),
            FrontEnd::Waveform(waveform) => {
                let rate_hz = waveform.sample_rate_hz;
                PreparedInput::Waveform(rate_hz, samples(config.clip_seconds, rate_hz))
            }
            FrontEnd::LogMel(log_mel) => {
                let rate_hz = log_mel.sample_rate_hz;
                let samples = samples(config.clip_seconds, rate_hz);
                PreparedInput::LogMel(rate_hz, MelFrames::new(log_mel, samples))
            }
        };
        Ok(Self {
            config: config.clone(),
            log_mel: LogMel::new(&spectrogram),
            resize: Resize::new(spectrogram.n_mels, n_frames, spectrogram.image_size),
            spectrogram,
            inputs: config.front_ends.iter().map(prepare).collect(),
            cuts: SegmentCuts::default(),
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

    /// Like [`Extractor::decode`], for more than a clip: at most the first `seconds`, and the little after them that
    /// resampling needs.
    ///
    /// # Errors
    /// As [`Extractor::decode`].
    pub fn decode_up_to(&self, seconds: f64, bytes: &[u8], extension: Option<&str>) -> Result<Audio, Error> {
        decode(Cursor::new(bytes), bytes.len() as u64, extension, Part::first(seconds + RESAMPLER_REACH_SECONDS))
    }

    /// Decodes a whole sound file, however long, and passes its sound to `sink` piece by piece: mono samples, full scale at
    /// ±1, and their rate, Hz. Nothing is kept in memory, and `sink` may stop the decoding. Samples received before an error
    /// are valid.
    ///
    /// # Errors
    /// As [`Extractor::decode_file`].
    pub fn stream_file(
        &self,
        path: &Path,
        sink: &mut dyn FnMut(&[f32], u32) -> ControlFlow<()>,
    ) -> Result<DecodedStream, Error> {
        let (file, length, extension) = open(path)?;
        decode_into(file, length, extension, Part::first(f64::INFINITY), sink)
    }

    /// Reads and decodes as much of a sound file as a clip needs; its extension is only a hint.
    ///
    /// # Errors
    /// Any [`Error`] but [`Error::Config`]; [`Error::Io`] for all but regular files, without waiting for a pipe.
    pub fn decode_file(&self, path: &Path) -> Result<Audio, Error> {
        let (file, length, extension) = open(path)?;
        decode(file, length, extension, Part::first(self.config.clip_seconds + RESAMPLER_REACH_SECONDS))
    }

    /// As [`Extractor::decode_file`], as much of a segment of a sound file as a clip needs. Nothing of the sound around it is in
    /// the result, as if it had been cut out. Files of other formats than WAV, AIFF, AU and CAF are decoded from their start.
    ///
    /// # Errors
    /// As [`Extractor::decode_file`], and [`Error::AfterEnd`].
    pub fn decode_segment(&self, path: &Path, segment: &Segment) -> Result<Audio, Error> {
        let (file, length, extension) = open(path)?;
        let part = self.part(segment);
        Ok(Self::end_with_segment(decode(file, length, extension, part)?, segment, part))
    }

    /// Several segments of a sound file, `[n segments]`, as [`Extractor::decode_segment`]: those of a file that has to be decoded
    /// from its start in one pass.
    pub fn decode_segments(&self, path: &Path, segments: &[Segment]) -> Vec<Result<Audio, Error>> {
        let parts: Vec<Part> = segments.iter().map(|segment| self.part(segment)).collect();
        let in_one_pass = || {
            let (file, length, extension) = open(path)?;
            decode_parts(file, length, extension, &parts)
        };
        match in_one_pass() {
            Ok(Some(all)) => {
                let segments = segments.iter().zip(parts);
                all.into_iter()
                    .zip(segments)
                    .map(|(audio, (s, part))| Ok(Self::end_with_segment(audio, s, part)))
                    .collect()
            }
            // One by one, each has its own error.
            _ => segments.iter().map(|segment| self.decode_segment(path, segment)).collect(),
        }
    }

    /// As [`Extractor::decode_segment`], of a file of which other segments will be asked for: those that come next are decoded in
    /// the same pass and kept. `others` are all segments of the file, sorted.
    ///
    /// # Errors
    /// As [`Extractor::decode_segment`].
    pub fn decode_next_segment(
        &self,
        path: &Path,
        segment: &Segment,
        others: impl FnOnce() -> Vec<Segment>,
    ) -> Result<Audio, Error> {
        let decode = |wanted: &[Segment]| self.decode_segments(path, wanted);
        self.cuts.take(path, segment, self.config.clip_seconds, others, decode)
    }

    /// The part of a file that a clip of `segment` needs.
    fn part(&self, segment: &Segment) -> Part {
        let seconds = segment.seconds().min(self.config.clip_seconds + RESAMPLER_REACH_SECONDS);
        Part { start_seconds: segment.start.as_secs_f64(), seconds }
    }

    /// `audio`, the sound of `part` of a file, without what follows `segment`.
    fn end_with_segment(mut audio: Audio, segment: &Segment, part: Part) -> Audio {
        let decoded = audio.samples.len() as f64 / f64::from(audio.sample_rate_hz);
        audio.rest_seconds = audio.rest_seconds.min((segment.seconds() - decoded).max(0.0));
        if segment.end.is_some() && decoded + SEGMENT_TOLERANCE_SECONDS < part.seconds {
            audio.warnings.push(Warning::BeyondEnd);
        }
        audio
    }

    /// Resamples and clips or zero-pads: `[clip_samples]` at [`FeatureConfig::waveform_rate_hz`].
    pub fn waveform(&self, audio: &Audio) -> Vec<f32> {
        let mut waveform = self.unpadded_waveform(audio);
        waveform.resize(self.config.clip_samples(), 0.0);
        waveform
    }

    /// Like [`Extractor::waveform`], without zeros after the recording's end: at most `[clip_samples]`.
    pub fn unpadded_waveform(&self, audio: &Audio) -> Vec<f32> {
        let mut waveform = self.whole_waveform(audio);
        waveform.truncate(self.config.clip_samples());
        waveform
    }

    /// All decoded samples, at [`FeatureConfig::waveform_rate_hz`].
    pub fn whole_waveform(&self, audio: &Audio) -> Vec<f32> {
        self.at_own_rate(&audio.samples, audio.sample_rate_hz)
    }

    /// Mono samples of any length, resampled to [`FeatureConfig::waveform_rate_hz`].
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

    /// Energy of each mel band in each frame before any scaling, `[n_mels, 1 + samples / hop_length]` row-major, of a waveform
    /// of any length at the rate of [`FeatureConfig::spectrogram`].
    pub fn mel_power(&self, waveform: &[f32]) -> Vec<f32> {
        self.log_mel.power(waveform)
    }

    /// Log-mel spectrogram with the settings of [`FeatureConfig::spectrogram`], `[n_mels, n_frames]` row-major in 0..1:
    /// decibels relative to the loudest point, scaled to 0..1. Zeros for silence. `waveform` is a result of
    /// [`Extractor::waveform`].
    pub fn log_mel(&self, waveform: &[f32]) -> Vec<f32> {
        let rates = [self.config.waveform_rate_hz(), self.spectrogram.sample_rate_hz];
        if rates[0] == rates[1] {
            return self.log_mel.apply(waveform);
        }
        let mut waveform = self.resampled(waveform, rates);
        waveform.resize(self.spectrogram.clip_samples(self.config.clip_seconds), 0.0);
        self.log_mel.apply(&waveform)
    }

    /// The square image of a spectrogram, `[image_size, image_size]` row-major in 0..1; row 0 is the lowest band. `log_mel` is
    /// `[n_mels, n_frames]`.
    pub fn image(&self, log_mel: &[f32]) -> Vec<f32> {
        self.resize.apply(log_mel)
    }

    /// The record of a waveform at [`FeatureConfig::waveform_rate_hz`], cut to a clip: the inputs of
    /// [`FeatureConfig::inputs`], each row-major, one after the other. A shorter waveform is padded as each front end
    /// requires: by repetition for YAMNet, with zeros for the others.
    pub fn record_from_waveform(&self, waveform: &[f32]) -> Vec<f32> {
        let waveform = &waveform[..waveform.len().min(self.config.clip_samples())];
        let mut record = Vec::with_capacity(self.config.record_len());
        for input in &self.inputs {
            match input {
                PreparedInput::Image => {
                    let mut clip = waveform.to_vec();
                    clip.resize(self.config.clip_samples(), 0.0);
                    record.extend(self.image(&self.log_mel(&clip)));
                }
                PreparedInput::Yamnet(yamnet) => {
                    let rates = [self.config.waveform_rate_hz(), yamnet_spec::SAMPLE_RATE_HZ];
                    record.extend(yamnet.apply(&self.resampled(waveform, rates)));
                }
                PreparedInput::Waveform(rate_hz, samples) => {
                    let mut clip = self.resampled(waveform, [self.config.waveform_rate_hz(), *rate_hz]);
                    clip.resize(*samples, 0.0);
                    record.extend(clip);
                }
                PreparedInput::LogMel(rate_hz, frames) => {
                    let rates = [self.config.waveform_rate_hz(), *rate_hz];
                    record.extend(frames.apply(&self.resampled(waveform, rates)));
                }
            }
        }
        record
    }

    /// YAMNet's patches of a record, `[n_patches, 96, 64]` row-major; consecutive patches overlap by half. `None` without
    /// YAMNet's front end.
    pub fn patches(&self, record: &[f32]) -> Option<Vec<f32>> {
        self.config.split(record).find_map(|(front_end, input)| match front_end {
            FrontEnd::Yamnet(_) => Some(yamnet_spec::patches(input)),
            _ => None,
        })
    }

    /// All steps: the record of a sound file's bytes, and warnings about the file.
    ///
    /// # Errors
    /// As [`Extractor::decode`].
    pub fn record_from_bytes(&self, bytes: &[u8], extension: Option<&str>) -> Result<(Vec<f32>, Vec<Warning>), Error> {
        let audio = self.decode(bytes, extension)?;
        Ok((self.record(&audio), audio.warnings))
    }

    /// Like [`Extractor::record_from_bytes`], from a file that is read only as far as needed.
    ///
    /// # Errors
    /// As [`Extractor::decode_file`].
    pub fn record_from_file(&self, path: &Path) -> Result<(Vec<f32>, Vec<Warning>), Error> {
        let audio = self.decode_file(path)?;
        Ok((self.record(&audio), audio.warnings))
    }

    /// The record of decoded sound.
    pub fn record(&self, audio: &Audio) -> Vec<f32> {
        self.record_from_waveform(&self.whole_waveform(audio))
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn extractor() -> Extractor {
        Extractor::new(&FeatureConfig::default()).unwrap()
    }

    #[test]
    fn a_file_has_the_record_of_its_bytes() {
        let path = Path::new("tests/fixtures/pcm_s16le.wav");
        let extractor = extractor();
        let (record, warnings) = extractor.record_from_file(path).unwrap();
        assert_eq!(record.len(), extractor.config().record_len());
        let from_bytes = extractor.record_from_bytes(&std::fs::read(path).unwrap(), Some("wav")).unwrap();
        assert!(from_bytes == (record, warnings));
    }

    #[test]
    fn the_extractor_keeps_its_configuration() {
        let config = FeatureConfig { clip_seconds: 3.0, ..FeatureConfig::default() };
        assert_eq!(Extractor::new(&config).unwrap().config(), &config);
    }

    #[test]
    fn twice_the_amplitude_is_four_times_the_power_in_every_band_and_frame() {
        let extractor = extractor();
        let waveform: Vec<f32> = (0..8000).map(|i| (i as f32 * 0.4).sin() * (i % 300) as f32 / 600.0).collect();
        let twice: Vec<f32> = waveform.iter().map(|sample| 2.0 * sample).collect();
        let spectrogram = extractor.config().spectrogram();
        let power = extractor.mel_power(&waveform);
        assert_eq!(power.len(), spectrogram.n_mels * (1 + 8000 / spectrogram.hop_length));
        assert!(power.iter().sum::<f32>() > 0.0);
        // Multiplying by two is exact.
        let four_times: Vec<f32> = power.iter().map(|power| 4.0 * power).collect();
        assert!(extractor.mel_power(&twice) == four_times);
    }

    #[test]
    fn resamplers_are_kept_for_the_next_file_up_to_their_maximum_number() {
        let extractor = extractor();
        let rates = |n: usize| (0..n as u32).map(|i| [16_000 + i, 8000]);
        let first: Vec<Arc<Resampler>> = rates(MAX_RESAMPLERS).map(|rates| extractor.resampler(rates)).collect();
        for (rates, first) in rates(MAX_RESAMPLERS).zip(&first) {
            assert!(Arc::ptr_eq(&extractor.resampler(rates), first), "{rates:?} is kept");
        }
        for rates in rates(MAX_RESAMPLERS + 1) {
            extractor.resampler(rates);
            assert!(extractor.resamplers.lock().unwrap().len() <= MAX_RESAMPLERS);
        }
    }
}
