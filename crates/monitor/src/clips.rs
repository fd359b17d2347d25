//! The sound of episodes as FLAC files, for as long as the configuration says.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt::Debug;
use std::fs::Metadata;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use flacenc::bitsink::ByteSink;
use flacenc::component::BitRepr;
use flacenc::config::Encoder;
use flacenc::error::SourceError;
use flacenc::error::Verify;
use flacenc::source::{Fill, Source};

use crate::ClipConfig;

/// Name of the folder in that of the monitor.
pub(crate) const FOLDER: &str = "clips";
/// Longest clip, s.
pub(crate) const MAX_SECONDS: f64 = 120.0;
/// How names of files that a crash left behind begin.
const TEMPORARY: &str = ".tmp";
const DAY: Duration = Duration::from_hours(24);

/// The folder of the clips.
#[derive(Debug, Clone)]
pub(crate) struct Clips {
    folder: PathBuf,
}

impl Clips {
    /// The clips of the monitor in `folder`, which this process has locked. Removes files that a crash left behind.
    ///
    /// # Errors
    /// Any I/O error.
    pub fn open(folder: &Path) -> io::Result<Self> {
        let folder = folder.join(FOLDER);
        std::fs::create_dir_all(&folder)?;
        for entry in std::fs::read_dir(&folder)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(TEMPORARY) {
                std::fs::remove_file(entry.path())?;
            }
        }
        Ok(Self { folder })
    }

    fn path(&self, id: u64) -> PathBuf {
        self.folder.join(file_name(id))
    }

    /// All clips: their episodes, and their files.
    ///
    /// # Errors
    /// Any I/O error.
    pub fn all(&self) -> io::Result<BTreeMap<u64, Metadata>> {
        let mut all = BTreeMap::new();
        for entry in std::fs::read_dir(&self.folder)? {
            let entry = entry?;
            let path = entry.path();
            let stem =
                path.file_stem().and_then(OsStr::to_str).filter(|_| path.extension() == Some(OsStr::new("flac")));
            if let Some(id) = stem.and_then(|stem| stem.parse().ok()) {
                all.insert(id, entry.metadata()?);
            }
        }
        Ok(all)
    }

    /// Keeps `samples` as the clip of an episode.
    ///
    /// # Errors
    /// Any I/O error. There is then no such clip.
    pub fn write(&self, id: u64, samples: &[i16], sample_rate_hz: u32) -> io::Result<()> {
        durable::write_atomic(&self.path(id), &flac(samples, sample_rate_hz)?)
    }

    /// The clip of an episode; `None` if none is kept.
    ///
    /// # Errors
    /// Any I/O error.
    pub fn read(&self, id: u64) -> io::Result<Option<Vec<u8>>> {
        match std::fs::read(self.path(id)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Deletes what is older than `config` allows at `now`, then the oldest episodes until the rest takes no more than it allows. Returns the
    /// episodes whose clips were deleted.
    ///
    /// # Errors
    /// Any I/O error.
    pub fn tidy(&self, config: &ClipConfig, now: SystemTime) -> io::Result<Vec<u64>> {
        let all = self.all()?;
        let max_age = DAY * config.days;
        let max_bytes = u64::from(config.max_mib) << 20;
        let mut n_bytes: u64 = all.values().map(Metadata::len).sum();
        let mut deleted = Vec::new();
        for (id, file) in all {
            let is_old = now.duration_since(file.modified()?).is_ok_and(|age| age > max_age);
            if is_old || n_bytes > max_bytes {
                std::fs::remove_file(self.path(id))?;
                n_bytes -= file.len();
                deleted.push(id);
            }
        }
        Ok(deleted)
    }
}

/// Name of the clip of an episode in the folder of the clips.
pub(crate) fn file_name(id: u64) -> String {
    format!("{id}.flac")
}

/// 16-bit mono FLAC.
fn flac(samples: &[i16], sample_rate_hz: u32) -> io::Result<Vec<u8>> {
    let source = Mono { rest: samples, sample_rate_hz };
    let failed = |error: &dyn Debug| io::Error::other(format!("FLAC: {error:?}"));
    let config = Encoder::default().into_verified().map_err(|(_, error)| failed(&error))?;
    let stream = flacenc::encode_with_fixed_block_size(&config, source, config.block_size);
    let mut stream = stream.map_err(|error| failed(&error))?;
    // The last block, which may be shorter, does not count (RFC 9639, section 8.2), but flacenc counts it, and decoders then look for blocks of
    // several sizes.
    let sizes = stream.stream_info_mut().set_block_sizes(config.block_size, config.block_size);
    sizes.map_err(|error| failed(&error))?;
    let mut bytes = ByteSink::new();
    stream.write(&mut bytes).map_err(|error| failed(&error))?;
    Ok(bytes.into_inner())
}

/// The samples that are not encoded yet.
struct Mono<'a> {
    rest: &'a [i16],
    sample_rate_hz: u32,
}

