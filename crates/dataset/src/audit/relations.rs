//! How the recordings of a corpus are related: copies, families, recorders and groups.

use super::copies::{self, Compared};
use super::families::Families;
use super::fingerprints::Fingerprints;
use super::measure::Measurer;
use super::recorder::RecorderRule;
use super::relatives::Relatives;
use crate::{BABY, Corpus, Error, Recording};

/// How the recordings of a corpus are related. Each list is `[n_recordings]` and numbered by first appearance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relations {
    /// Equal for recordings with the same bytes.
    pub identical: Vec<usize>,
    /// Equal for recordings that come from one sound, by bytes, sound or name.
    pub families: Vec<usize>,
    /// Equal for recordings that a grouped split keeps together; see [`groups`].
    pub groups: Vec<usize>,
}

impl Relations {
    /// Finds the relations of the recordings that have `fingerprints`. The family of an unreadable recording depends only on its
    /// bytes and its name.
    ///
    /// # Errors
    /// [`Error::Read`] or [`Error::Write`] if the cache of the fingerprints cannot be read or written.
    pub fn find(rule: &RecorderRule, fingerprints: &Fingerprints) -> Result<Self, Error> {
        let corpus = fingerprints.corpus();
        let relatives = Relatives::new(corpus, fingerprints.copies()?);
        Ok(Self {
            identical: relatives.identical.numbered(),
            families: relatives.all.numbered(),
            groups: groups(corpus, &rule.recorders(corpus), &relatives.all),
        })
    }

    /// Leaves out the recordings that are not in `kept`, `[n_recordings]`.
    pub fn retain(&mut self, kept: &[bool]) {
        for list in [&mut self.identical, &mut self.families, &mut self.groups] {
            let mut kept = kept.iter();
            list.retain(|_| kept.next() == Some(&true));
        }
    }
}

/// The group of each recording for grouped splits, `[n_recordings]`, numbered by first appearance. Recordings of one
/// recorder, baby, file or family are in one group, and so is everything that a chain of such links connects.
pub fn groups(corpus: &Corpus, recorders: &[Option<&str>], families: &Families) -> Vec<usize> {
    let mut joined = families.clone();
    joined.join_equal(recorders.iter().copied());
    joined.join_equal(corpus.recordings.iter().map(|recording| recording.columns.get(BABY)));
    joined.join_equal(corpus.recordings.iter().map(Recording::whole_file));
    joined.numbered()
}

/// Every pair with at least `min_votes` landmarks that agree on one lag, with its correlation, most votes first. The
/// thresholds [`MIN_VOTES`](super::MIN_VOTES) and [`MIN_CORRELATION`](super::MIN_CORRELATION) were chosen by these
/// (`examples/audit_thresholds.rs`).
///
/// # Errors
/// [`Error::Features`] if the default feature settings are invalid; no corpus can cause it.
pub fn compared_pairs(corpus: &Corpus, min_votes: usize) -> Result<Vec<Compared>, Error> {
    let measurer = Measurer::new()?;
    let measured = measurer.all(corpus);
    let landmarks: Vec<&[_]> =
        measured.iter().map(|m| m.as_ref().map_or(&[][..], |m| m.landmarks.as_slice())).collect();
    let waveform = |index: usize| measurer.waveform(corpus, &corpus.recordings[index]);
    Ok(copies::compared(&copies::candidates(&landmarks, min_votes), waveform))
}
