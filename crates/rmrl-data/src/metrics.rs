//! The run as numbers: `metrics.csv` and TensorBoard scalars.

use std::fmt::Write;

use rmrl_core::{exponential_moving_average, yaw_error_rad};

use crate::record::TrialRecord;

/// One completed trial's numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MetricsRow {
    /// The trial.
    pub trial: u32,
    /// Its scene.
    pub scene: u32,
    /// Its reward.
    pub reward: f64,
    /// The exponential moving average of rewards so far.
    pub reward_average: f64,
    /// Translation error, in millimetres, if placed.
    pub e_trans_mm: Option<f64>,
    /// Yaw error, in degrees, if placed.
    pub yaw_error_deg: Option<f64>,
    /// True translation error, in millimetres, if placed and known.
    pub true_e_trans_mm: Option<f64>,
    /// Whether the plate was grasped and placed.
    pub placed: bool,
    /// Faulted attempts before the trial succeeded.
    pub faults: u32,
}

/// The numbers of every completed trial; `smoothing` is the moving average's factor.
pub fn metrics(records: &[TrialRecord], smoothing: f64) -> Vec<MetricsRow> {
    let completed: Vec<&TrialRecord> = records.iter().filter(|record| !record.is_fault()).collect();
    let rewards: Vec<f64> = completed.iter().map(|record| record.reward.unwrap_or(0.0)).collect();
    let averages = exponential_moving_average(&rewards, smoothing);
    completed
        .iter()
        .zip(rewards)
        .zip(averages)
        .map(|((record, reward), reward_average)| MetricsRow {
            trial: record.trial,
            scene: record.scene,
            reward,
            reward_average,
            e_trans_mm: record.e_trans_m.map(|error| 1000.0 * error),
            yaw_error_deg: record.e_rot.map(|e_rot| yaw_error_rad(e_rot).to_degrees()),
            true_e_trans_mm: record.true_e_trans_m.map(|error| 1000.0 * error),
            placed: record.failure.is_none(),
            faults: record.attempt.saturating_sub(1),
        })
        .collect()
}

/// The header of `metrics.csv`.
const HEADER: &str =
    "trial,scene,reward,reward_average,e_trans_mm,yaw_error_deg,true_e_trans_mm,placed,faults\n";

/// `metrics.csv`; what is not known is left empty.
pub fn to_csv(rows: &[MetricsRow]) -> String {
    let mut csv = HEADER.to_string();
    for row in rows {
        let optional =
            |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
        writeln!(
            csv,
            "{},{},{},{},{},{},{},{},{}",
            row.trial,
            row.scene,
            row.reward,
            row.reward_average,
            optional(row.e_trans_mm),
            optional(row.yaw_error_deg),
            optional(row.true_e_trans_mm),
            u8::from(row.placed),
            row.faults,
        )
        .expect("writing to a string cannot fail");
    }
    csv
}

impl MetricsRow {
    /// The scalars that TensorBoard shows.
    pub fn scalars(&self) -> Vec<(&'static str, f32)> {
        let mut scalars = vec![
            ("reward/trial", self.reward as f32),
            ("reward/moving_average", self.reward_average as f32),
            ("trial/placed", f32::from(u8::from(self.placed))),
            ("trial/faults", self.faults as f32),
        ];
        let optional = [
            ("error/translation_mm", self.e_trans_mm),
            ("error/yaw_deg", self.yaw_error_deg),
            ("error/true_translation_mm", self.true_e_trans_mm),
        ];
        scalars.extend(optional.into_iter().filter_map(|(tag, value)| Some((tag, value? as f32))));
        scalars
    }
}
