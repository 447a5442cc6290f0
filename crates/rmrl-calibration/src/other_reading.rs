//! Tries other readings of a table of poses.
//!
//! A table that was read wrongly fits no camera. The same numbers, read as they were meant, do.

use crate::hand_eye_start::{consensus, excess};
use crate::median::median;
use crate::posed::PosePair;
use crate::{CalibrationError, PoseReading};

/// The result of a calibration from `seen`, unless the poses fit badly as they were read and far better in another way.
/// `quality` gives a result's misfit and the number of its views, `orient` the poses as the closed form takes them.
///
/// # Errors
/// How the poses were meant, or that of the calibration.
pub(crate) fn unless_read_wrongly<T>(
    found: Result<T, CalibrationError>,
    quality: impl Fn(&T) -> (f64, usize),
    seen: &[PosePair],
    orient: impl Fn(PosePair) -> PosePair,
) -> Result<T, CalibrationError> {
    let is_doubtful = found.as_ref().map_or(true, |found| {
        let (misfit, views) = quality(found);
        misfit > DOUBTFUL_MISFIT || (views as f64) < DOUBTFUL_SHARE * seen.len() as f64
    });
    match is_doubtful.then(|| other_reading(seen, orient)).flatten() {
        Some(reading) => Err(CalibrationError::OtherReading { reading }),
        None => found,
    }
}

/// Poses may have been read wrongly if they are off by more than this many standard deviations,
const DOUBTFUL_MISFIT: f64 = 8.0;
/// or if a smaller share of the views fits.
const DOUBTFUL_SHARE: f64 = 0.7;

/// How well poses agree with the views: the share of views that agree, and the median error relative to that of a
/// closed form.
#[derive(Clone, Copy)]
struct Agreement {
    share: f64,
    median: f64,
}

impl Agreement {
    fn of(seen: &[PosePair]) -> Option<Self> {
        let hypothesis = consensus(seen)?;
        let offs: Vec<f64> = seen.iter().map(|seen| excess(hypothesis.off(seen))).collect();
        let within = offs.iter().filter(|off| **off <= 1.0).count();
        Some(Self { share: within as f64 / offs.len() as f64, median: median(offs) })
    }
}

/// How the poses were meant, if another reading fits far better than the default.
fn other_reading(seen: &[PosePair], orient: impl Fn(PosePair) -> PosePair) -> Option<PoseReading> {
    let agreement = |reading: PoseReading| {
        let reread = seen.iter().map(|pair| {
            let world_from_flange = reading.reread(&pair.world_from_flange);
            orient(PosePair { world_from_flange, ..*pair })
        });
        Agreement::of(&reread.collect::<Vec<_>>())
    };
    let as_read = Agreement::of(&seen.iter().copied().map(&orient).collect::<Vec<_>>())
        .map_or(f64::INFINITY, |agreement| agreement.median);
    let mut best: Option<(PoseReading, f64)> = None;
    for reading in PoseReading::others() {
        let Some(Agreement { share, median }) = agreement(reading) else { continue };
        // Of readings that fit about as well, the one with the fewest changes is meant.
        let penalized = median * f64::powi(ALIKE, reading.changes() as i32);
        if share >= AGREEING_SHARE
            && median < MUCH_BETTER * as_read
            && best.is_none_or(|(_, least)| penalized < least)
        {
            best = Some((reading, penalized));
        }
    }
    best.map(|(reading, _)| reading)
}

/// The share of views that agree in the right reading: the others may have wrong rows.
const AGREEING_SHARE: f64 = 0.7;
/// How much smaller the median error of the right reading is than that of a wrong one.
const MUCH_BETTER: f64 = 0.3;
/// Readings whose median errors differ by less than this factor fit alike.
const ALIKE: f64 = 1.5;
