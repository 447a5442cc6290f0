//! One line of the trial log.

use std::sync::Arc;

use image::RgbImage;
use rmrl_core::{
    ActionIndex, Carry, DIMENSIONS, Decision, FaultKind, GraspFailure, Look, Observation, Outcome,
    Placement, PlacementError, PlanarPose, PlateInImage, PoseAdjustment, Purpose, Trial, TrialId,
    TrialReport,
};
use serde::{Deserialize, Serialize};

use crate::time_stamp::TimeStamp;

/// The version of the log's lines that this program writes. It reads earlier ones, too: those of version 1 have no
/// version, no time and no digest, those of version 2 no carries.
pub const SCHEMA: u32 = 3;

fn first_schema() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_false(value: &bool) -> bool {
    !value
}

/// One attempt at a trial, as the log keeps it. Values of what did not happen are `null`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrialRecord {
    /// The version of this line, [`SCHEMA`].
    #[serde(default = "first_schema")]
    pub schema: u32,
    /// When the attempt ended; `None` in logs of version 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<TimeStamp>,
    /// The trial, counted from 1.
    pub trial: u32,
    /// The attempt at it, counted from 1; above 1 after a fault.
    pub attempt: u32,
    /// The scene, counted from 1.
    pub scene: u32,
    /// What the trial is for; left out where it is training.
    #[serde(default, skip_serializing_if = "Purpose::is_training")]
    pub purpose: Purpose,
    /// `P_e`, where the camera saw the plate.
    pub estimated_pose: Option<PlanarPose>,
    /// By how much the image says that this is off: estimate minus truth along x and y, in meters. Left out where nothing
    /// reads images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub look_error_m: Option<[f64; 2]>,
    /// Where the image of the start shows a plate at `P_e`, in pixels.
    pub plate_in_image: Option<PlateInImage>,
    /// The chosen candidates, counted among the candidates of that time. A run refines them.
    pub action_index: Option<ActionIndex>,
    /// The action `a`.
    pub adjustment: Option<PoseAdjustment>,
    /// The distance from the target within which 95 % of plates are expected, by the method itself, in meters. Left out by
    /// methods that do not know it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval_m: Option<f64>,
    /// The policy's probabilities of every candidate.
    pub probabilities: Option<[Vec<f32>; DIMENSIONS]>,
    /// Whether a deployed policy did not know the state and therefore corrected nothing.
    #[serde(default)]
    pub abstained: bool,
    /// How the arm brought the plate to its start, with where it put it down on the way. Left out where it did not, and in
    /// logs before version 3.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub carries: Vec<Carry>,
    /// `P_pick`, where the arm picked.
    pub pick_pose: Option<PlanarPose>,
    /// The tool's pose, as commanded, where it released the placed plate. Left out before version 3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place_pose: Option<PlanarPose>,
    /// `P_final`, where the camera saw the plate placed.
    pub final_pose: Option<PlanarPose>,
    /// By how much the image after placing says that this is off, as `look_error_m`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub final_look_error_m: Option<[f64; 2]>,
    /// `P_target`.
    pub target_pose: Option<PlanarPose>,
    /// Where the camera saw the plate after a missed grasp: the evidence that it was missed. Left out otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plate_after_miss: Option<PlanarPose>,
    /// Translation error, Eq. 9, in meters.
    pub e_trans_m: Option<f64>,
    /// Rotation error, Eq. 10.
    pub e_rot: Option<f64>,
    /// Reward, Eq. 11; 0 for a plate that was not grasped, `null` for a fault.
    pub reward: Option<f64>,
    /// Whether the plate sits in its place, according to the camera.
    pub seated: Option<bool>,
    /// The true translation error, in meters; only a simulator knows it.
    pub true_e_trans_m: Option<f64>,
    /// The true yaw error, in radians; only a simulator knows it.
    pub true_yaw_error_rad: Option<f64>,
    /// Whether the plate truly sits in its place; only a simulator knows it.
    pub true_seated: Option<bool>,
    /// Why the attempt placed nothing.
    pub failure: Option<FailureRecord>,
    /// How far the reference board seemed to have moved since the target was recorded; `null` if the
    /// camera did not look at it.
    #[serde(default)]
    pub camera_drift: Option<DriftRecord>,
    /// Whether the last check for drift found that the camera had moved too far to trust the trial.
    #[serde(default)]
    pub suspect: bool,
    /// Where the cell believes the plate to be afterwards. A resumed run continues from it.
    #[serde(alias = "whereabouts")]
    pub plate_location: serde_json::Value,
    /// Where the camera saw the plate where it rests now. Left out where it did not look since the plate was moved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plate_seen: Option<Look>,
    /// Whether a person put it there, and not the robot: only near a pose. Left out where the robot did.
    #[serde(default, skip_serializing_if = "is_false")]
    pub put_by_person: bool,
    /// How long each step took, in seconds of wall-clock time.
    pub durations_s: DurationsRecord,
    /// The images, as files in the run directory.
    pub images: ImagesRecord,
}

