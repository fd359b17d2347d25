//! Classes that a search has too few recordings to learn from.

use dataset::{Corpus, Split};

use super::plan::{Places, Plan};

/// A warning about the classes of which some search has no training recording, or one only.
pub fn warning(plan: &Plan, corpus: &Corpus) -> Option<String> {
    let in_training = |places: &Places| corpus.class_counts(|index| places[index] == Some(Split::Train));
    let searches: Vec<Vec<usize>> = plan.searches().into_iter().map(in_training).collect();
    let scarce = corpus.labels.iter().enumerate().filter_map(|(class, label)| {
        let counts: Vec<usize> = searches.iter().map(|counts| counts[class]).collect();
        let fewest = counts.iter().copied().min().filter(|fewest| *fewest <= 1)?;
        let number = if fewest == 0 { "none" } else { "one" };
        let n_searches = counts.iter().filter(|count| **count == fewest).count();
        Some(match counts.len() {
            1 => format!("{label} has {number}"),
            all => format!("{label} has {number} in {n_searches} of {all} searches"),
        })
    });
    let scarce: Vec<String> = scarce.collect();
    (!scarce.is_empty()).then(|| {
        format!(
            "Too few training recordings: {}. Such a class cannot be learned, and its scores mean nothing.",
            scarce.join(", ")
        )
    })
}

#[cfg(test)]
mod tests {
    use dataset::Recording;

    use super::super::plan::Fold;
    use super::*;

    #[test]
    fn classes_with_at_most_one_training_recording_are_named() {
        let places = |text: &str| -> Places {
            let place =
                |c| [(b't', Split::Train), (b'v', Split::Val), (b'x', Split::Test)].into_iter().find(|p| p.0 == c);
            text.bytes().map(|c| place(c).map(|(_, place)| place)).collect()
        };
        let plan = |model: &str, folds: &[&str]| {
            let fold = |text: &&str| Fold { name: String::new(), repeat: 1, fold: String::new(), places: places(text) };
            Plan { rule: String::new(), model: places(model), folds: folds.iter().map(fold).collect() }
        };
        let recording = |i: usize| Recording { path: format!("{i}.wav"), label: i / 4, ..Recording::default() };
        let labels = ["hungry", "tired"].map(String::from).to_vec();
        let corpus = Corpus {
            root: "recordings".into(),
            labels,
            recordings: (0..8).map(recording).collect(),
            ..Corpus::default()
        };
        let warning = |plan: &Plan| warning(plan, &corpus);
        let message = |which: &str| {
            let advice = "Such a class cannot be learned, and its scores mean nothing.";
            Some(format!("Too few training recordings: {which}. {advice}"))
        };
        assert_eq!(warning(&plan("ttvxttvx", &[])), None);
        assert_eq!(warning(&plan("ttvxtvvx", &[])), message("tired has one"));
        assert_eq!(warning(&plan("t-vx--vx", &[])), message("hungry has one, tired has none"));
        let folds = ["ttxxxxvv", "ttvxvvxx", "ttvxtvvx"];
        assert_eq!(warning(&plan("ttvvttvv", &folds)), message("tired has none in 2 of 4 searches"));
    }
}
