//! The proof that a line is clear: the line in pieces, each so short that nothing comes too near within it.

use nalgebra::Vector3;
use rmrl_cell::FlangeLine;
use rmrl_kinematics::Joints;

use crate::arm_body::{ArmBody, LinkFrames, axis};
use crate::joint_bound::{JointBound, LocalMotion, Twist, apart_rad, second_derivative};
use crate::pair::{Other, Pair};
use crate::part::{FLANGE, Part};
use crate::separation::{Separation, gap_m, separation};
use crate::shape::Solid;

/// Pieces are not halved below a motion of this, in meters: what is nearer than the margin and this is refused.
const RESOLUTION_M: f64 = 1e-4;
/// The least reserve of a line is exact within this, in meters. Untuned.
const LEAST_WITHIN_M: f64 = 5e-4;
/// The first piece's length and turn; later ones follow from how straight the joints move.
const FIRST_PIECE_M: f64 = 0.02;
const FIRST_PIECE_RAD: f64 = 0.05;
/// The most that the Jacobian may bend within a piece, as a share of itself. Untuned: less makes pieces shorter, more
/// makes their bounds looser.
const MOST_BEND: f64 = 0.4;
/// What the next piece aims at.
const AIM_BEND: f64 = 0.3;
/// Solutions within a ball of less bend than this are the same.
const UNIQUE_BEND: f64 = 0.95;
/// The shortest half of a piece, as a share of the line.
const SHORTEST: f64 = 1e-7;

/// A pair of parts at a place on the line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    /// The index of the pair.
    pub pair: usize,
    /// Their distance, in meters.
    pub gap_m: f64,
    /// The place on the line, from 0 to 1.
    pub share: f64,
}

/// Why there is no proof.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Refusal {
    /// A pair comes too near.
    TooNear(Place),
    /// The joints' motion cannot be bounded at this share of the line.
    NotBounded(f64),
}

/// The result of a proof.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Proven {
    /// The pair and the place of the least reserve, which is the distance without its margin.
    pub least: Option<Place>,
    /// The joints at the end of the line.
    pub end: Joints,
    /// How many places on the line were looked at.
    pub samples: usize,
}

/// The arm at one place on the line.
struct Sample {
    share: f64,
    joints: Joints,
    motion: LocalMotion,
    /// Each part's solid.
    solids: Vec<Solid>,
    /// How far a point of each part is from each joint's axis at most, in meters.
    levers_m: Vec<[f64; 6]>,
    /// How far a point of each part is from the axis through the flange that the tool turns about.
    from_turn_m: Vec<f64>,
}

/// A piece on which a pair keeps its margin, but may have less reserve than the least one that is known.
#[derive(Debug, Clone, Copy)]
struct Open {
    pair: usize,
    share: f64,
    half: f64,
    joints: Joints,
    /// The lower bound of the pair's reserve there, in meters.
    reserve_m: f64,
}

/// A line whose clearance is being proven.
pub(crate) struct LineProof<'a> {
    arm: &'a ArmBody,
    line: FlangeLine,
    twist: Twist,
    second_derivative: f64,
    parts: &'a [Part],
    boxes: &'a [Solid],
    pairs: Vec<Pair>,
    least: Option<Place>,
    open: Vec<Open>,
    /// Whether pieces are halved to find the least reserve, too.
    is_searching: bool,
    samples: usize,
}

impl<'a> LineProof<'a> {
    pub fn new(
        arm: &'a ArmBody,
        line: FlangeLine,
        parts: &'a [Part],
        boxes: &'a [Solid],
        pairs: Vec<Pair>,
    ) -> Self {
        let twist = Twist {
            linear_m: line.to.translation.vector - line.from.translation.vector,
            angular_rad: (line.to.rotation * line.from.rotation.inverse()).scaled_axis(),
        };
        let second_derivative = second_derivative(&arm.longest_levers_m());
        Self {
            arm,
            line,
            twist,
            second_derivative,
            parts,
            boxes,
            pairs,
            least: None,
            open: Vec::new(),
            is_searching: false,
            samples: 0,
        }
    }

    /// The pairs, by the indices of places.
    pub fn pairs(&self) -> &[Pair] {
        &self.pairs
    }

