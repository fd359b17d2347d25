//! The most confident mistakes, with sound and spectrogram. They often say more about a corpus than its scores.

use std::collections::HashSet;

use dataset::Corpus;
use experiment::{Mistake, RunFolder, Scored};
use features::{Extractor, FeatureConfig};
use metrics::argmax;

use crate::{Error, media};

/// Maximum number of mistakes that are shown.
const MAX_MISTAKES: usize = 6;

/// The most confident mistakes, at most six, the most confident first; ties keep the order of `scored`. A recording that was
/// tested in several repeats appears once, with the most confident of its wrong answers. Each comes with its index in `scored`.
pub fn most_confident(corpus: &Corpus, scored: &Scored) -> Vec<(usize, Mistake)> {
    let answers = scored.recordings.iter().copied().zip(&scored.probabilities);
    let mut wrong: Vec<(usize, (usize, &Vec<f32>))> = answers
        .enumerate()
        .filter(|(_, (recording, row))| argmax(row) != corpus.recordings[*recording].label)
        .collect();
    wrong.sort_by(|(_, (_, a)), (_, (_, b))| b[argmax(b)].total_cmp(&a[argmax(a)]));
    let mut seen = HashSet::new();
    wrong
        .into_iter()
        .filter(|(_, (recording, _))| seen.insert(*recording))
        .take(MAX_MISTAKES)
        .map(|(index, (recording, row))| {
            let recording = &corpus.recordings[recording];
            let mistake = Mistake {
                path: recording.path.clone(),
                label: corpus.labels[recording.label].clone(),
                predicted: corpus.labels[argmax(row)].clone(),
                probability: row[argmax(row)],
                probability_of_label: row[recording.label],
                explanation: None,
            };
            (index, mistake)
        })
        .collect()
}

/// Writes the clip and the spectrogram of each mistake into the run's folder, `mistakes/1.wav`, `mistakes/1.png` and so on, and
/// removes files of an earlier search.
///
/// # Errors
/// [`Error::Recording`] if a recording can no longer be read, [`Error::Run`] if a file cannot be written.
pub fn write_media(
    run: &RunFolder,
    corpus: &Corpus,
    config: &FeatureConfig,
    mistakes: &[Mistake],
) -> Result<(), Error> {
    let extractor = Extractor::new(config)?;
    for (i, mistake) in mistakes.iter().enumerate() {
        let Some(recording) = corpus.find(&mistake.path) else { continue };
        let audio = corpus.decode(recording, &extractor);
        let audio = audio.map_err(|source| Error::Recording { path: corpus.place(recording), source })?;
        let waveform = extractor.waveform(&audio);
        run.write(&media_name(i, "wav"), &media::wav(&waveform, config.waveform_rate_hz())?)?;
        run.write(
            &media_name(i, "png"),
            &media::spectrogram_png(&extractor.log_mel(&waveform), config.spectrogram().n_mels)?,
        )?;
    }
    let names = (0..mistakes.len()).flat_map(|i| ["wav", "png"].map(|extension| media_name(i, extension)));
    Ok(run.keep_only("mistakes", &names.collect::<Vec<_>>())?)
}

/// Name of a file of the mistake `index`, relative to the run's folder.
pub(crate) fn media_name(index: usize, extension: &str) -> String {
    format!("mistakes/{}.{extension}", index + 1)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use dataset::Recording;

    use super::*;

    #[test]
    fn the_most_confident_mistakes_come_first_one_for_each_recording_and_correct_answers_are_left_out() {
        let recording = |path: &str, label| Recording { path: path.into(), label, ..Recording::default() };
        let corpus = Corpus {
            root: "r".into(),
            labels: ["a", "b"].map(String::from).to_vec(),
            recordings: vec![recording("0", 0), recording("1", 1), recording("2", 0), recording("3", 1)],
            ..Corpus::default()
        };
        // The second repeat is surer of 0, less sure of 2, and right about 3.
        let first = [vec![0.45, 0.55], vec![0.1, 0.9], vec![0.3, 0.7], vec![0.7, 0.3]];
        let second = [vec![0.4, 0.6], vec![0.1, 0.9], vec![0.45, 0.55], vec![0.3, 0.7]];
        let scored = Scored { recordings: [0, 1, 2, 3].repeat(2), probabilities: [first, second].concat() };
        let (answers, found): (Vec<usize>, Vec<Mistake>) = most_confident(&corpus, &scored).into_iter().unzip();
        assert_eq!(answers, [2, 3, 4], "those of the first repeat, but for 0");
        let paths: Vec<&str> = found.iter().map(|mistake| mistake.path.as_str()).collect();
        assert_eq!(paths, ["2", "3", "0"]);
        assert_eq!((found[0].predicted.as_str(), found[0].probability, found[0].probability_of_label), ("b", 0.7, 0.3));
        assert_eq!(found[2].probability, 0.6, "the most confident wrong answer of the recording");
    }
}
