//! A tray that holds a plate: walls with a lead-in, open where fingers reach in.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_PI_2, FRAC_PI_4, PI};

use nalgebra::{Isometry3, Translation3, UnitQuaternion};
use rmrl_core::PlanarPose;

use crate::scene::cuboid::{Cuboid, Material, pose_in_frame};

/// A tray's walls around a plate.
pub(crate) struct Nest {
    /// Half the room between the walls along the plate's x and y axes, in meters.
    pub inner_half_m: [f64; 2],
    /// Height of the walls, in meters.
    pub wall_height_m: f64,
    /// The lead-in at their upper inner edge, across and down, in meters.
    pub chamfer_m: f64,
    /// Height of the walls where fingers pass above them, in meters.
    pub rail_height_m: f64,
    /// The least thickness of the walls, in meters. They are at least as thick as the lead-in is wide.
    pub thickness_m: f64,
}

/// The walls of a tray.
#[derive(Default)]
pub(crate) struct NestWalls {
    /// The upright parts.
    pub walls: Vec<Cuboid>,
    /// The slopes of the lead-in: the pose of each one's center and half its extents, in meters.
    pub slopes: Vec<(Isometry3<f64>, [f64; 3])>,
}

/// Length of the walls at the corners of the long sides, in meters.
const CORNER_M: f64 = 0.024;
/// How far the wall between the fingers ends before them, in meters.
const BETWEEN_FINGERS_M: f64 = 0.01;

/// A piece of wall in the frame of the tray.
struct Piece {
    /// The middle of the lower edge of its inner face, in meters.
    inner_m: [f64; 2],
    /// The direction from the plate to the wall.
    outward_rad: f64,
    half_length_m: f64,
    height_m: f64,
}

impl Nest {
    /// The walls for fingers that come straight down beside the middle of the long sides: whole at the short sides, pieces at
    /// the corners of the long ones.
    pub(crate) fn for_fingers_from_above(&self, center: PlanarPose, surface_m: f64) -> NestWalls {
        let [inner_x, inner_y] = self.inner_half_m;
        let half_length_m = inner_y + self.thickness_m();
        let height_m = self.wall_height_m;
        let mut pieces = vec![
            Piece { inner_m: [inner_x, 0.0], outward_rad: 0.0, half_length_m, height_m },
            Piece { inner_m: [-inner_x, 0.0], outward_rad: PI, half_length_m, height_m },
        ];
        pieces.extend(corners(inner_x, inner_y, height_m));
        pieces.extend(corners(-inner_x, inner_y, height_m));
        self.build(&pieces, center, surface_m)
    }

    /// The walls for fingers that reach over one side of the tray along its middle: they point to `fingers_rad` in the frame
    /// of the plate, taken to the next quarter turn. That side has a wall between the fingers only, and beside it a low rail.
    pub(crate) fn for_fingers_over_one_side(
        &self,
        center: PlanarPose,
        surface_m: f64,
        fingers_rad: f64,
    ) -> NestWalls {
        let quarters = (fingers_rad / FRAC_PI_2).round();
        let [along, across] = match quarters.rem_euclid(2.0) == 0.0 {
            true => self.inner_half_m,
            false => [self.inner_half_m[1], self.inner_half_m[0]],
        };
        let height_m = self.wall_height_m;
        let mut pieces = vec![
            Piece {
                inner_m: [along, 0.0],
                outward_rad: 0.0,
                half_length_m: across + self.thickness_m(),
                height_m,
            },
            Piece {
                inner_m: [-along, 0.0],
                outward_rad: PI,
                half_length_m: across - BETWEEN_FINGERS_M,
                height_m,
            },
        ];
        pieces.extend(corners(along, across, height_m));
        pieces.extend(corners(-along, across, self.rail_height_m.min(height_m)));
        let turned = PlanarPose { yaw_rad: center.yaw_rad + quarters * FRAC_PI_2, ..center };
        self.build(&pieces, turned, surface_m)
    }

    /// Walls all around.
    pub(crate) fn closed(&self, center: PlanarPose, surface_m: f64) -> NestWalls {
        let [inner_x, inner_y] = self.inner_half_m;
        let height_m = self.wall_height_m;
        let sides = [(inner_x, inner_y, 0.0), (inner_y, inner_x, FRAC_PI_2)];
        let pieces = sides.iter().flat_map(|&(to_side_m, along_m, outward_rad)| {
            [0.0, PI].map(|half_turn| {
                let (sin, cos) = (outward_rad + half_turn).sin_cos();
                Piece {
                    inner_m: [to_side_m * cos, to_side_m * sin],
                    outward_rad: outward_rad + half_turn,
                    half_length_m: along_m + self.thickness_m(),
                    height_m,
                }
            })
        });
        self.build(&pieces.collect::<Vec<_>>(), center, surface_m)
    }