/// Why a trial placed nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum FailureRecord {
    /// An outcome of the action, which the policy learns from.
    NotGrasped {
        /// What happened.
        cause: GraspFailure,
        /// The reason, for people.
        reason: String,
    },
    /// A fault that says nothing about the action. The trial was repeated.
    Fault {
        /// What failed.
        cause: FaultKind,
        /// The reason, for people.
        reason: String,
    },
}

/// How far a board that never moves seemed to have moved.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct DriftRecord {
    /// Its shift along the world's x axis, in meters.
    pub dx_m: f64,
    /// Its shift along the world's y axis, in meters.
    pub dy_m: f64,
    /// Its rotation, counterclockwise, in radians.
    pub dyaw_rad: f64,
    /// The motion of its farthest corner by shift and rotation together, in meters.
    pub drift_m: f64,
}

/// How long each step of a trial took, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct DurationsRecord {
    /// Time to bring the plate to its start.
    pub prepare: f64,
    /// Time to take images.
    pub capture: f64,
    /// Time to localize the plate.
    pub localize: f64,
    /// Time to pick and place.
    pub pick_place: f64,
}

/// The paths of a trial's images, relative to the run directory.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ImagesRecord {
    /// Color image before the action.
    pub start: Option<String>,
    /// Depth image before the action.
    pub start_depth: Option<String>,
    /// Color image after placing.
    #[serde(rename = "final")]
    pub end: Option<String>,
    /// Depth image after placing.
    #[serde(rename = "final_depth")]
    pub end_depth: Option<String>,
}

/// A record of a completed trial that lacks a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("trial {trial} of the log lacks its {missing}")]
pub struct IncompleteRecord {
    /// The trial.
    pub trial: u32,
    /// The missing key.
    pub missing: &'static str,
}

impl TrialRecord {
    /// The record of a report. The caller adds truth, durations and images.
    pub fn of(report: TrialReport<'_>) -> Self {
        let mut record = Self::empty(report.id());
        match report {
            TrialReport::Completed(trial) => {
                record.set_decision(&trial.observation, &trial.decision);
                record.reward = Some(trial.outcome.reward());
                match &trial.outcome {
                    Outcome::Placed(placement) => record.set_placement(placement),
                    Outcome::NotGrasped(cause) => {
                        record.failure = Some(FailureRecord::NotGrasped {
                            cause: *cause,
                            reason: cause.to_string(),
                        });
                    }
                    // Runs are made in cells; of another environment's trial the reward is all that a record has a key for.
                    Outcome::Judged(_) => {}
                }
            }
            TrialReport::Faulted(faulted) => {
                if let Some((observation, decision)) = &faulted.attempted {
                    record.set_decision(observation, decision);
                }
                record.failure = Some(FailureRecord::Fault {
                    cause: faulted.fault.kind,
                    reason: faulted.fault.reason.clone(),
                });
            }
        }
        record
    }

