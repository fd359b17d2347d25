//! Which recordings contain a landmark, and when.

use super::fingerprint::Landmark;

/// A landmark that occurs more often than this identifies no recording.
const MAX_OCCURRENCES: usize = 300;

/// The landmarks of all recordings by their hash, 6 bytes each.
pub(super) struct LandmarkIndex {
    /// The occurrences of a hash begin here, and end where those of the next begin; `[n_hashes + 1]`.
    starts: Vec<usize>,
    /// Recording of each occurrence, in order for each hash.
    recordings: Vec<u32>,
    /// Time step of each occurrence.
    steps: Vec<u16>,
}

impl LandmarkIndex {
    /// The index of `landmarks`, which has one list per recording.
    pub fn new(landmarks: &[&[Landmark]]) -> Self {
        let n = landmarks.iter().map(|list| list.len()).sum();
        let mut starts = vec![0; Landmark::HASHES + 1];
        for landmark in landmarks.iter().copied().flatten() {
            starts[landmark.hash()] += 1;
        }
        let mut end = 0;
        for start in &mut starts {
            end += *start;
            *start = end;
        }
        // From the end of each hash to its start, in reverse order.
        let (mut recordings, mut steps) = (vec![0; n], vec![0; n]);
        for (recording, list) in landmarks.iter().enumerate().rev() {
            for landmark in list.iter().rev() {
                let place = &mut starts[landmark.hash()];
                *place -= 1;
                (recordings[*place], steps[*place]) = (recording as u32, landmark.step());
            }
        }
        Self { starts, recordings, steps }
    }

    /// Recording and time step of each occurrence of `landmark` in recordings after `a`; none if it occurs too often.
    pub fn later(&self, landmark: &Landmark, a: usize) -> impl Iterator<Item = (usize, u16)> {
        let hash = landmark.hash();
        let all = self.starts[hash]..self.starts[hash + 1];
        let n_used = if all.len() <= MAX_OCCURRENCES { all.len() } else { 0 };
        let (recordings, steps) = (&self.recordings[all.clone()], &self.steps[all]);
        let first = recordings.partition_point(|recording| *recording as usize <= a);
        let occurrences = recordings.iter().zip(steps).take(n_used).skip(first);
        occurrences.map(|(recording, step)| (*recording as usize, *step))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn occurrences_are_found_by_hash_in_later_recordings_unless_there_are_too_many() {
        let [often, one, other] = [Landmark([0, 0, 3]), Landmark([1, 5, 7]), Landmark([1, 5, 8])];
        let many = vec![often; MAX_OCCURRENCES];
        let lists: [&[Landmark]; 4] = [&[one, often], &[other, other], &[], &[one]];
        let index = LandmarkIndex::new(&lists);
        let later = |index: &LandmarkIndex, landmark, a| index.later(landmark, a).collect::<Vec<_>>();
        assert_eq!(later(&index, &one, 0), [(1, 8), (1, 8), (3, 7)]);
        assert_eq!(later(&index, &other, 2), [(3, 7)]);
        assert_eq!(later(&index, &often, 0), []);
        let index = LandmarkIndex::new(&[&[], &many]);
        assert_eq!(later(&index, &often, 0).len(), MAX_OCCURRENCES);
        assert_eq!(later(&LandmarkIndex::new(&[&[often], &many]), &often, 0), []);
    }
}
