//! Tries other readings of a table of poses.
//!
//! A table that was read wrongly fits no camera. The same numbers, read as they were meant, do.

use crate::hand_eye_start::{Hypothesis, excess};
use crate::median::median;
use crate::posed::Seen;
use crate::{PoseReading, PosedView};

/// How well poses agree with the views: the share of views that agree, and the median error relative to that of a
/// closed form.
#[derive(Clone, Copy)]
pub(crate) struct Agreement {
    share: f64,
    median: f64,
}

impl Agreement {
    pub(crate) fn of(hypothesis: &Hypothesis, seen: &[Seen<&PosedView>]) -> Self {
        let offs: Vec<f64> = seen.iter().map(|seen| excess(hypothesis.off(seen))).collect();
        let within = offs.iter().filter(|off| **off <= 1.0).count();
        Self { share: within as f64 / offs.len() as f64, median: median(offs) }
    }
}

/// How the poses were meant, if another reading fits far better than the default. `agreement` is
/// that of views with other poses.
pub(crate) fn other_reading(
    seen: &[Seen<&PosedView>],
    agreement: impl Fn(&[Seen<&PosedView>]) -> Option<Agreement>,
) -> Option<PoseReading> {
    let as_read = agreement(seen).map_or(f64::INFINITY, |agreement| agreement.median);
    let mut best: Option<(PoseReading, f64)> = None;
    for reading in PoseReading::others() {
        let reread: Vec<PosedView> = seen
            .iter()
            .map(|seen| PosedView {
                view: seen.view.view.clone(),
                world_from_flange: reading.reread(&seen.view.world_from_flange),
            })
            .collect();
        let seen: Vec<Seen<&PosedView>> = seen
            .iter()
            .zip(&reread)
            .map(|(seen, view)| Seen {
                view,
                camera_from_board: seen.camera_from_board,
                reprojection_px: seen.reprojection_px,
            })
            .collect();
        let Some(Agreement { share, median }) = agreement(&seen) else { continue };
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
