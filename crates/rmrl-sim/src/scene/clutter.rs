//! Clutter on a laboratory's bench, around the workspace: boxes, bottles, paper.
//!
//! No object lies where plates start or are placed, nor reaches so high that the hand could meet it.
//! Large objects are brighter than any plate, and dark ones are much smaller, so a detector of dark
//! rectangles can distinguish them from plates.

use rand::RngExt;
use rmrl_cell::TaskConfig;
use rmrl_core::{PlanarPose, Rng, random_stream};

use crate::scene::cuboid::{Cuboid, Material, Paint};
use crate::scene::layout::{WORKSPACE_CENTER_M, places};
use crate::scene::table_board::TableBoard;

/// An object on the bench. A round one is the upright cylinder in its cuboid.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Object {
    pub cuboid: Cuboid,
    pub is_round: bool,
}

/// A kind of object: its extents as `[least, most]`, in meters, and its possible colors.
struct ObjectKind {
    length_m: [f64; 2],
    width_m: [f64; 2],
    height_m: [f64; 2],
    is_round: bool,
    paints: &'static [Paint],
}

const KINDS: [ObjectKind; 8] = [
    // A box of pipette tips.
    ObjectKind {
        length_m: [0.115, 0.125],
        width_m: [0.078, 0.085],
        height_m: [0.05, 0.07],
        is_round: false,
        paints: &[Paint::Blue, Paint::White, Paint::Orange],
    },
    // A rack for tubes.
    ObjectKind {
        length_m: [0.18, 0.24],
        width_m: [0.07, 0.1],
        height_m: [0.04, 0.055],
        is_round: false,
        paints: &[Paint::White, Paint::Orange, Paint::Green],
    },
    // An instrument.
    ObjectKind {
        length_m: [0.18, 0.26],
        width_m: [0.12, 0.2],
        height_m: [0.06, 0.09],
        is_round: false,
        paints: &[Paint::Cream, Paint::Gray],
    },
    // A bottle.
    ObjectKind {
        length_m: [0.04, 0.08],
        width_m: [0.0, 0.0],
        height_m: [0.05, 0.09],
        is_round: true,
        paints: &[Paint::White, Paint::Cream, Paint::Blue],
    },
    // Sheets of paper.
    ObjectKind {
        length_m: [0.148, 0.21],
        width_m: [0.105, 0.148],
        height_m: [0.0005, 0.003],
        is_round: false,
        paints: &[Paint::White],
    },
    // A tube lying on its side.
    ObjectKind {
        length_m: [0.1, 0.12],
        width_m: [0.014, 0.018],
        height_m: [0.014, 0.018],
        is_round: false,
        paints: &[Paint::Blue, Paint::Orange, Paint::White],
    },
    // A pen.
    ObjectKind {
        length_m: [0.12, 0.14],
        width_m: [0.009, 0.0095],
        height_m: [0.008, 0.01],
        is_round: false,
        paints: &[Paint::Black, Paint::Blue],
    },
    // A timer, a lid, a plug.
    ObjectKind {
        length_m: [0.035, 0.048],
        width_m: [0.02, 0.026],
        height_m: [0.008, 0.015],
        is_round: false,
        paints: &[Paint::Black, Paint::Green],
    },
];

/// No object is nearer than this to a start or a place of a plate, in meters: half the diagonals of
/// hand and plate, the largest correction, and some margin.
const KEEP_OUT_M: f64 = 0.125;
/// Objects stay below the tool's travel height by at least this, in meters: a held plate hangs below
/// the finger tips.
const HEADROOM_M: f64 = 0.03;
/// The gap between two objects, in meters: two dark ones that touch would look like one.
const GAP_M: f64 = 0.015;
/// How far beyond the border of the image the middle of an object may lie, in meters.
const BEYOND_VIEW_M: f64 = 0.06;
/// How many spots are tried before an object is left out.
const TRIES: usize = 40;
/// Objects lie along the edges of the bench, turned by at most this, in radians.
const TURN_RAD: f64 = 0.3;

/// Where objects may lie.
pub(crate) struct ClutterRoom {
    /// Where they may not, at any height.
    keep_out: Vec<Cuboid>,
    /// How high they may be, in meters.
    highest_m: f64,
}

impl ClutterRoom {
    /// Around the places of a task, and below the paths between them.
    pub(crate) fn of_task(task: &TaskConfig) -> Self {
        Self { keep_out: keep_out(task), highest_m: lowest_travel_m(task) - HEADROOM_M }
    }

    /// Outside of zones in which a hand works, and below the paths between them.
    pub(crate) fn outside(zones: Vec<Cuboid>, task: &TaskConfig) -> Self {
        Self { keep_out: zones, highest_m: lowest_travel_m(task) - HEADROOM_M }
    }
}

fn lowest_travel_m(task: &TaskConfig) -> f64 {
    task.via.iter().map(|waypoint| waypoint.z_m).fold(task.travel_height_m, f64::min)
}

