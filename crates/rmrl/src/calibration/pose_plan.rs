//! Plans the poses of an arm that shows a board to an overhead camera.

use std::f64::consts::{PI, TAU};

use nalgebra::{Isometry3, Point3, Translation3, UnitQuaternion, Vector3};
use rand::RngExt;
use rmrl_cell::FlangeLine;
use rmrl_core::random_stream;
use rmrl_vision::{CameraModel, Chessboard};

use super::coverage::Signature;

/// A pose in which the board is shown: the arm goes upright to `stance`, tilts there to `tilted`, and rises again.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Showing {
    /// The flange, upright.
    pub stance: Isometry3<f64>,
    /// The flange, tilted about the board's middle.
    pub tilted: Isometry3<f64>,
}

impl Showing {
    /// The flange upright with the board's middle at a place, then tilted about that place by a rotation vector.
    /// `flange_from_middle` is the board's middle on the flange.
    pub fn new(
        flange_from_middle: &Vector3<f64>,
        middle: Vector3<f64>,
        yaw_rad: f64,
        tilt: Vector3<f64>,
    ) -> Self {
        let upright = UnitQuaternion::from_euler_angles(PI, 0.0, yaw_rad);
        let tilted = UnitQuaternion::from_scaled_axis(tilt) * upright;
        let [stance, tilted] = [upright, tilted].map(|rotation| {
            let at = middle - rotation * flange_from_middle;
            Isometry3::from_parts(Translation3::from(at), rotation)
        });
        Self { stance, tilted }
    }

    /// An upright flange.
    pub fn upright(at: Vector3<f64>, yaw_rad: f64) -> Isometry3<f64> {
        let down = UnitQuaternion::from_euler_angles(PI, 0.0, yaw_rad);
        Isometry3::from_parts(Translation3::from(at), down)
    }

    /// The lines from elsewhere to the pose and back upright.
    pub fn path(&self) -> [Isometry3<f64>; 3] {
        [self.stance, self.tilted, self.stance]
    }
}

/// What is known of camera and board, from the views so far.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Known {
    /// The camera.
    pub camera: CameraModel,
    /// The board on the flange.
    pub flange_from_board: Isometry3<f64>,
}

/// The tilts of planned poses, in degrees: enough for the focal length, and within every arm's envelope.
const TILT_DEG: [f64; 2] = [15.0, 25.0];
/// The tilts of the first poses, in degrees: the board has to stay in the image, wherever that ends.
const FIRST_TILT_DEG: f64 = 16.0;
/// The yaws of the first poses, in degrees.
const FIRST_YAWS_DEG: [f64; 3] = [0.0, 25.0, -25.0];
/// No corner of the board's margin is nearer to the image's border, in pixels.
const BORDER_PX: f64 = 4.0;
/// The largest angle between the board's normal and the way to the camera, in degrees.
const MOST_OBLIQUE_DEG: f64 = 45.0;

/// Where the board is looked for first: the middle of the workspace, then around it; the board to the left, to the
/// right, and ahead.
pub fn first_places(limits_m: [[f64; 2]; 3]) -> Vec<(Vector3<f64>, f64)> {
    let middle = limits_m.map(|[low, high]| 0.5 * (low + high));
    let span = limits_m.map(|[low, high]| high - low);
    let mut places = Vec::new();
    for [x, y] in [[0.0, 0.0], [0.1, 0.0], [-0.1, 0.0], [0.0, 0.15], [0.0, -0.15]] {
        for yaw_rad in [0.5 * PI, -0.5 * PI, 0.0] {
            let [x_m, y_m] = [middle[0] + x * span[0], middle[1] + y * span[1]];
            places.push((Vector3::new(x_m, y_m, middle[2]), yaw_rad));
        }
    }
    places
}

/// Poses around the first one in which the whole board was seen: they show where the camera hangs and where the board
/// is on the flange. Tilts towards and away from the base, which any arm can make, come first.
pub fn first_poses(
    flange_from_middle: &Vector3<f64>,
    middle: Vector3<f64>,
    yaw_rad: f64,
) -> Vec<Showing> {
    let tilt_rad = FIRST_TILT_DEG.to_radians();
    let mut poses = Vec::new();
    for (about, sign) in [(0, 1.0), (0, -1.0), (1, 1.0), (1, -1.0)] {
        for yaw_deg in FIRST_YAWS_DEG {
            let yaw_rad = yaw_rad + yaw_deg.to_radians();
            let upright = Showing::new(flange_from_middle, middle, yaw_rad, Vector3::zeros());
            let [across, ahead] = radial_axes(&upright.stance);
            let tilt = sign * tilt_rad * if about == 0 { across } else { ahead };
            poses.push(Showing::new(flange_from_middle, middle, yaw_rad, tilt));
        }
    }
    poses
}