    /// Proves the line from the joints at its beginning.
    ///
    /// # Errors
    /// The first pair that comes too near, or where the joints' motion cannot be bounded.
    pub fn prove(&mut self, start: &Joints) -> Result<Proven, Refusal> {
        let every: Vec<usize> = (0..self.pairs.len()).collect();
        let mut half = 0.5 / self.line.steps(FIRST_PIECE_M, FIRST_PIECE_RAD);
        // The last piece: its joints, and the ball that holds the solution at its end.
        let (mut done, mut joints, mut ball_rad) = (0.0, *start, 1e-6);
        while done < 1.0 {
            half = f64::min(half, 0.5 * (1.0 - done));
            let sample = self.sample(done + half, &joints);
            let piece = sample.and_then(|sample| {
                let bound = sample.motion.within(half, MOST_BEND)?;
                let to_both_rad = apart_rad(&sample.joints, &joints) + ball_rad;
                let is_same = sample.motion.bend(to_both_rad) < UNIQUE_BEND;
                is_same.then_some((sample, bound))
            });
            let Some((sample, bound)) = piece else {
                half *= 0.5;
                if half < SHORTEST {
                    return Err(Refusal::NotBounded(done));
                }
                continue;
            };
            self.settle(&sample, half, &bound, &every)?;
            (joints, ball_rad) = (sample.joints, bound.ball_rad);
            done = if 1.0 - done <= 2.0 * half { 1.0 } else { done + 2.0 * half };
            half *= (AIM_BEND / bound.bend.max(1e-9)).clamp(0.5, 2.0);
        }
        self.find_least()?;
        let end = self.arm.kinematics().follow(&self.line.at(1.0), &joints);
        let end = end.map_err(|_| Refusal::NotBounded(1.0))?;
        Ok(Proven { least: self.least, end, samples: self.samples })
    }

    /// Halves the pieces that may have less reserve than the samples so far.
    fn find_least(&mut self) -> Result<(), Refusal> {
        self.is_searching = true;
        let mut open = std::mem::take(&mut self.open);
        open.sort_by(|a, b| a.reserve_m.total_cmp(&b.reserve_m));
        for piece in open {
            if piece.reserve_m >= self.least_reserve_m() - LEAST_WITHIN_M {
                break;
            }
            let refused = Refusal::NotBounded(piece.share);
            let sample = self.sample(piece.share, &piece.joints).ok_or(refused)?;
            let bound = sample.motion.within(piece.half, UNIQUE_BEND).ok_or(refused)?;
            self.settle(&sample, piece.half, &bound, &[piece.pair])?;
        }
        Ok(())
    }

    /// The arm at a share of the line, near known joints.
    fn sample(&mut self, share: f64, near: &Joints) -> Option<Sample> {
        self.samples += 1;
        let joints = self.arm.kinematics().follow(&self.line.at(share), near).ok()?;
        let frames = self.arm.frames(&joints);
        let motion = LocalMotion::at(&frames, &self.twist, self.second_derivative)?;
        let solids: Vec<Solid> = self.parts.iter().map(|part| part.placed(&frames)).collect();
        let levers_m = solids.iter().map(|solid| levers_m(solid, &frames)).collect();
        let about = self.twist.angular_rad.try_normalize(1e-12).unwrap_or_else(Vector3::z);
        let flange = frames[FLANGE].translation.vector;
        let from_turn_m =
            solids.iter().map(|solid| solid.farthest_from_axis_m(&about, &flange)).collect();
        Some(Sample { share, joints, motion, solids, levers_m, from_turn_m })
    }

    /// Proves the pairs on a piece about a sample, halving it for those that need it.
    fn settle(
        &mut self,
        sample: &Sample,
        half: f64,
        bound: &JointBound,
        pairs: &[usize],
    ) -> Result<(), Refusal> {
        let mut pending = Vec::new();
        for &pair in pairs {
            if !self.is_clear(pair, sample, half, bound)? {
                pending.push(pair);
            }
        }
        if pending.is_empty() {
            return Ok(());
        }
        let shorter = 0.5 * half;
        for share in [sample.share - shorter, sample.share + shorter] {
            let refused = Refusal::NotBounded(share);
            let inner = self.sample(share, &sample.joints).ok_or(refused)?;
            // Another solution would be outside of the ball.
            if apart_rad(&inner.joints, &sample.joints) > bound.ball_rad + 1e-6
                || shorter < SHORTEST
            {
                return Err(refused);
            }
            let within = inner.motion.within(shorter, UNIQUE_BEND).ok_or(refused)?;
            self.settle(&inner, shorter, &within, &pending)?;
        }
        Ok(())
    }

