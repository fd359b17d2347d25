//! The scores on test under conditions such as noise, rooms, telephones and codecs.

use std::time::Instant;

use dataset::conditions::CONDITIONS;
use dataset::{Split, count};
use experiment::{ConditionSummary, Scored, seed};
use features::Extractor;
use metrics::Scores;
use model::SavedModel;
use predict::{Classifier, Output};
use rayon::prelude::*;

use super::choose::ChosenModel;
use super::open::OpenRun;
use super::prepare::Prepared;
use super::splits::Found;
use crate::Error;
use crate::terminal::{interrupt, stderr};

/// Recordings whose records are in memory at a time, under one condition each.
const AT_ONCE: usize = 16;

/// Scores every test recording under every condition, by the model that was tested on it, and the gate of the saved model.
pub(super) fn measure(
    prepared: &Prepared,
    run: &OpenRun,
    found: &Found,
    model: &ChosenModel,
) -> Result<Vec<ConditionSummary>, Error> {
    let started = Instant::now();
    let n_tested = found.test.iter().map(|fold| fold.scored.recordings.len()).sum();
    let conditions = count(CONDITIONS.len(), "condition");
    stderr::line(format_args!("robustness {} under {conditions}", count(n_tested, "test recording")));
    let mut scored = vec![Scored::default(); CONDITIONS.len()];
    for (fold, tested) in found.test.iter().zip(&found.tested) {
        let classifier = tested.classifier(prepared, run)?;
        let answers = answers(prepared, &classifier, &tested.encoding.extractor, &fold.scored.recordings)?;
        for (scored, outputs) in scored.iter_mut().zip(answers) {
            scored.recordings.extend_from_slice(&fold.scored.recordings);
            let probabilities = |output: Output| classifier.calibration().rescale_logits(&output.logits);
            scored.probabilities.extend(outputs.into_iter().map(probabilities));
        }
    }
    let kept = cries_kept(prepared, found, model)?;
    let seed = seed::derive(prepared.config.seed, &["evaluation", "test"]);
    let summary = |(index, scored): (usize, &Scored)| {
        let predictions = scored.predictions(&prepared.data.corpus, prepared.data.groups())?;
        Ok(ConditionSummary {
            name: CONDITIONS[index].name.into(),
            test: Scores::estimated(&predictions, seed),
            cries_kept: kept.as_ref().and_then(|kept| kept.get(index).copied()),
        })
    };
    let summaries = scored.iter().enumerate().map(summary).collect::<Result<_, Error>>()?;
    run.writer.folder.log("robustness", started.elapsed().as_secs_f64())?;
    Ok(summaries)
}

/// Share of the recordings that the gate was tested on that reach its threshold under each condition; `None` without a gate.
fn cries_kept(prepared: &Prepared, found: &Found, model: &ChosenModel) -> Result<Option<Vec<f64>>, Error> {
    let (Some(gate), Some(summary)) = (&model.gate, &model.gate_summary) else { return Ok(None) };
    let saved = SavedModel {
        info: model.info.clone(),
        weights: found.model.weights.clone(),
        head: found.model.head.clone(),
        gate: Some(gate.clone()),
        sha256: String::new(),
    };
    let classifier = Classifier::from_saved(saved, "the saved model", prepared.compute)?;
    let split = if summary.tested_on == "test" { Split::Test } else { Split::Val };
    let places = prepared.data.plan.model.iter().enumerate();
    let recordings: Vec<usize> = places.filter(|(_, place)| **place == Some(split)).map(|(index, _)| index).collect();
    let share = |outputs: Vec<Output>| {
        let reaches = |output: &&Output| output.cry_score.is_some_and(|score| f64::from(score) >= summary.threshold);
        outputs.iter().filter(reaches).count() as f64 / outputs.len().max(1) as f64
    };
    let answers = answers(prepared, &classifier, &found.model.encoding.extractor, &recordings)?;
    Ok(Some(answers.into_iter().map(share).collect()))
}

/// What `classifier` answers to each of `recordings` under each condition, `[n_conditions][n_recordings]`.
fn answers(
    prepared: &Prepared,
    classifier: &Classifier,
    extractor: &Extractor,
    recordings: &[usize],
) -> Result<Vec<Vec<Output>>, Error> {
    let corpus = &prepared.data.corpus;
    let waveform = |index: &usize| {
        let recording = &corpus.recordings[*index];
        let audio = corpus.decode(recording, extractor);
        let audio = audio.map_err(|source| Error::Recording { path: corpus.place(recording), source })?;
        Ok(extractor.unpadded_waveform(&audio))
    };
    let mut answers = vec![Vec::with_capacity(recordings.len()); CONDITIONS.len()];
    for recordings in recordings.chunks(AT_ONCE) {
        let waveforms: Vec<Vec<f32>> = recordings.par_iter().map(waveform).collect::<Result<_, Error>>()?;
        for (condition, answers) in CONDITIONS.iter().zip(&mut answers) {
            interrupt::check()?;
            let record = |(index, waveform): (&usize, &Vec<f32>)| {
                let path = &corpus.recordings[*index].path;
                let seed = seed::derive(prepared.config.seed, &["robustness", condition.name, path]);
                let changed = condition.apply(waveform.clone(), extractor, seed)?;
                Ok(extractor.record_from_waveform(&changed))
            };
            let records = recordings.par_iter().zip(&waveforms).map(record);
            let records: Vec<Vec<f32>> = records.collect::<Result<_, Error>>()?;
            answers.extend(classifier.outputs(&records.concat())?);
        }
    }
    Ok(answers)
}