impl Source for Mono<'_> {
    fn channels(&self) -> usize {
        1
    }

    fn bits_per_sample(&self) -> usize {
        16
    }

    fn sample_rate(&self) -> usize {
        self.sample_rate_hz as usize
    }

    fn read_samples<F: Fill>(&mut self, block_size: usize, dest: &mut F) -> Result<usize, SourceError> {
        let (block, rest) = self.rest.split_at(block_size.min(self.rest.len()));
        self.rest = rest;
        dest.fill_interleaved(&block.iter().copied().map(i32::from).collect::<Vec<_>>())?;
        Ok(block.len())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn config(days: u32, max_mib: u32) -> ClipConfig {
        ClipConfig { days, max_mib, before_seconds: 5.0 }
    }

    /// Noise, which FLAC cannot compress.
    fn noise(n: usize) -> Vec<i16> {
        let mut state = 1_u32;
        let next = |_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 16) as i16
        };
        (0..n).map(next).collect()
    }

    #[test]
    fn a_clip_is_the_sound_that_was_heard() {
        let extractor = features::Extractor::new(&features::FeatureConfig::default()).unwrap();
        for sample_rate_hz in [4000, 11_025, 16_000, 44_100, 48_000, 96_000] {
            for samples in [noise(20_001), vec![0; 9000], [i16::MIN, i16::MAX, 0].repeat(3000), vec![5; 4000]] {
                let flac = flac(&samples, sample_rate_hz).unwrap();
                let audio = extractor.decode(&flac, Some("flac")).unwrap();
                assert_eq!(audio.sample_rate_hz, sample_rate_hz);
                let decoded: Vec<i16> = audio.samples.iter().map(|sample| (sample * 32_768.0) as i16).collect();
                assert_eq!(decoded, samples);
            }
        }
    }

    #[test]
    fn old_clips_and_the_oldest_of_too_many_are_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let clips = Clips::open(folder.path()).unwrap();
        // 0.5 MiB each.
        let samples = noise(1 << 18);
        [9, 10, 11].into_iter().for_each(|id| clips.write(id, &samples, 16_000).unwrap());
        assert!(clips.all().unwrap()[&9].len() > 1 << 19);
        std::fs::write(folder.path().join("clips/note.txt"), "not a clip").unwrap();
        let now = SystemTime::now();
        assert_eq!(clips.tidy(&config(7, 2), now).unwrap(), [0; 0]);
        assert_eq!(clips.tidy(&config(7, 1), now).unwrap(), [9, 10], "9 is the oldest, not 10");
        assert_eq!(clips.tidy(&config(7, 1), now + 6 * DAY).unwrap(), [0; 0]);
        assert_eq!(clips.tidy(&config(7, 1), now + 8 * DAY).unwrap(), [11]);
        assert_eq!(std::fs::read_dir(folder.path().join("clips")).unwrap().count(), 1, "other files stay");
    }

    #[test]
    fn what_a_crash_left_behind_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let clips = Clips::open(folder.path()).unwrap();
        clips.write(1, &[0; 100], 16_000).unwrap();
        std::fs::write(folder.path().join("clips/.tmpAbC"), "half of a clip").unwrap();
        let clips = Clips::open(folder.path()).unwrap();
        assert_eq!(clips.all().unwrap().into_keys().collect::<Vec<_>>(), [1]);
        assert_eq!(std::fs::read_dir(folder.path().join("clips")).unwrap().count(), 1);
        assert_eq!((clips.read(1).unwrap().is_some(), clips.read(2).unwrap()), (true, None));
    }
}
