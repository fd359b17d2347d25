#![allow(clippy::unwrap_used)]

use super::event_sound::root_mean_square;
use super::night_sound::BACKGROUND;
use super::plan::Source;
use super::*;
use crate::signal::samples;

/// A quarter of an hour with many cries.
const CONFIG: NightsConfig = NightsConfig { seed: 3, n_nights: 1, hours: 0.25, cries_per_hour: 30.0 };

fn is_cry(source: &Source) -> bool {
    matches!(source, Source::Cry(_))
}

/// The samples of the first night without the events that `keep` refuses, and what sounds in it.
fn rendered(config: &NightsConfig, keep: impl Fn(&Source) -> bool) -> (Vec<f64>, Vec<Heard>) {
    let mut plan = Plan::draw(config, 0);
    plan.events.retain(|event| keep(&event.source));
    let mut night = NightSound::new(plan, config.seed, 0).unwrap();
    let sound = night.samples().collect();
    (sound, night.heard)
}

fn dbfs(sound: &[f64]) -> f64 {
    20.0 * root_mean_square(sound).log10()
}

fn difference(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}

#[test]
fn cries_sound_at_the_times_and_levels_of_the_truth_and_nowhere_else() {
    let (with, heard) = rendered(&CONFIG, |_| true);
    let (without, _) = rendered(&CONFIG, |source| !is_cry(source));
    let cries: Vec<&Heard> = heard.iter().filter(|heard| heard.family == CRY).collect();
    assert!(cries.len() >= 3, "{}", cries.len());
    let mut cry = difference(&with, &without);
    for Heard { start, end, dbfs: level, .. } in cries {
        let (start, end) = (2 * start, 2 * end);
        assert!((160_000..=3_200_000).contains(&(end - start)), "{} s", (end - start) / 16_000);
        assert!((dbfs(&cry[start..end]) - level).abs() < 0.3, "{} instead of {level} dBFS", dbfs(&cry[start..end]));
        // The first and the last burst are loud, even where they rise and fall.
        for edge in [start..start + 8000, end - 8000..end] {
            assert!(dbfs(&cry[edge.clone()]) > level - 20.0, "{} dBFS", dbfs(&cry[edge]));
        }
        // What rings of the resampler before, and all echoes after.
        let rung = (end + 16_000).min(cry.len());
        cry[start - 800..rung].fill(0.0);
    }
    assert!(cry.iter().all(|sample| sample.abs() < 1e-6));
}

#[test]
fn other_sounds_and_the_background_have_the_levels_of_the_table() {
    let (background, heard) = rendered(&CONFIG, |_| false);
    let [only] = &heard[..] else { panic!("{heard:?}") };
    assert_eq!((only.family, only.start, only.end), (BACKGROUND, 0, samples(900.0)));
    assert!((dbfs(&background) - only.dbfs).abs() < 1.0, "{} instead of {}", dbfs(&background), only.dbfs);

    let (sounds, heard) = rendered(&CONFIG, |source| !is_cry(source));
    let sounds = difference(&sounds, &background);
    let echoes = samples(1.0);
    let is_alone = |one: &Heard| {
        let others = heard.iter().filter(|other| *other != one && other.family != BACKGROUND);
        others.into_iter().all(|other| other.end + echoes < one.start || one.end < other.start)
    };
    let alone: Vec<&Heard> = heard[1..].iter().filter(|heard| is_alone(heard)).collect();
    assert!(alone.len() >= 3, "{heard:?}");
    for Heard { start, end, dbfs: level, kind, .. } in alone {
        let found = dbfs(&sounds[2 * start..2 * end]);
        assert!((found - level).abs() < 0.5, "{kind}: {found} instead of {level} dBFS");
    }
}

#[test]
fn a_longer_night_begins_like_a_shorter_one() {
    let longer = NightsConfig { hours: 0.5, ..CONFIG };
    let ((short, in_short), (long, in_long)) = (rendered(&CONFIG, |_| true), rendered(&longer, |_| true));
    assert_eq!((short.len(), long.len()), (14_400_000, 28_800_000));
    let left_out = in_long[1..].iter().find(|heard| !in_short.contains(heard)).map(|heard| heard.start);
    // The rounding of a resampled block of 4 s depends on all that is in it.
    let same = 2 * left_out.unwrap() - 160_000;
    assert!(same > 10_000_000 && short[..same] == long[..same], "{same}");
}

#[test]
fn the_same_seed_gives_the_same_bytes_whatever_the_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    let config = NightsConfig { n_nights: 3, hours: 0.02, ..CONFIG };
    let write = |name: &str, config: &NightsConfig, n_threads| {
        let dir = folder.path().join(name);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        pool.install(|| write_nights(&dir, config)).unwrap();
        ["night-001.wav", "night-002.wav", "night-003.wav", "truth.csv", "sounds.csv"]
            .map(|name| std::fs::read(dir.join(name)).unwrap())
    };
    let one = write("one", &config, 1);
    assert!(one == write("again", &config, 3));
    assert!(one == write("one", &config, 1), "a folder with the same settings is left");
    assert!(one[0] != one[1] && one[1] != one[2]);
    assert!(one[0] != write("other", &NightsConfig { seed: 4, ..config }, 2)[0]);
    let refused = write_nights(&folder.path().join("one"), &NightsConfig { hours: 0.03, ..config }).unwrap_err();
    assert!(refused.to_string().contains("other settings"), "{refused}");
}

#[test]
fn values_out_of_range_are_named_and_no_cries_are_possible() {
    let folder = tempfile::tempdir().unwrap();
    let wrong = NightsConfig { n_nights: 0, hours: f64::NAN, cries_per_hour: 31.0, ..CONFIG };
    let error = write_nights(&folder.path().join("none"), &wrong).unwrap_err().to_string();
    for part in ["0 nights", "NaN hours", "31 cries"] {
        assert!(error.contains(part), "{error}");
    }
    let calm = NightsConfig { cries_per_hour: 0.0, ..CONFIG };
    assert!(!Plan::draw(&calm, 0).events.iter().any(|event| is_cry(&event.source)));
}

/// Over many nights, as the draws of one vary.
#[test]
fn there_are_as_many_cries_as_asked_for_and_every_family() {
    let config = NightsConfig { hours: 8.0, cries_per_hour: 4.0, ..CONFIG };
    let plans: Vec<Plan> = (0..20).map(|night| Plan::draw(&config, night)).collect();
    let events = || plans.iter().flat_map(|plan| &plan.events);
    let per_hour = events().filter(|event| is_cry(&event.source)).count() as f64 / 160.0;
    assert!((per_hour - 4.0).abs() < 0.4, "{per_hour}");
    let families: std::collections::BTreeSet<&str> = events().map(|event| event.source.family()).collect();
    assert_eq!(families.len(), 10, "{families:?}");
}
