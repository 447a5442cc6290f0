//! The numbers of each completed trial: `metrics.csv` and TensorBoard scalars.

use rmrl_core::{MovingAverage, Purpose, TrialId, yaw_error_rad};

use crate::record::TrialRecord;

/// The numbers of one completed trial.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MetricsRow {
    /// The trial.
    pub trial: u32,
    /// The trial's scene.
    pub scene: u32,
    /// The trial's reward.
    pub reward: f64,
    /// The exponential moving average of the training's rewards so far; before the first one, a test's own reward.
    pub reward_average: f64,
    /// Translation error, in millimeters, if the plate was placed.
    pub e_trans_mm: Option<f64>,
    /// Yaw error, in degrees, if the plate was placed.
    pub yaw_error_deg: Option<f64>,
    /// True translation error, in millimeters, if the plate was placed and the truth is known.
    pub true_e_trans_mm: Option<f64>,
    /// Whether the plate was grasped and placed.
    pub placed: bool,
    /// Faulted attempts before the trial succeeded.
    pub faults: u32,
    /// Whether the trial tested the policy, instead of training it.
    pub is_test: bool,
}

/// Makes the rows of a run, one record at a time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MetricsAccumulator {
    reward: MovingAverage,
}

impl MetricsAccumulator {
    /// An accumulator before the first record; `smoothing` is the factor of the moving average, in `[0, 1)`.
    pub fn new(smoothing: f64) -> Self {
        Self { reward: MovingAverage::new(smoothing) }
    }

    /// Adds the next record and returns its row; `None` for a fault, which changes nothing.
    pub fn add(&mut self, record: &TrialRecord) -> Option<MetricsRow> {
        if record.is_fault() {
            return None;
        }
        let (reward, is_test) = (record.reward.unwrap_or(0.0), !record.purpose.is_training());
        let reward_average = match is_test {
            true => self.reward.value().unwrap_or(reward),
            false => self.reward.add(reward),
        };
        Some(MetricsRow {
            trial: record.trial,
            scene: record.scene,
            reward,
            reward_average,
            e_trans_mm: record.e_trans_m.map(|error| 1000.0 * error),
            yaw_error_deg: record.e_rot.map(|e_rot| yaw_error_rad(e_rot).to_degrees()),
            true_e_trans_mm: record.true_e_trans_m.map(|error| 1000.0 * error),
            placed: record.failure.is_none(),
            faults: record.attempt.saturating_sub(1),
            is_test,
        })
    }
}

/// The rows of all completed trials; `smoothing` is the factor of the moving average, in `[0, 1)`.
pub fn metrics(records: &[TrialRecord], smoothing: f64) -> Vec<MetricsRow> {
    let mut metrics = MetricsAccumulator::new(smoothing);
    records.iter().filter_map(|record| metrics.add(record)).collect()
}

/// The header of `metrics.csv`.
const HEADER: &str = "trial,scene,reward,reward_average,e_trans_mm,yaw_error_deg,true_e_trans_mm,placed,faults,test\n";

/// The whole `metrics.csv`: a header and a line for each row. Unknown values are empty.
pub fn to_csv(rows: &[MetricsRow]) -> String {
    let lines = rows.iter().map(MetricsRow::to_csv_line);
    std::iter::once(HEADER.to_string()).chain(lines).collect()
}

impl MetricsRow {
    /// The tags of [`MetricsRow::scalars`] by which runs are compared.
    pub const COMPARED: [&'static str; 4] = [
        "reward/moving_average",
        "error/translation_mm",
        "error/true_translation_mm",
        "error/yaw_deg",
    ];

    /// The attempt that completed the trial.
    pub fn id(&self) -> TrialId {
        let Self { trial, scene, faults, is_test, .. } = *self;
        let purpose = if is_test { Purpose::Test } else { Purpose::Training };
        TrialId { trial, attempt: faults + 1, scene, purpose }
    }

    /// The row's line of `metrics.csv`, with its newline.
    pub fn to_csv_line(&self) -> String {
        let optional =
            |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
        format!(
            "{},{},{},{},{},{},{},{},{},{}\n",
            self.trial,
            self.scene,
            self.reward,
            self.reward_average,
            optional(self.e_trans_mm),
            optional(self.yaw_error_deg),
            optional(self.true_e_trans_mm),
            u8::from(self.placed),
            self.faults,
            u8::from(self.is_test),
        )
    }

