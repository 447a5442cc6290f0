//! Frames of cells with one plate stay what they were before cells had several, to the bit.

// Elsewhere, sines may differ in their last bit.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

use rmrl_cell::{Arm, Camera, Gripper, Operator, TaskConfig, TaskKind, ToolPose};
use rmrl_core::{PlanarPose, fnv1a};
use rmrl_sim::{SimulatedCell, SimulationConfig};

/// Digests of frames of one cell: the plate lies alone, lies under the hand, hangs in the jaws, and is half out of view.
fn digests(task: TaskKind, seed: u64) -> [u64; 4] {
    let task = TaskConfig::of(task);
    let mut config = SimulationConfig::default();
    config.cells.lid_share = 0.5;
    let mut cell = SimulatedCell::new(&config, &task, seed, seed).unwrap();
    cell.exchange_plate(2 + seed as u32).unwrap();
    let pose = PlanarPose::new(0.36, -0.02, 0.2);
    let over = |pose: PlanarPose, z_m: f64| ToolPose::new(pose, z_m);
    let digest = |cell: &mut SimulatedCell| {
        let frame = cell.capture().unwrap();
        let color = frame.color.as_raw().iter().map(|value| u64::from(*value));
        fnv1a(color.chain(frame.depth.as_raw().iter().map(|value| u64::from(*value))))
    };
    cell.put_plate(pose, 0.0);
    let alone = digest(&mut cell);
    cell.move_to(over(pose, 0.3), 0.25).unwrap();
    cell.move_to(over(pose, 0.1), 0.25).unwrap();
    let under_hand = digest(&mut cell);
    cell.move_to(over(pose, 0.006), 0.25).unwrap();
    cell.close().unwrap();
    assert!(cell.holds_object().unwrap());
    cell.move_to(over(pose, 0.15), 0.25).unwrap();
    let held = digest(&mut cell);
    cell.put_plate(PlanarPose::new(0.62, 0.3, 1.1), 0.05);
    let aside = digest(&mut cell);
    [alone, under_hand, held, aside]
}

#[test]
fn frames_with_one_plate_are_those_of_earlier_versions() {
    for (task, seed, expected) in [
        (
            TaskKind::Table,
            3,
            [
                0x1c36_cc35_3954_9380,
                0x9bb6_6a48_1453_2e53,
                0x1789_44fd_5b09_6c20,
                0xdb34_8031_409d_ad8a,
            ],
        ),
        (
            TaskKind::Shelf,
            4,
            [
                0xbb81_831e_2263_1434,
                0x5a78_0770_727b_9eef,
                0x2bca_4a4f_a685_f8ee,
                0x7045_3707_1474_1071,
            ],
        ),
    ] {
        assert_eq!(digests(task, seed), expected, "{task}, cell {seed}");
    }
}
