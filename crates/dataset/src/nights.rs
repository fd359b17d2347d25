//! Seeded nights of hours, with cries at known times among other sounds.
//!
//! Each night has one baby, one room with its reverberation, one microphone and one background that never ends. Episodes of crying and
//! stretches of other sounds come at random, at levels that the tables state. They are the same voices and sounds as those of
//! [`synth`](crate::synth) and [`sounds`](crate::sounds), so nothing but the microphone's noise is above 4 kHz, and scores on them say
//! nothing about babies.

mod config;
mod event_sound;
mod night_sound;
mod plan;
#[cfg(test)]
mod tests;

use std::path::Path;

use durable::write_atomic;
use rayon::prelude::*;

use crate::Error;
use crate::csv_text::csv_text;
use crate::folder::{NIGHTS_MARKER, fill_folder, write_wav};
use crate::signal::RATE;
pub use config::NightsConfig;
pub use night_sound::SAMPLE_RATE_HZ;
use night_sound::{Heard, NightSound};
use plan::{CRY, Plan};

/// Increased whenever the same settings give different nights.
pub const NIGHTS_VERSION: u32 = 1;

/// Writes `night-001.wav` and so on, mono with 16 bits, `truth.csv` with the times of the episodes of crying, and `sounds.csv` with
/// everything that sounds. A folder with the same settings is left unchanged; it appears whole or not at all.
///
/// # Errors
/// [`Error::Synthetic`] for values out of range, [`Error::Occupied`] if `dir` holds anything else, [`Error::Write`] if it cannot be
/// written.
pub fn write_nights(dir: &Path, config: &NightsConfig) -> Result<(), Error> {
    config.validate()?;
    fill_folder(dir, NIGHTS_MARKER, NIGHTS_VERSION, config, |folder| {
        let nights = (0..config.n_nights).into_par_iter().map(|night| write_night(folder, config, night));
        let nights: Vec<Night> = nights.collect::<Result<_, _>>()?;
        for (name, text) in [("truth.csv", truth_csv(&nights)), ("sounds.csv", sounds_csv(&nights))] {
            let path = folder.join(name);
            write_atomic(&path, text.as_bytes()).map_err(Error::write(&path))?;
        }
        Ok(())
    })
}

/// What the tables say of a night.
struct Night {
    file_name: String,
    room_seconds: f64,
    heard: Vec<Heard>,
}

fn write_night(folder: &Path, config: &NightsConfig, night: usize) -> Result<Night, Error> {
    let file_name = format!("night-{:03}.wav", night + 1);
    let mut sound = NightSound::new(Plan::draw(config, night), config.seed, night)?;
    write_wav(&folder.join(&file_name), SAMPLE_RATE_HZ, sound.samples())?;
    Ok(Night { file_name, room_seconds: sound.room_seconds(), heard: sound.heard })
}

fn truth_csv(nights: &[Night]) -> String {
    let rows = nights.iter().flat_map(|night| {
        let cries = night.heard.iter().filter(|heard| heard.family == CRY);
        cries.map(|cry| [night.file_name.clone(), seconds(cry.start), seconds(cry.end), CRY.into()])
    });
    csv_text(["file", "start", "end", "label"], rows)
}

fn sounds_csv(nights: &[Night]) -> String {
    let rows = nights.iter().flat_map(|night| {
        night.heard.iter().map(|heard| {
            [
                night.file_name.clone(),
                seconds(heard.start),
                seconds(heard.end),
                heard.family.into(),
                heard.kind.clone(),
                format!("{:.1}", heard.dbfs),
                format!("{:.2}", night.room_seconds),
            ]
        })
    });
    csv_text(["file", "start", "end", "family", "kind", "dbfs", "reverberation"], rows)
}

/// A time in samples at 8 kHz as seconds.
fn seconds(at: usize) -> String {
    format!("{:.3}", at as f64 / RATE)
}
