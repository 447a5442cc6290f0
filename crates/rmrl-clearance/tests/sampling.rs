//! The proof beside dense sampling, which measures distances in code of its own.

#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

mod cell;

use cell::{
    boxed, clearance, distance_m, frames, holding, keep_out, line, lowest_m, open, ready, shapes,
};
use proptest::prelude::*;
use rmrl_cell::FlangeLine;
use rmrl_clearance::{Allowed, ArmBody, ClearanceError, Hand, KeepOut};
use rmrl_kinematics::Joints;

const SAMPLES: u32 = 2000;

/// The least reserve at 2,000 places of a line, in meters: the distance of a part from a box or the table without 20 mm, or
/// that of the hand from a link without 10 mm.
fn sampled_m(line: &FlangeLine, start: &Joints, hand: &Hand, keep_outs: &[KeepOut]) -> f64 {
    let arm = ArmBody::xarm6();
    let (shapes, mut joints) = (shapes(hand), *start);
    let boxes: Vec<_> = keep_outs.iter().map(boxed).collect();
    let mut least_m = f64::INFINITY;
    for sample in 0..=SAMPLES {
        let at = line.at(f64::from(sample) / f64::from(SAMPLES));
        joints = arm.kinematics().follow(&at, &joints).unwrap();
        let frames = frames(&joints);
        for (name, link, frame_from_shape, shape) in shapes.iter().filter(|one| one.1 > 0) {
            let part = (frames[*link] * frame_from_shape, *shape);
            least_m = least_m.min(lowest_m(&part.0, shape) - 0.02);
            for keep_out in &boxes {
                least_m = least_m.min(distance_m(&part, keep_out) - 0.02);
            }
            // The gripper is screwed to link 6, which turns on link 5.
            let links = match *name {
                "gripper body" => 0..5,
                name if name.starts_with("link") => 0..0,
                _ => 0..6,
            };
            for (_, link, _, shape) in shapes.iter().filter(|one| one.0.starts_with("link")) {
                if links.contains(link) {
                    least_m = least_m.min(distance_m(&part, &(frames[*link], *shape)) - 0.01);
                }
            }
        }
    }
    least_m
}

fn pose() -> impl Strategy<Value = [f64; 4]> {
    (0.2..0.42f64, -0.25..0.25f64, 0.03..0.3f64, 120.0..240.0f64)
        .prop_map(|(x, y, z, yaw)| [x, y, z, yaw])
}

fn boxes() -> impl Strategy<Value = Vec<KeepOut>> {
    let one = (
        prop::array::uniform3(-0.35..0.35f64),
        prop::array::uniform3(0.002..0.15f64),
        -90.0..90.0f64,
    );
    prop::collection::vec(one, 1..4).prop_map(|all| {
        let place = |(center, size_m, yaw_deg): ([f64; 3], [f64; 3], f64)| {
            let center_m = [0.5 + 0.6 * center[0], center[1], 0.2 + 0.5 * center[2]];
            keep_out("box", center_m, size_m, yaw_deg)
        };
        all.into_iter().map(place).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    /// A line that is proven never comes nearer than its margins, and its least reserve is that of the samples. A line
    /// that is refused does come within a margin and the slack of the proof.
    #[test]
    fn proof_and_samples_agree(
        from in pose(),
        to in pose(),
        keep_outs in boxes(),
        is_holding in any::<bool>(),
    ) {
        let line = line(from, to);
        let hand = if is_holding { holding() } else { open() };
        let clearance = clearance(keep_outs.clone());
        match clearance.check_line(&line, &ready(), &hand, &Allowed::default()) {
            Ok(clear) => {
                let sampled_m = sampled_m(&line, &clear.start, &hand, &keep_outs);
                prop_assert!(sampled_m >= 0.0, "sampled {sampled_m}, {:?}", clear.least);
                let reserve_m = clear.least.distance_m - clear.least.margin_m;
                prop_assert!(reserve_m <= sampled_m + 5e-4, "{sampled_m}, {:?}", clear.least);
                // The relative error of a direction, with the radii of capsules, and the place between two samples.
                let slack_m = 2e-3 * (sampled_m + 0.2) + 4e-4;
                prop_assert!(reserve_m >= sampled_m - slack_m, "{sampled_m}, {:?}", clear.least);
            }
            Err(ClearanceError::TooNear(near) | ClearanceError::TooNearToArm(near)) => {
                let arm = ArmBody::xarm6();
                let start = arm.kinematics().inverse_nearest(&line.from, &ready()).unwrap();
                let sampled_m = sampled_m(&line, &start, &hand, &keep_outs);
                // The proof's slack, and what a part moves between two samples.
                prop_assert!(sampled_m <= 1e-4 + 2e-4 + 2e-4, "sampled {sampled_m}, {near:?}");
            }
            // Not what is tested here.
            Err(ClearanceError::Path(_) | ClearanceError::Start(_)) => {}
            Err(other) => prop_assert!(false, "{other}"),
        }
    }
}

/// The strategy above makes all kinds of lines.
#[test]
fn some_lines_are_clear_and_some_are_not() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    let mut runner = TestRunner::deterministic();
    let (mut clear, mut near) = (0, 0);
    for _ in 0..100 {
        let (from, to, keep_outs) =
            (pose(), pose(), boxes()).new_tree(&mut runner).unwrap().current();
        let clearance = clearance(keep_outs);
        match clearance.check_line(&line(from, to), &ready(), &holding(), &Allowed::default()) {
            Ok(_) => clear += 1,
            Err(ClearanceError::TooNear(_)) => near += 1,
            Err(_) => {}
        }
    }
    assert!(clear >= 20 && near >= 20, "{clear} clear, {near} too near");
}