/// The horizontal axis across the way from the base to a flange, and the one along it. An arm with five joints tilts
/// about the first only.
fn radial_axes(world_from_flange: &Isometry3<f64>) -> [Vector3<f64>; 2] {
    let at = world_from_flange.translation.vector;
    let direction = at.y.atan2(at.x);
    [
        Vector3::new(-direction.sin(), direction.cos(), 0.0),
        Vector3::new(direction.cos(), direction.sin(), 0.0),
    ]
}

/// Poses from a seed, all over the workspace, in which the camera sees the whole board. Every other one tilts about the
/// axis that any arm has.
pub fn candidates(
    seed: u64,
    number: u64,
    known: &Known,
    board: &Chessboard,
    limits_m: [[f64; 2]; 3],
) -> Vec<Showing> {
    let flange_from_middle = (known.flange_from_board * board.center()).coords;
    let mut rng = random_stream(seed, "calibration poses", [number, 0]);
    let mut within = |[low, high]: [f64; 2]| low + (high - low) * rng.random::<f64>();
    let mut found = Vec::new();
    for index in 0..TRIED {
        let middle = Vector3::from(limits_m.map(&mut within));
        let yaw_rad = within([-PI, PI]);
        let tilt_rad = within(TILT_DEG).to_radians();
        let direction = within([0.0, TAU]);
        let upright = Showing::new(&flange_from_middle, middle, yaw_rad, Vector3::zeros());
        let [across, _] = radial_axes(&upright.stance);
        let axis = if index % 2 == 0 {
            across * (direction - PI).signum()
        } else {
            Vector3::new(direction.cos(), direction.sin(), 0.0)
        };
        let showing = Showing::new(&flange_from_middle, middle, yaw_rad, tilt_rad * axis);
        if is_seen(&showing.tilted, known, board) {
            found.push(showing);
        }
    }
    found
}

/// How many poses are tried at a time; some dozens of them are seen and stay within the envelope.
const TRIED: u32 = 2000;

/// Orders poses: those first that differ most from all `taken`.
pub fn by_novelty(
    mut poses: Vec<Showing>,
    taken: &[Signature],
    flange_from_middle: &Vector3<f64>,
) -> Vec<Showing> {
    let novelty = |showing: &Showing| {
        let signature = Signature::new(&showing.tilted, flange_from_middle);
        taken.iter().map(|other| signature.distance(other)).fold(f64::INFINITY, f64::min)
    };
    poses.sort_by_cached_key(|showing| std::cmp::Reverse((1e6 * novelty(showing)) as u64));
    poses
}

/// Whether the camera sees the board's whole face: inside the image, not too obliquely, and not behind the arm.
fn is_seen(world_from_flange: &Isometry3<f64>, known: &Known, board: &Chessboard) -> bool {
    let world_from_board = world_from_flange * known.flange_from_board;
    let (camera, eye) = (&known.camera, known.camera.position());
    let middle = world_from_board * board.center();
    // The board's z points away from the viewer.
    let normal = world_from_board * -Vector3::z();
    if normal.angle(&(eye - middle)).to_degrees() > MOST_OBLIQUE_DEG {
        return false;
    }
    let size = [camera.intrinsics.width, camera.intrinsics.height].map(f64::from);
    let corners = printed(board).map(|corner| world_from_board * corner);
    let arm = arm_above(world_from_flange);
    let sides = (0..4).map(|index| nalgebra::center(&corners[index], &corners[(index + 1) % 4]));
    corners.iter().copied().chain(sides).all(|point| {
        let inside = camera.project(point).is_some_and(|pixel| {
            (0..2).all(|axis| (BORDER_PX..size[axis] - BORDER_PX).contains(&pixel[axis]))
        });
        inside
            && arm
                .iter()
                .all(|(from, to, radius_m)| distance_m([eye, point], [*from, *to]) > *radius_m)
    })
}

/// The corners of all squares of a board, in its own frame.
fn printed(board: &Chessboard) -> [Point3<f64>; 4] {
    let near = -board.square_m;
    let [x, y] = board.size_m().map(|side| side - board.square_m);
    [[near, near], [x, near], [x, y], [near, y]].map(|[x, y]| Point3::new(x, y, 0.0))
}

/// What usually is above a flange: the wrist, and the forearm that comes from the base. Radii are in meters.
fn arm_above(world_from_flange: &Isometry3<f64>) -> [(Point3<f64>, Point3<f64>, f64); 2] {
    let flange = Point3::from(world_from_flange.translation.vector);
    let wrist = world_from_flange * Point3::new(0.0, 0.0, -WRIST_M);
    let [_, ahead] = radial_axes(world_from_flange);
    let elbow = wrist - FOREARM_M[0] * ahead + FOREARM_M[1] * Vector3::z();
    [(flange, wrist, ARM_RADIUS_M), (wrist, elbow, ARM_RADIUS_M)]
}

/// The height of a wrist above an upright flange, and how far back and up a forearm goes from there, in meters.
const WRIST_M: f64 = 0.11;
const FOREARM_M: [f64; 2] = [0.3, 0.22];
/// The radius of an arm's links, with what is uncertain about them, in meters.
const ARM_RADIUS_M: f64 = 0.06;

