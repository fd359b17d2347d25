//! The reviewed episodes as tables from which `wail` trains.

use std::io;
use std::path::Path;

use crate::clips::{FOLDER, MAX_SECONDS, file_name};
use crate::{Recorded, Verdict};

/// Cries with their reason.
const CRIES: &str = "reviews.csv";
/// What was not a cry.
const OTHERS: &str = "not-a-cry.csv";
/// Label of what was not a cry.
const NOT_A_CRY: &str = "not a cry";

/// Writes a row for each of `episodes` that has a review and a clip: the file of the clip, start and end of the episode in it, s, and the
/// reason.
///
/// # Errors
/// Any I/O error.
pub(crate) fn write<'a>(folder: &Path, episodes: impl Iterator<Item = &'a Recorded> + Clone) -> io::Result<()> {
    for (file, verdict) in [(CRIES, Verdict::Cry), (OTHERS, Verdict::NotACry)] {
        let mut table = csv::Writer::from_writer(vec![]);
        table.write_record(["file", "start", "end", "label"])?;
        for row in episodes.clone().filter_map(|episode| row(episode, verdict)) {
            table.write_record(row)?;
        }
        let bytes = table.into_inner().map_err(|error| io::Error::other(error.to_string()))?;
        durable::write_atomic(&folder.join(file), &bytes)?;
    }
    Ok(())
}

fn row(episode: &Recorded, verdict: Verdict) -> Option<[String; 4]> {
    let review = episode.review.as_ref().filter(|review| review.verdict == verdict && episode.has_clip)?;
    let label = match verdict {
        Verdict::Cry => review.label.clone()?,
        Verdict::NotACry => NOT_A_CRY.into(),
    };
    let start = episode.clip_onset_seconds?;
    let end = (start + episode.seconds).min(MAX_SECONDS);
    Some([format!("{FOLDER}/{}", file_name(episode.id)), format!("{start:.3}"), format!("{end:.3}"), label])
}
