//! The judge: samples along every motion, and what it found at them.

use nalgebra::{Isometry3, Vector3};

use super::keep_outs_config::{HeldPlate, KeepOuts};
use super::obstacle::{Frame, Obstacle};
use super::robot_shape::{FLANGE, Frames, Part, frames, gripper, held_plate, links, way_m};
use super::violation::KeepOutViolation;
use crate::kinematics::{ArmKinematics, Joints};

/// No two samples of a path are farther apart, in meters.
const STEP_M: f64 = 0.002;
/// What a margin may be missed by, in meters: the protocol's numbers are in single precision, and drivers round.
const ROUNDING_M: f64 = 1e-4;

/// What the gripper does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::emulator) struct HandState {
    /// The distance of the pads, in meters.
    pub jaw_opening_m: f64,
    /// Whether something is between them.
    pub holds: bool,
}

/// A pair that is too near at one sample.
#[derive(Debug, Clone, Copy)]
struct Near {
    /// The index of the obstacle.
    obstacle: usize,
    part: &'static str,
    distance_m: f64,
    margin_m: f64,
    point_m: Vector3<f64>,
}

/// Measures along every motion how near the arm comes to what it has to stay away from.
#[derive(Debug)]
pub(in crate::emulator) struct Judge {
    /// Whether the arm stops before it violates a margin.
    pub stops: bool,
    /// The violations so far, in order.
    pub violations: Vec<KeepOutViolation>,
    /// The number of those that were logged: all but the ones of the motion under way.
    logged: usize,
    obstacles: Vec<Obstacle>,
    parts: Vec<Part>,
    plate: Option<HeldPlate>,
    held: Option<Part>,
    flange_from_tool: Frame,
    denavit_hartenberg: Vec<[f64; 4]>,
    /// The motion and the hand at the last sample.
    last: Option<(u64, HandState)>,
    /// What was too near at the last sample.
    too_near: Vec<Near>,
}

impl Judge {
    /// A judge of an xArm 6 with or without a BIO gripper. The configuration must be valid.
    pub fn new(
        config: &KeepOuts,
        arm: &ArmKinematics,
        flange_from_tool: Isometry3<f64>,
        has_gripper: bool,
    ) -> Self {
        let mut parts = links();
        if has_gripper {
            parts.extend(gripper());
        }
        let mut judge = Self {
            stops: config.stop_on_violation,
            violations: Vec::new(),
            logged: 0,
            obstacles: Obstacle::all(config),
            parts,
            plate: None,
            held: None,
            flange_from_tool: flange_from_tool.into(),
            denavit_hartenberg: arm.denavit_hartenberg(),
            last: None,
            too_near: Vec::new(),
        };
        judge.set_held_plate(config.held_plate);
        judge
    }

    /// Sets which plate is in the jaws whenever they hold something.
    pub fn set_held_plate(&mut self, plate: Option<HeldPlate>) {
        self.plate = plate;
        self.held = plate.as_ref().map(held_plate);
        self.last = None;
    }

    /// The hand at the last sample; none before the first.
    pub fn hand(&self) -> Option<HandState> {
        self.last.map(|(_, hand)| hand)
    }

    /// Judges a piece of a motion on which every joint turns evenly. Returns the share of it after which the arm should stand, if
    /// margins stop it and it would come nearer than one.
    ///
    /// A pair that is too near already stops only a motion that brings it nearer, so that the arm can be moved away.
    pub fn judge(&mut self, motion: u64, hand: HandState, [from, to]: [&Joints; 2]) -> Option<f64> {
        if self.last.is_none_or(|(before, _)| before != motion) {
            self.log();
        }
        let jaw_opening_m = match &self.plate {
            Some(plate) if hand.holds => plate.across_fingers_m,
            _ => hand.jaw_opening_m,
        };
        let place = |joints: &Joints| frames(&self.denavit_hartenberg, joints, jaw_opening_m);
        let steps = (way_m(&place(from), &place(to)) / STEP_M).ceil().max(1.0) as u32;
        // The end of the piece before was judged as its last sample.
        let first = u32::from(self.last == Some((motion, hand)));
        self.last = Some((motion, hand));
        for step in first..=steps {
            let share = f64::from(step) / f64::from(steps);
            let joints = std::array::from_fn(|at| from[at] + share * (to[at] - from[at]));
            let frames = frames(&self.denavit_hartenberg, &joints, jaw_opening_m);
            let too_near = self.measure(&frames, hand.holds);
            too_near.iter().for_each(|near| self.record(motion, near));
            if self.stops && step > 0 && too_near.iter().any(|near| self.is_nearer(near)) {
                return Some(f64::from(step - 1) / f64::from(steps));
            }
            self.too_near = too_near;
        }
        None
    }