/// The objects around the workspace of the cell of a seed. `count` is `[least, most]`; the result has
/// fewer where there is no room. `camera_height_m` decides how much of the table is in view.
pub(crate) fn draw_clutter(
    count: [u32; 2],
    cell_seed: u64,
    room: ClutterRoom,
    camera_height_m: f64,
    board: Option<&TableBoard>,
) -> Vec<Object> {
    let mut rng = random_stream(cell_seed, "clutter", [0, 0]);
    let count = rng.random_range(count[0]..=count[1]);
    let ClutterRoom { mut keep_out, highest_m } = room;
    // Objects may not hide the board from the side.
    keep_out.extend(board.map(|board| board.footprint(1.0)));
    // The part of the table in view; image right is the world's -y.
    let half_y = 0.5 * 640.0 / 612.0 * camera_height_m;
    let half = [0.75 * half_y + BEYOND_VIEW_M, half_y + BEYOND_VIEW_M];
    let mut objects: Vec<Object> = Vec::new();
    for _ in 0..count {
        let kind = &KINDS[rng.random_range(0..KINDS.len())];
        let paint = kind.paints[rng.random_range(0..kind.paints.len())];
        let extents = [kind.length_m, kind.width_m, kind.height_m].map(|range| {
            let [least, most] = range;
            least + (most - least) * rng.random::<f64>()
        });
        for _ in 0..TRIES {
            let object = random_object(&mut rng, kind.is_round, extents, paint, half);
            let free = object.cuboid.top_m() <= highest_m
                && !keep_out.iter().any(|zone| zone.overlaps(&object.cuboid))
                && !objects.iter().any(|other| with_gap(other.cuboid).overlaps(&object.cuboid));
            if free {
                objects.push(object);
                break;
            }
        }
    }
    objects
}

fn random_object(
    rng: &mut Rng,
    is_round: bool,
    [length_m, width_m, height_m]: [f64; 3],
    paint: Paint,
    half_view_m: [f64; 2],
) -> Object {
    let mut around = |middle: f64, half: f64| middle + half * (2.0 * rng.random::<f64>() - 1.0);
    let x_m = around(WORKSPACE_CENTER_M[0], half_view_m[0]);
    let y_m = around(WORKSPACE_CENTER_M[1], half_view_m[1]);
    let turn_rad = around(0.0, TURN_RAD);
    let quarter = f64::from(rng.random_range(0..4u32)) * std::f64::consts::FRAC_PI_2;
    let width_m = if is_round { length_m } else { width_m };
    Object {
        cuboid: Cuboid {
            pose: PlanarPose::new(x_m, y_m, quarter + turn_rad),
            center_z_m: 0.5 * height_m,
            half_extents_m: [0.5 * length_m, 0.5 * width_m, 0.5 * height_m],
            material: Material::Object(paint),
        },
        is_round,
    }
}

/// The zones where plates start and where they are placed, with room for the hand.
fn keep_out(task: &TaskConfig) -> Vec<Cuboid> {
    let zone = |pose: PlanarPose, half_x: f64, half_y: f64| Cuboid {
        pose: PlanarPose::new(pose.x_m, pose.y_m, 0.0),
        center_z_m: 0.0,
        half_extents_m: [half_x + KEEP_OUT_M, half_y + KEEP_OUT_M, 1.0],
        material: Material::Box,
    };
    let [half_x, half_y, _] = task.start.half_extent();
    let mut zones = vec![zone(task.start.center(), half_x, half_y)];
    zones.extend(places(task).map(|(_, place)| zone(place.pose(), 0.0, 0.0)));
    zones
}

fn with_gap(cuboid: Cuboid) -> Cuboid {
    let [x, y, z] = cuboid.half_extents_m;
    Cuboid { half_extents_m: [x + GAP_M, y + GAP_M, z + 1.0], ..cuboid }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clutter_differs_by_cell_and_keeps_the_workspace_free() {
        for task in [TaskConfig::table(), TaskConfig::shelf()] {
            let mut count = 0;
            for seed in 0..300 {
                let objects = draw_clutter([3, 8], seed, ClutterRoom::of_task(&task), 0.8, None);
                assert_eq!(
                    objects,
                    draw_clutter([3, 8], seed, ClutterRoom::of_task(&task), 0.8, None)
                );
                count += objects.len();
                for object in &objects {
                    let cuboid = object.cuboid;
                    assert!(cuboid.top_m() <= task.travel_height_m - HEADROOM_M);
                    for zone in keep_out(&task) {
                        assert!(!zone.overlaps(&cuboid), "cell {seed}: {cuboid:?}");
                    }
                    if cuboid.material == Material::Object(Paint::Black) {
                        let area_m2 = 4.0 * cuboid.half_extents_m[0] * cuboid.half_extents_m[1];
                        assert!(area_m2 < 0.0014, "cell {seed}: {cuboid:?}");
                    }
                }
            }
            assert!(count > 300 * 3, "{count}");
            assert!(draw_clutter([0, 0], 1, ClutterRoom::of_task(&task), 0.8, None).is_empty());
        }
    }
}