    /// The scalars that TensorBoard shows, with their tags. Tests of the policy have tags of their own.
    pub fn scalars(&self) -> Vec<(&'static str, f32)> {
        let reward = self.reward as f32;
        let mut scalars = match self.is_test {
            true => vec![("test/reward", reward)],
            false => vec![
                ("reward/trial", reward),
                ("reward/moving_average", self.reward_average as f32),
            ],
        };
        scalars.push(("trial/placed", f32::from(u8::from(self.placed))));
        scalars.push(("trial/faults", self.faults as f32));
        let errors = [self.e_trans_mm, self.yaw_error_deg, self.true_e_trans_mm];
        let tags = match self.is_test {
            true => ["test/translation_mm", "test/yaw_deg", "test/true_translation_mm"],
            false => ["error/translation_mm", "error/yaw_deg", "error/true_translation_mm"],
        };
        let known = tags.into_iter().zip(errors);
        scalars.extend(known.filter_map(|(tag, value)| Some((tag, value? as f32))));
        scalars
    }
}

#[cfg(test)]
mod tests {
    use rmrl_core::{
        Fault, FaultKind, FaultedTrial, TrialId, TrialReport, exponential_moving_average,
    };

    use super::*;
    use crate::FailureRecord;

    fn id(trial: u32, attempt: u32) -> TrialId {
        TrialId::new(trial, attempt, 1 + trial / 10)
    }

    fn fault(trial: u32, attempt: u32) -> TrialRecord {
        let fault = Fault { kind: FaultKind::Device, reason: "the cable".to_string() };
        let faulted = FaultedTrial { id: id(trial, attempt), attempted: None, fault };
        TrialRecord::of(TrialReport::Faulted(&faulted))
    }

    fn completed(trial: u32, attempt: u32) -> TrialRecord {
        let mut record = fault(trial, attempt);
        let error = 0.001 + 0.003 / f64::from(trial);
        record.reward = Some((-10.0 * error).exp());
        record.failure = None;
        record.e_trans_m = Some(error);
        record.e_rot = Some(1.0 - error.cos());
        record.true_e_trans_m = trial.is_multiple_of(2).then_some(error / 3.0);
        record
    }

    fn not_grasped(trial: u32) -> TrialRecord {
        let cause = rmrl_core::GraspFailure::Missed;
        let reason = cause.to_string();
        let failure = Some(FailureRecord::NotGrasped { cause, reason });
        TrialRecord { reward: Some(0.0), failure, ..fault(trial, 1) }
    }

    fn records() -> Vec<TrialRecord> {
        let mut records = vec![fault(1, 1), completed(1, 2), not_grasped(2), fault(3, 1)];
        records.extend((3..60).map(|trial| completed(trial, 1 + u32::from(trial == 3))));
        records
    }

    /// Bit for bit: a resumed run makes its rows from the whole log, a running one from each record.
    #[test]
    fn rows_one_by_one_equal_the_rows_of_the_whole_log() {
        let records = records();
        for smoothing in [0.0, 0.9, 0.997] {
            let mut metrics_so_far = MetricsAccumulator::new(smoothing);
            let mut rows = Vec::new();
            for (index, record) in records.iter().enumerate() {
                let row = metrics_so_far.add(record);
                assert_eq!(row.is_none(), record.is_fault());
                rows.extend(row);
                assert_eq!(rows, metrics(&records[..=index], smoothing));
            }
            let rewards: Vec<f64> = rows.iter().map(|row| row.reward).collect();
            let averages: Vec<u64> = exponential_moving_average(&rewards, smoothing)
                .into_iter()
                .map(f64::to_bits)
                .collect();
            let found: Vec<u64> = rows.iter().map(|row| row.reward_average.to_bits()).collect();
            assert_eq!(found, averages);
        }
    }

    #[test]
    fn faults_are_counted_at_their_trial_and_have_no_row() {
        let rows = metrics(&records(), 0.9);
        let shown: Vec<_> =
            rows[..3].iter().map(|row| (row.trial, row.placed, row.faults)).collect();
        assert_eq!(shown, [(1, true, 1), (2, false, 0), (3, true, 1)]);
        assert_eq!(rows.len(), 59);
        assert_eq!(rows[1].reward, 0.0);
    }

    #[test]
    fn unknown_values_are_empty_in_the_file() {
        let rows = metrics(&[not_grasped(2)], 0.9);
        assert_eq!(to_csv(&rows), format!("{HEADER}2,1,0,0,,,,0,0,0\n"));
        let rows = metrics(&[completed(4, 1)], 0.9);
        let line = rows[0].to_csv_line();
        assert_eq!(to_csv(&rows), format!("{HEADER}{line}"));
        let known: Vec<&str> = line.trim_end().split(',').collect();
        assert_eq!(known.len(), HEADER.split(',').count());
        assert_eq!(known[4].parse(), Ok(rows[0].e_trans_mm.unwrap()));
    }
}