    /// Whether a pair keeps its margin on all of a piece; and while searching, no less reserve than the least one that
    /// is known.
    fn is_clear(
        &mut self,
        index: usize,
        sample: &Sample,
        half: f64,
        bound: &JointBound,
    ) -> Result<bool, Refusal> {
        let pair = self.pairs[index];
        let known = pair.direction.map(|direction| {
            let gap_m = self.gap_m(&pair, sample, &direction);
            Separation { direction, gap_m }
        });
        let mut best = known.filter(|known| known.gap_m - pair.margin_m >= self.least_reserve_m());
        if let Some(known) = best {
            let moves_m = self.moves_m(&pair, sample, half, bound, &known.direction);
            if known.gap_m - moves_m < pair.margin_m {
                best = None;
            }
        }
        let found = best.unwrap_or_else(|| {
            let fresh = self.separation(&pair, sample);
            // Rounding may make the direction of before the better one.
            known.filter(|known| known.gap_m > fresh.gap_m).unwrap_or(fresh)
        });
        self.pairs[index].direction = Some(found.direction);
        let here = Place { pair: index, gap_m: found.gap_m, share: sample.share };
        if found.gap_m - pair.margin_m < self.least_reserve_m() {
            self.least = Some(here);
        }
        let moves_m = self.moves_m(&pair, sample, half, bound, &found.direction);
        let reserve_m = found.gap_m - moves_m - pair.margin_m;
        if found.gap_m < pair.margin_m || (moves_m <= RESOLUTION_M && reserve_m < 0.0) {
            return Err(Refusal::TooNear(here));
        }
        let may_be_least = reserve_m < self.least_reserve_m() - LEAST_WITHIN_M;
        if may_be_least && reserve_m >= 0.0 && !self.is_searching {
            let (share, joints) = (sample.share, sample.joints);
            self.open.push(Open { pair: index, share, half, joints, reserve_m });
        }
        Ok(reserve_m >= 0.0 && !(may_be_least && self.is_searching))
    }

    fn least_reserve_m(&self) -> f64 {
        let reserve_m = |least: &Place| least.gap_m - self.pairs[least.pair].margin_m;
        self.least.as_ref().map_or(f64::INFINITY, reserve_m)
    }

    fn gap_m(&self, pair: &Pair, sample: &Sample, direction: &Vector3<f64>) -> f64 {
        let solid = &sample.solids[pair.part];
        match pair.other {
            Other::Table(height_m) => solid.middle().z - solid.extent_m(&Vector3::z()) - height_m,
            Other::Box(other) => gap_m(solid, &self.boxes[other], direction),
            Other::Part(other) => gap_m(solid, &sample.solids[other], direction),
        }
    }

    fn separation(&self, pair: &Pair, sample: &Sample) -> Separation {
        let solid = &sample.solids[pair.part];
        match pair.other {
            Other::Table(_) => {
                let direction = -Vector3::z();
                Separation { direction, gap_m: self.gap_m(pair, sample, &direction) }
            }
            Other::Box(other) => separation(solid, &self.boxes[other]),
            Other::Part(other) => separation(solid, &sample.solids[other]),
        }
    }

    /// How far a pair may come nearer along a direction on a piece, in meters.
    fn moves_m(
        &self,
        pair: &Pair,
        sample: &Sample,
        half: f64,
        bound: &JointBound,
        direction: &Vector3<f64>,
    ) -> f64 {
        let levers_m = &sample.levers_m[pair.part];
        let by_joints_m = |joints: std::ops::Range<usize>| -> f64 {
            joints.map(|joint| bound.each_rad[joint] * levers_m[joint]).sum()
        };
        match (pair.other, self.parts[pair.part].frame) {
            // Seen from a link, the hand moves by the joints beyond it.
            (Other::Part(other), frame) => by_joints_m(self.parts[other].frame..frame),
            (_, FLANGE) => {
                let along_m = self.twist.linear_m.dot(direction).abs();
                let turn_m = self.twist.angular_rad.norm() * sample.from_turn_m[pair.part];
                half * (along_m + turn_m)
            }
            (_, frame) => by_joints_m(0..frame),
        }
    }
}

/// How far the points of a part are from each joint's axis at most, in meters.
fn levers_m(solid: &Solid, frames: &LinkFrames) -> [f64; 6] {
    std::array::from_fn(|joint| {
        let (unit, on_axis) = axis(frames, joint);
        solid.farthest_from_axis_m(&unit, &on_axis)
    })
}