/// The distance of two line segments: the least over points of one, to the other, in meters.
fn distance_m([a, b]: [Point3<f64>; 2], [c, d]: [Point3<f64>; 2]) -> f64 {
    let to_line = |point: Point3<f64>| {
        let way = b - a;
        let share = (way.dot(&(point - a)) / way.norm_squared()).clamp(0.0, 1.0);
        (point - (a + way * share)).norm()
    };
    (0..=SEGMENT_STEPS)
        .map(|step| to_line(c + (d - c) * (f64::from(step) / f64::from(SEGMENT_STEPS))))
        .fold(f64::INFINITY, f64::min)
}

/// Points on a link of the arm: 2 cm apart.
const SEGMENT_STEPS: u32 = 16;

/// How long a straight line takes, in seconds: the longer of way and turn.
pub fn line_secs(line: &FlangeLine, speed_m_s: f64) -> f64 {
    let way_secs = line.length_m() / speed_m_s + speed_m_s / ACCELERATION_M_S2;
    way_secs.max(line.turn_rad() / TURN_RAD_S)
}

/// The acceleration and the turning speed of an estimate: slow ones of common arms, in m/s² and rad/s.
const ACCELERATION_M_S2: f64 = 0.5;
const TURN_RAD_S: f64 = 0.4;

#[cfg(test)]
mod tests {
    use rmrl_cell::TaskConfig;
    use rmrl_sim::{SimulatedCell, SimulationConfig};

    use super::*;
    use crate::calibration::board_mount::BoardMount;

    const LIMITS_M: [[f64; 2]; 3] = [[0.15, 0.6], [-0.35, 0.35], [0.12, 0.4]];

    fn known() -> (Known, Chessboard) {
        let cell = SimulatedCell::new(&SimulationConfig::default(), &TaskConfig::table(), 0, 0);
        let board = Chessboard { corners: "9x6".parse().unwrap(), square_m: 0.02 };
        let flange_from_board = BoardMount::Bracket.nominal(&board, &Isometry3::identity());
        (Known { camera: cell.unwrap().true_camera(), flange_from_board }, board)
    }

    #[test]
    fn planned_poses_are_seen_whole_and_tilted_and_depend_on_the_seed_alone() {
        let (known, board) = known();
        let poses = candidates(3, 1, &known, &board, LIMITS_M);
        assert!(poses.len() > 50, "{}", poses.len());
        assert_eq!(poses, candidates(3, 1, &known, &board, LIMITS_M));
        assert_ne!(poses, candidates(4, 1, &known, &board, LIMITS_M));
        let mut in_plane = 0;
        for showing in &poses {
            let world_from_board = showing.tilted * known.flange_from_board;
            for point in board.points() {
                let pixel = known.camera.project(world_from_board * point).unwrap();
                assert!((0.0..640.0).contains(&pixel.x) && (0.0..480.0).contains(&pixel.y));
            }
            // The board's middle stays while it is tilted.
            let middle = known.flange_from_board * board.center();
            assert!((showing.stance * middle - showing.tilted * middle).norm() < 1e-12);
            let turn = (showing.tilted.rotation * showing.stance.rotation.inverse()).scaled_axis();
            assert!((14.9..25.1).contains(&turn.norm().to_degrees()), "{turn}");
            let [across, _] = radial_axes(&showing.stance);
            in_plane += usize::from(turn.normalize().dot(&across).abs() > 0.999_999);
        }
        // An arm with five joints can make these.
        assert!(3 * in_plane > poses.len() && in_plane < poses.len(), "{in_plane}");
    }

    #[test]
    fn the_pose_that_differs_most_comes_first() {
        let (known, board) = known();
        let middle = (known.flange_from_board * board.center()).coords;
        let poses = candidates(3, 1, &known, &board, LIMITS_M);
        let taken = [Signature::new(&poses[0].tilted, &middle)];
        let ordered = by_novelty(poses.clone(), &taken, &middle);
        let novelty = |one: &Showing| Signature::new(&one.tilted, &middle).distance(&taken[0]);
        assert!(ordered.windows(2).all(|two| novelty(&two[0]) >= novelty(&two[1]) - 1e-6));
        assert_eq!(ordered.last(), Some(&poses[0]));
    }

    #[test]
    fn lines_take_their_way_or_their_turn() {
        let stance = Showing::upright(Vector3::new(0.3, 0.0, 0.3), 0.0);
        let aside = Showing::upright(Vector3::new(0.3, 0.2, 0.3), 0.0);
        assert!((line_secs(&FlangeLine { from: stance, to: aside }, 0.1) - 2.2).abs() < 1e-9);
        let turned = Showing::upright(Vector3::new(0.3, 0.0, 0.3), 1.0);
        assert!((line_secs(&FlangeLine { from: stance, to: turned }, 0.1) - 2.5).abs() < 1e-9);
    }
}