    /// The record of an attempt of which nothing else is known.
    fn empty(id: TrialId) -> Self {
        Self {
            schema: SCHEMA,
            time: None,
            trial: id.trial,
            attempt: id.attempt,
            scene: id.scene,
            purpose: id.purpose,
            estimated_pose: None,
            look_error_m: None,
            plate_in_image: None,
            action_index: None,
            adjustment: None,
            interval_m: None,
            probabilities: None,
            abstained: false,
            carries: Vec::new(),
            pick_pose: None,
            place_pose: None,
            final_pose: None,
            final_look_error_m: None,
            target_pose: None,
            plate_after_miss: None,
            e_trans_m: None,
            e_rot: None,
            reward: None,
            seated: None,
            true_e_trans_m: None,
            true_yaw_error_rad: None,
            true_seated: None,
            failure: None,
            camera_drift: None,
            suspect: false,
            plate_location: serde_json::Value::Null,
            plate_seen: None,
            put_by_person: false,
            durations_s: DurationsRecord::default(),
            images: ImagesRecord::default(),
        }
    }

    /// The attempt that this record is about.
    pub fn id(&self) -> TrialId {
        let Self { trial, attempt, scene, purpose, .. } = *self;
        TrialId { trial, attempt, scene, purpose }
    }

    /// Whether a fault cut the attempt short.
    pub fn is_fault(&self) -> bool {
        matches!(self.failure, Some(FailureRecord::Fault { .. }))
    }

    /// Whether the attempt ended because the camera could not localize the plate.
    pub fn is_localization_fault(&self) -> bool {
        matches!(self.failure, Some(FailureRecord::Fault { cause: FaultKind::Localization, .. }))
    }

    /// The trial to learn from, with the image of its start; `None` for a fault.
    ///
    /// # Errors
    /// The record lacks what every completed trial has.
    pub fn to_trial(&self, image: RgbImage) -> Result<Option<Trial>, IncompleteRecord> {
        let missing = |missing| IncompleteRecord { trial: self.trial, missing };
        let outcome = match &self.failure {
            Some(FailureRecord::Fault { .. }) => return Ok(None),
            Some(FailureRecord::NotGrasped { cause, .. }) => Outcome::NotGrasped(*cause),
            None => Outcome::Placed(Placement {
                final_look_error_m: self.final_look_error_m,
                pick_pose: self.pick_pose.ok_or(missing("pick_pose"))?,
                final_pose: self.final_pose.ok_or(missing("final_pose"))?,
                target_pose: self.target_pose.ok_or(missing("target_pose"))?,
                error: PlacementError {
                    e_trans_m: self.e_trans_m.ok_or(missing("e_trans_m"))?,
                    e_rot: self.e_rot.ok_or(missing("e_rot"))?,
                },
                reward: self.reward.ok_or(missing("reward"))?,
                seated: self.seated.ok_or(missing("seated"))?,
            }),
        };
        Ok(Some(Trial {
            id: self.id(),
            observation: Observation {
                features: None,
                look_error_m: self.look_error_m,
                carries: self.carries.clone(),
                image: Arc::new(image),
                estimated_pose: self.estimated_pose.ok_or(missing("estimated_pose"))?,
                plate_in_image: self.plate_in_image.ok_or(missing("plate_in_image"))?,
            },
            decision: Decision {
                adjustment: self.adjustment.ok_or(missing("adjustment"))?,
                index: self.action_index,
                probabilities: self.probabilities.clone(),
                interval_m: self.interval_m,
                abstained: self.abstained,
            },
            outcome,
        }))
    }

    fn set_decision(&mut self, observation: &Observation, decision: &Decision) {
        self.estimated_pose = Some(observation.estimated_pose);
        self.plate_in_image = Some(observation.plate_in_image);
        self.look_error_m = observation.look_error_m;
        self.carries = observation.carries.clone();
        self.action_index = decision.index;
        self.adjustment = Some(decision.adjustment);
        self.probabilities = decision.probabilities.clone();
        self.interval_m = decision.interval_m;
        self.abstained = decision.abstained;
    }