    fn thickness_m(&self) -> f64 {
        self.thickness_m.max(self.chamfer_m)
    }

    fn build(&self, pieces: &[Piece], frame: PlanarPose, surface_m: f64) -> NestWalls {
        let mut built = NestWalls::default();
        for piece in pieces {
            self.add(&mut built, piece, frame, surface_m);
        }
        built
    }

    fn add(&self, built: &mut NestWalls, piece: &Piece, frame: PlanarPose, surface_m: f64) {
        let (height_m, chamfer_m) = (piece.height_m, self.chamfer_m.min(piece.height_m));
        let [x_m, y_m] = piece.inner_m;
        // In the frame of the wall x leaves the plate, and its inner face is at 0.
        let wall = PlanarPose {
            yaw_rad: frame.yaw_rad + piece.outward_rad,
            ..pose_in_frame(frame, x_m, y_m)
        };
        let mut upright = |[from, to]: [f64; 2], [low, high]: [f64; 2]| {
            if high > low && to > from {
                built.walls.push(Cuboid {
                    pose: pose_in_frame(wall, 0.5 * (from + to), 0.0),
                    center_z_m: surface_m + 0.5 * (low + high),
                    half_extents_m: [0.5 * (to - from), piece.half_length_m, 0.5 * (high - low)],
                    material: Material::Shelf,
                });
            }
        };
        let below_m = height_m - chamfer_m;
        upright([0.0, self.thickness_m()], [0.0, below_m]);
        if chamfer_m == 0.0 {
            return;
        }
        upright([chamfer_m, self.thickness_m()], [below_m, height_m]);
        // A plank whose upper face is the slope from (0, below) to (chamfer, height); it is half as thick as that is long.
        let at = pose_in_frame(wall, 0.75 * chamfer_m, 0.0);
        let center_z_m = surface_m + height_m - 0.75 * chamfer_m;
        let turn = UnitQuaternion::from_euler_angles(0.0, 0.0, wall.yaw_rad)
            * UnitQuaternion::from_euler_angles(0.0, -FRAC_PI_4, 0.0);
        let pose = Isometry3::from_parts(Translation3::new(at.x_m, at.y_m, center_z_m), turn);
        let half_slope_m = chamfer_m * FRAC_1_SQRT_2;
        built.slopes.push((pose, [half_slope_m, piece.half_length_m, 0.5 * half_slope_m]));
    }
}

/// The pieces of the sides at one end, beside the corners.
fn corners(end_m: f64, across_m: f64, height_m: f64) -> [Piece; 2] {
    let x_m = end_m - 0.5 * CORNER_M * end_m.signum();
    [1.0, -1.0].map(|side: f64| Piece {
        inner_m: [x_m, side * across_m],
        outward_rad: side * FRAC_PI_2,
        half_length_m: 0.5 * CORNER_M,
        height_m,
    })
}

#[cfg(test)]
mod tests {
    use nalgebra::{Point3, Vector3};

    use super::*;

    /// The slope's face goes from the inner face of the wall to its top, on each wall of a turned tray.
    #[test]
    fn the_lead_in_joins_the_inner_face_and_the_top() {
        let nest = Nest {
            inner_half_m: [0.065, 0.044],
            wall_height_m: 0.01,
            chamfer_m: 0.002,
            rail_height_m: 0.002,
            thickness_m: 0.004,
        };
        let center = PlanarPose::new(0.4, 0.1, 0.3);
        for walls in [
            nest.for_fingers_from_above(center, 0.05),
            nest.for_fingers_over_one_side(center, 0.05, PI),
            nest.closed(center, 0.05),
        ] {
            for (pose, [half_slope, _, half_thickness]) in &walls.slopes {
                let inward = Vector3::new(center.x_m, center.y_m, 0.0) - pose.translation.vector;
                let ends = [-1.0, 1.0]
                    .map(|end| pose * Point3::new(end * half_slope, 0.0, *half_thickness));
                let [low, high] = ends;
                // Up to the walls' height, or the rail's.
                let top_m = if high.z > 0.055 { 0.06 } else { 0.052 };
                assert!((low.z - top_m + 0.002).abs() < 1e-12 && (high.z - top_m).abs() < 1e-12);
                let outward = (high - low) - Vector3::new(0.0, 0.0, 0.002);
                assert!((outward.norm() - 0.002).abs() < 1e-12);
                assert!(outward.dot(&inward) < 0.0, "the slope rises away from the plate");
            }
        }
    }
}
