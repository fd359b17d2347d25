//! Segments of compressed files, decoded many at once: such a file can be decoded from its start only, and a night has hundreds
//! of segments.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::decode::Audio;
use crate::error::Error;
use crate::segment::Segment;

/// Seconds of sound that one pass over a file cuts out at most, beside one segment of any length: 13 MB at 16 kHz.
const BATCH_SECONDS: f64 = 200.0;
/// Passes over a file whose segments are kept until they are asked for, about one for each thread.
const MAX_BATCHES: usize = 16;
/// Files whose segments are kept.
const MAX_FILES: usize = 16;

/// The segments that were decoded together with others and not asked for yet.
#[derive(Default)]
pub(crate) struct SegmentCuts {
    files: Mutex<HashMap<PathBuf, Arc<Mutex<Batches>>>>,
}

/// Segments of one file, batch by batch.
type Batches = Vec<HashMap<Segment, Result<Audio, Error>>>;

impl SegmentCuts {
    /// The sound of `segment` of `file`, of which at most `clip_seconds` are decoded. `decode` decodes segments of the file in one
    /// pass: this one, and those of `others` that come next, since the same caller wants them soon. `others` are sorted.
    pub fn take(
        &self,
        file: &Path,
        segment: &Segment,
        clip_seconds: f64,
        others: impl FnOnce() -> Vec<Segment>,
        decode: impl FnOnce(&[Segment]) -> Vec<Result<Audio, Error>>,
    ) -> Result<Audio, Error> {
        let batches = self.of_file(file);
        let mut batches = batches.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = batches.iter_mut().find_map(|batch| batch.remove(segment)) {
            batches.retain(|batch| !batch.is_empty());
            return found;
        }
        let mut seconds = 0.0;
        let is_near = |other: &Segment| {
            seconds += other.seconds().min(clip_seconds);
            seconds <= BATCH_SECONDS
        };
        let mut wanted = vec![*segment];
        wanted.extend(others().into_iter().filter(|other| other > segment).take_while(is_near));
        let mut batch: HashMap<Segment, Result<Audio, Error>> = wanted.iter().copied().zip(decode(&wanted)).collect();
        let found = batch.remove(segment).unwrap_or(Err(Error::Empty));
        if batches.len() >= MAX_BATCHES {
            batches.remove(0);
        }
        if !batch.is_empty() {
            batches.push(batch);
        }
        found
    }

    fn of_file(&self, file: &Path) -> Arc<Mutex<Batches>> {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        if files.len() >= MAX_FILES && !files.contains_key(file) {
            files.clear();
        }
        Arc::clone(files.entry(file.into()).or_default())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::cell::RefCell;
    use std::time::Duration;

    use super::*;
    use crate::decode::Source;

    fn segment(start: u64) -> Segment {
        Segment { start: Duration::from_secs(start), end: Some(Duration::from_secs(start + 7)) }
    }

    /// Audio that tells which segment it is.
    fn audio(segment: &Segment) -> Audio {
        let source = Source {
            container: String::new(),
            codec: String::new(),
            n_channels: 1,
            bits_per_sample: None,
            n_frames: None,
        };
        let samples = vec![segment.start.as_secs_f32()];
        Audio { samples, rest_seconds: 0.0, sample_rate_hz: 8000, source, warnings: Vec::new() }
    }

    #[test]
    fn a_pass_over_a_file_decodes_the_next_segments_as_well() {
        let cuts = SegmentCuts::default();
        let passes = RefCell::new(Vec::new());
        let all: Vec<Segment> = (0..600).map(|i| segment(10 * i)).collect();
        let take = |segment: &Segment| {
            let decode = |wanted: &[Segment]| {
                passes.borrow_mut().push(wanted.len());
                wanted.iter().map(|segment| Ok(audio(segment))).collect()
            };
            let found = cuts.take(Path::new("night.mp3"), segment, 10.0, || all.clone(), decode).unwrap();
            assert_eq!(found, audio(segment));
        };
        all.iter().for_each(take);
        // 28 after the first one are less than 200 s.
        assert_eq!(passes.take(), [vec![29; 20], vec![20]].concat());
        // What was taken is decoded again, and nothing more is kept than allowed.
        (0..=MAX_BATCHES).for_each(|number| take(&all[number * 30]));
        assert_eq!(passes.take().len(), 1 + MAX_BATCHES);
        take(&all[31]);
        assert!(passes.take().is_empty(), "the second batch is kept");
        take(&all[1]);
        assert_eq!(passes.take().len(), 1, "the first batch was dropped for later ones");
    }
}
