//! The voices of the classes.
//!
//! The values are not measured, because nobody knows how hunger sounds. They are chosen by ear and from what is known
//! about infant cries in general: a fundamental near 450 Hz, and bursts of about a second with short breaths between
//! them (Wasz-Höckert et al. 1968).

/// The mean voice of one class; every recording varies around it.
#[derive(Debug)]
pub(crate) struct ClassVoice {
    /// Name of the class folder.
    pub label: &'static str,
    /// Code of the reason in a Donate-a-Cry file name.
    pub code: &'static str,
    /// Number of recordings of the class among the 512 real ones.
    pub share: usize,
    /// Fundamental frequency relative to that of the baby.
    pub pitch: f64,
    /// Relative pitch at 0, 1/3, 2/3 and 1 of the length of a burst.
    pub contour: [f64; 4],
    /// Mean length of a burst, s.
    pub burst_seconds: f64,
    /// Mean length of the pause between two bursts, s.
    pub pause_seconds: f64,
    /// Share of noise in the voice, 0 to 1.
    pub breath: f64,
    /// Loudness of the inhalation before a burst, 0 to 1.
    pub inhalation: f64,
    /// Relative random drift of the pitch.
    pub roughness: f64,
    /// Rate of the amplitude tremor, Hz, and its depth, 0 to 1.
    pub tremor: (f64, f64),
}

/// The classes, sorted by label.
pub(crate) static CLASSES: [ClassVoice; 8] = [
    ClassVoice {
        label: "belly_pain",
        code: "bp",
        share: 16,
        pitch: 1.25,
        contour: [1.05, 1.15, 1.0, 0.8],
        burst_seconds: 1.7,
        pause_seconds: 0.25,
        breath: 0.10,
        inhalation: 0.25,
        roughness: 0.040,
        tremor: (9.0, 0.15),
    },
    ClassVoice {
        label: "burping",
        code: "bu",
        share: 18,
        pitch: 0.82,
        contour: [1.0, 0.95, 0.95, 0.85],
        burst_seconds: 0.35,
        pause_seconds: 0.55,
        breath: 0.20,
        inhalation: 0.05,
        roughness: 0.060,
        tremor: (14.0, 0.35),
    },
    ClassVoice {
        label: "cold_hot",
        code: "ch",
        share: 7,
        pitch: 1.0,
        contour: [0.95, 1.0, 1.0, 0.95],
        burst_seconds: 0.8,
        pause_seconds: 0.35,
        breath: 0.15,
        inhalation: 0.15,
        roughness: 0.015,
        tremor: (6.5, 0.60),
    },
    ClassVoice {
        label: "discomfort",
        code: "dc",
        share: 30,
        pitch: 0.95,
        contour: [1.0, 1.0, 1.0, 0.97],
        burst_seconds: 0.6,
        pause_seconds: 0.7,
        breath: 0.15,
        inhalation: 0.10,
        roughness: 0.025,
        tremor: (8.0, 0.15),
    },
    ClassVoice {
        label: "hungry",
        code: "hu",
        share: 382,
        pitch: 1.0,
        contour: [0.85, 1.1, 1.08, 0.85],
        burst_seconds: 0.95,
        pause_seconds: 0.4,
        breath: 0.12,
        inhalation: 0.20,
        roughness: 0.015,
        tremor: (8.0, 0.10),
    },
    ClassVoice {
        label: "lonely",
        code: "lo",
        share: 11,
        pitch: 0.92,
        contour: [0.9, 1.0, 1.1, 1.15],
        burst_seconds: 0.65,
        pause_seconds: 1.3,
        breath: 0.25,
        inhalation: 0.05,
        roughness: 0.010,
        tremor: (5.0, 0.20),
    },
    ClassVoice {
        label: "scared",
        code: "sc",
        share: 20,
        pitch: 1.45,
        contour: [1.2, 1.1, 1.05, 1.0],
        burst_seconds: 1.3,
        pause_seconds: 0.3,
        breath: 0.08,
        inhalation: 0.35,
        roughness: 0.030,
        tremor: (10.0, 0.10),
    },
    ClassVoice {
        label: "tired",
        code: "ti",
        share: 28,
        pitch: 0.9,
        contour: [1.1, 1.0, 0.85, 0.7],
        burst_seconds: 1.2,
        pause_seconds: 0.8,
        breath: 0.35,
        inhalation: 0.12,
        roughness: 0.020,
        tremor: (6.0, 0.15),
    },
];