    fn set_placement(&mut self, placement: &Placement) {
        self.pick_pose = Some(placement.pick_pose);
        self.final_pose = Some(placement.final_pose);
        self.final_look_error_m = placement.final_look_error_m;
        self.target_pose = Some(placement.target_pose);
        self.e_trans_m = Some(placement.error.e_trans_m);
        self.e_rot = Some(placement.error.e_rot);
        self.seated = Some(placement.seated);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rmrl_core::{Fault, FaultedTrial};

    fn trial(outcome: Outcome) -> Trial {
        Trial {
            id: TrialId::new(7, 2, 1),
            observation: Observation {
                features: None,
                look_error_m: None,
                carries: Vec::new(),
                image: Arc::new(RgbImage::new(2, 2)),
                estimated_pose: PlanarPose::new(0.1 + 0.2, -1.0 / 3.0, 0.7),
                plate_in_image: PlateInImage {
                    u_px: 0.1 + 0.2,
                    v_px: 1.0 / 3.0,
                    diagonal_px: 118.3,
                },
            },
            decision: Decision {
                adjustment: PoseAdjustment { dx_m: 0.001, dy_m: -0.002, dyaw_rad: 0.01 },
                index: Some(ActionIndex([3, 0, 12])),
                probabilities: Some([vec![0.1, 0.9], vec![1.0], vec![0.333_333_34]]),
                interval_m: None,
                abstained: true,
            },
            outcome,
        }
    }

    fn placed() -> Outcome {
        let target_pose = PlanarPose::new(0.4, 0.2, 0.0);
        let final_pose = PlanarPose::new(0.401, 0.2, 0.01);
        let error = PlacementError::between(final_pose, target_pose);
        Outcome::Placed(Placement {
            final_look_error_m: None,
            pick_pose: PlanarPose::new(0.3, -0.1, 0.7),
            final_pose,
            target_pose,
            error,
            reward: 0.987_654_321,
            seated: true,
        })
    }

    #[test]
    fn trials_come_back_from_their_line_bit_for_bit() {
        for outcome in [placed(), Outcome::NotGrasped(GraspFailure::Slipped)] {
            let original = trial(outcome);
            let line =
                serde_json::to_string(&TrialRecord::of(TrialReport::Completed(&original))).unwrap();
            let record: TrialRecord = serde_json::from_str(&line).unwrap();
            let back = record.to_trial(RgbImage::new(2, 2)).unwrap().unwrap();
            assert_eq!(back.id, original.id);
            assert_eq!(back.observation.estimated_pose, original.observation.estimated_pose);
            assert_eq!(back.observation.plate_in_image, original.observation.plate_in_image);
            assert_eq!(back.decision, original.decision);
            assert_eq!(back.outcome, original.outcome);
        }
    }

    #[test]
    fn the_line_has_the_documented_keys() {
        let record = TrialRecord::of(TrialReport::Completed(&trial(placed())));
        let line = serde_json::to_value(&record).unwrap();
        for key in [
            "schema",
            "trial",
            "scene",
            "estimated_pose",
            "plate_in_image",
            "action_index",
            "adjustment",
            "probabilities",
            "final_pose",
            "target_pose",
            "e_trans_m",
            "e_rot",
            "true_e_trans_m",
            "true_yaw_error_rad",
            "reward",
            "failure",
            "durations_s",
            "images",
        ] {
            assert!(line.get(key).is_some(), "{key}");
        }
        assert_eq!(line["final_pose"]["x_m"], 0.401);
        assert_eq!(line["final_pose"]["yaw_rad"], 0.01);
        assert_eq!(line["action_index"], serde_json::json!([3, 0, 12]));
    }

    #[test]
    fn a_fault_is_no_trial_to_learn_from() {
        let faulted = FaultedTrial {
            id: TrialId::new(1, 1, 1),
            attempted: None,
            fault: Fault {
                kind: FaultKind::Localization,
                reason: "no plate in the image".to_string(),
            },
        };
        let record = TrialRecord::of(TrialReport::Faulted(&faulted));
        assert!(record.is_fault());
        assert_eq!(record.reward, None);
        assert!(record.to_trial(RgbImage::new(1, 1)).unwrap().is_none());
        let line = serde_json::to_value(&record).unwrap();
        assert_eq!(line["failure"]["kind"], "fault");
        assert_eq!(line["failure"]["cause"], "localization");
    }

    #[test]
    fn a_record_without_its_parts_is_named() {
        let mut record = TrialRecord::of(TrialReport::Completed(&trial(placed())));
        record.final_pose = None;
        let error = record.to_trial(RgbImage::new(1, 1)).unwrap_err().to_string();
        assert!(error.contains("trial 7") && error.contains("final_pose"), "{error}");
    }
}