    /// Logs the violations of the last motion. Call it when a motion has ended.
    pub fn log(&mut self) {
        for violation in &self.violations[self.logged..] {
            tracing::error!("{violation}");
        }
        self.logged = self.violations.len();
    }

    /// What is too near at one place of the arm: each pair of an obstacle and a part once.
    fn measure(&self, frames: &Frames, holds: bool) -> Vec<Near> {
        let tool_m = frames[FLANGE].after(&self.flange_from_tool).apply(&Vector3::zeros());
        let held = self.held.as_ref().filter(|_| holds);
        let mut found: Vec<Near> = Vec::new();
        for (index, obstacle) in self.obstacles.iter().enumerate() {
            let [link_m, hand_m] = obstacle.margins_m(&tool_m);
            for part in self.parts.iter().chain(held) {
                let margin_m = if part.is_hand { hand_m } else { link_m };
                let limit_m = margin_m - ROUNDING_M;
                let frame = &frames[part.frame];
                let Some((distance_m, point)) = nearest(part, frame, obstacle, limit_m) else {
                    continue;
                };
                let point_m = frame.apply(&point);
                let near = Near { obstacle: index, part: part.name, distance_m, margin_m, point_m };
                let same = |one: &&mut Near| one.obstacle == index && one.part == part.name;
                match found.iter_mut().find(same) {
                    Some(before) if before.distance_m <= distance_m => {}
                    Some(before) => *before = near,
                    None => found.push(near),
                }
            }
        }
        found
    }

    /// Whether a pair is nearer than at the last sample, at which it may have been far enough apart.
    fn is_nearer(&self, near: &Near) -> bool {
        let same = |one: &&Near| (one.obstacle, one.part) == (near.obstacle, near.part);
        let before = self.too_near.iter().find(same);
        before.is_none_or(|before| near.distance_m < before.distance_m - 1e-6)
    }

    /// Records a violation, if it is the worst of its pair in this motion.
    fn record(&mut self, motion: u64, near: &Near) {
        let violation = KeepOutViolation {
            motion,
            keep_out: self.obstacles[near.obstacle].name.clone(),
            part: near.part,
            distance_m: near.distance_m,
            margin_m: near.margin_m,
            point_m: near.point_m.into(),
        };
        let missing_m = |one: &KeepOutViolation| one.margin_m - one.distance_m;
        let same = |one: &&mut KeepOutViolation| {
            (one.motion, one.part) == (motion, near.part) && one.keep_out == violation.keep_out
        };
        match self.violations[self.logged..].iter_mut().find(same) {
            Some(before) if missing_m(before) >= missing_m(&violation) => {}
            Some(before) => *before = violation,
            None => self.violations.push(violation),
        }
    }
}

/// The point of a part that is nearest to an obstacle, in the part's frame, with its distance in meters; none where all
/// of the part is `limit_m` or farther away.
fn nearest(
    part: &Part,
    base_from_part: &Frame,
    obstacle: &Obstacle,
    limit_m: f64,
) -> Option<(f64, Vector3<f64>)> {
    let own_from_part = obstacle.own_from(base_from_part);
    let distance_m = |point: &Vector3<f64>| obstacle.distance_m(&own_from_part.apply(point));
    if distance_m(&part.ball.middle_m) - part.ball.radius_m >= limit_m {
        return None;
    }
    let mut least_m = limit_m;
    let mut nearest = None;
    for patch in &part.patches {
        if distance_m(&patch.ball.middle_m) - patch.ball.radius_m >= least_m {
            continue;
        }
        for (point, radius_m) in &patch.points {
            let here_m = distance_m(point) - radius_m;
            if here_m < least_m {
                (least_m, nearest) = (here_m, Some((here_m, *point)));
            }
        }
    }
    nearest
}
