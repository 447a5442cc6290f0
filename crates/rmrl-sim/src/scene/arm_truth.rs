//! Where the arm truly puts its tool: the errors of its kinematics, of its base on the table, and of the tool.

use std::f64::consts::PI;

use nalgebra::{Isometry3, Point3, Vector3};
use rmrl_cell::ToolPose;
use rmrl_core::PlanarPose;

use crate::scene::cell_distribution::CellDistribution;
use crate::scene::table_slope::draw_table_slope;
use crate::scene::tool_offset::{configured_tool, true_tool};
use crate::scene::true_kinematics::TrueKinematics;

/// How an arm truly stands when it is commanded to a pose, in the frame of the table.
///
/// Place and height err. The tool's tilt is left out, a few tenths of a degree: the hand stays upright. Jaws that close
/// tilted would lift one edge of a plate by about 0.2 mm, and the released plate would lie down again.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ArmTruth {
    tool_from_configured: PlanarPose,
    /// `None` for an arm whose kinematics are exact.
    kinematics: Option<TrueKinematics>,
    /// `None` for a base that stands level on the table.
    table_from_arm: Option<Isometry3<f64>>,
}

/// Steps of the search for the pose to command. The error changes by about a hundredth of a step.
const SEARCH_STEPS: usize = 6;

impl ArmTruth {
    /// The arm of a cell.
    pub(crate) fn draw(
        cells: &CellDistribution,
        seed: u64,
        tool_from_configured: PlanarPose,
    ) -> Self {
        Self {
            tool_from_configured,
            kinematics: TrueKinematics::draw(cells, seed),
            table_from_arm: draw_table_slope(cells.table_slope_deg, seed),
        }
    }

    /// The true tool in the frame of the configured one.
    pub fn tool_from_configured(&self) -> PlanarPose {
        self.tool_from_configured
    }

    /// Where points of the arm's base frame truly are in the frame of the table; `None` if the two are the same.
    pub(crate) fn table_from_arm(&self) -> Option<Isometry3<f64>> {
        self.table_from_arm
    }

    /// Where the tool truly is when it is commanded to a pose.
    pub fn true_tool(&self, commanded: ToolPose) -> ToolPose {
        let reached = self.reached(commanded);
        ToolPose::new(true_tool(reached.planar, self.tool_from_configured), reached.z_m)
    }

    /// The pose to command at a height so that the tool truly is at `tool`; the inverse of [`Self::true_tool`].
    pub fn configured_tool(&self, tool: PlanarPose, z_m: f64) -> PlanarPose {
        let wanted = configured_tool(tool, self.tool_from_configured);
        if self.is_exact() {
            return wanted;
        }
        let mut commanded = wanted;
        for _ in 0..SEARCH_STEPS {
            let missed = wanted.relative_to(self.reached(ToolPose::new(commanded, z_m)).planar);
            commanded = commanded.adjusted(missed);
        }
        commanded
    }

    /// Where a plate that truly lies at `plate` is for the arm, whatever tool it has: in the middle between the poses to command
    /// so that the tool truly is there, and there turned by half a turn. A tool that is off is off to opposite sides then.
    pub fn in_arm_frame(&self, plate: PlanarPose, z_m: f64) -> PlanarPose {
        let turned = PlanarPose::new(plate.x_m, plate.y_m, plate.yaw_rad + PI);
        let [one, other] = [plate, turned].map(|tool| self.configured_tool(tool, z_m));
        let middle = |a: f64, b: f64| 0.5 * (a + b);
        let [x_m, y_m] = [middle(one.x_m, other.x_m), middle(one.y_m, other.y_m)];
        PlanarPose::new(x_m, y_m, plate.yaw_rad)
    }

    /// The commanded pose of a tool that truly is at `tool`, its height included.
    pub(crate) fn commanded(&self, tool: ToolPose) -> ToolPose {
        let mut z_m = tool.z_m;
        let mut planar = self.configured_tool(tool.planar, z_m);
        if !self.is_exact() {
            for _ in 0..SEARCH_STEPS {
                z_m += tool.z_m - self.reached(ToolPose::new(planar, z_m)).z_m;
                planar = self.configured_tool(tool.planar, z_m);
            }
        }
        ToolPose::new(planar, z_m)
    }

    fn is_exact(&self) -> bool {
        self.kinematics.is_none() && self.table_from_arm.is_none()
    }

    /// Where the configured tool truly is when it is commanded to a pose.
    fn reached(&self, commanded: ToolPose) -> ToolPose {
        let in_arm = match &self.kinematics {
            Some(kinematics) => kinematics.reached(commanded),
            None => commanded,
        };
        let Some(table_from_arm) = &self.table_from_arm else {
            return in_arm;
        };
        let PlanarPose { x_m, y_m, yaw_rad } = in_arm.planar;
        let at = table_from_arm * Point3::new(x_m, y_m, in_arm.z_m);
        let ahead = table_from_arm * Vector3::new(yaw_rad.cos(), yaw_rad.sin(), 0.0);
        ToolPose::new(PlanarPose::new(at.x, at.y, ahead.y.atan2(ahead.x)), at.z)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn factory() -> CellDistribution {
        CellDistribution {
            joint_zero_deg: 0.1,
            link_length_m: 0.000_5,
            link_twist_deg: 0.05,
            ..CellDistribution::EXACT_ARM
        }
    }

    #[test]
    fn an_exact_arm_errs_by_its_tool_alone() {
        let tool = PlanarPose::new(0.002, -0.001, 0.01);
        let arm = ArmTruth::draw(&CellDistribution::EXACT_ARM, 3, tool);
        let commanded = ToolPose::new(PlanarPose::new(0.35, -0.1, 0.3), 0.02);
        let truly = ToolPose::new(true_tool(commanded.planar, tool), 0.02);
        assert_eq!(arm.true_tool(commanded), truly);
        assert_eq!(arm.commanded(truly).z_m, 0.02);
    }

    #[test]
    fn a_slope_changes_heights_linearly_and_nothing_else() {
        let cells = CellDistribution { table_slope_deg: [0.3; 2], ..CellDistribution::EXACT_ARM };
        let slope = 0.3f64.to_radians();
        for seed in 0..10 {
            let arm = ArmTruth::draw(&cells, seed, PlanarPose::default());
            let reached = |x_m: f64, y_m: f64, z_m: f64| {
                let commanded = ToolPose::new(PlanarPose::new(x_m, y_m, 0.3), z_m);
                (commanded, arm.true_tool(commanded))
            };
            let rise = |x_m: f64, y_m: f64| reached(x_m, y_m, 0.0).1.z_m;
            assert!(rise(0.36, 0.0).abs() < 1e-15);
            assert!((rise(0.46, 0.0).hypot(rise(0.36, 0.1)) - 0.1 * slope.sin()).abs() < 1e-12);
            assert!((rise(0.46, 0.1) - rise(0.46, 0.0) - rise(0.36, 0.1)).abs() < 1e-12);
            for z_m in [0.0, 0.12] {
                let (commanded, truly) = reached(0.46, 0.18, z_m);
                let moved = truly.planar.relative_to(commanded.planar);
                // z sin(slope) of the height, and d (1 - cos(slope)) of the distance from the middle.
                let expected_m = z_m * slope.sin() + 0.3 * (1.0 - slope.cos());
                assert!(moved.translation_m() < expected_m + 1e-12, "{moved:?}");
                assert!(moved.dyaw_rad.abs() < slope * slope, "{moved:?}");
                let back = arm.commanded(truly);
                assert!(back.planar.distance_m(commanded.planar) < 1e-9);
                assert!((back.z_m - commanded.z_m).abs() < 1e-9);
            }
        }
    }

    /// Heights are set up in the middle; elsewhere they err by tenths of a millimeter.
    #[test]
    fn the_height_of_a_real_arm_is_right_in_the_middle() {
        let mut squares = 0.0;
        for seed in 0..40 {
            let arm = ArmTruth::draw(&factory(), seed, PlanarPose::default());
            let height_m = |x_m: f64, y_m: f64| {
                arm.true_tool(ToolPose::new(PlanarPose::new(x_m, y_m, 0.0), 0.0)).z_m
            };
            assert!(height_m(0.36, 0.0).abs() < 1e-15);
            squares += height_m(0.26, -0.22).powi(2) / 80.0 + height_m(0.46, 0.18).powi(2) / 80.0;
        }
        let rms_mm = 1e3 * squares.sqrt();
        assert!((0.1..1.0).contains(&rms_mm), "{rms_mm}");
    }

    #[test]
    fn a_real_arm_errs_by_millimeters_smoothly_and_can_be_inverted() {
        let mut squares = 0.0;
        for seed in 0..20 {
            let arm = ArmTruth::draw(&factory(), seed, PlanarPose::default());
            let error = |x_m: f64, y_m: f64, yaw_rad: f64| {
                let commanded = PlanarPose::new(x_m, y_m, yaw_rad);
                arm.true_tool(ToolPose::new(commanded, 0.02)).planar.relative_to(commanded)
            };
            for (x_m, y_m, yaw_rad) in
                [(0.27, -0.2, -0.5), (0.35, -0.1, 0.0), (0.41, -0.05, 0.5), (0.46, 0.18, 0.0)]
            {
                let here = error(x_m, y_m, yaw_rad);
                let beside = error(x_m + 0.01, y_m, yaw_rad + 0.02);
                let apart_m = (here.dx_m - beside.dx_m).hypot(here.dy_m - beside.dy_m);
                assert!(apart_m < 0.000_2, "{seed}: {here:?} {beside:?}");
                squares += here.translation_m().powi(2) / 80.0;
                let wanted = PlanarPose::new(x_m, y_m, yaw_rad);
                let commanded = arm.configured_tool(wanted, 0.02);
                let truly = arm.true_tool(ToolPose::new(commanded, 0.02));
                let reached = truly.planar.relative_to(wanted);
                assert!(reached.translation_m() < 1e-9 && reached.dyaw_rad.abs() < 1e-9);
                let back = arm.commanded(truly);
                assert!((back.z_m - 0.02).abs() < 1e-9 && back.planar.distance_m(commanded) < 1e-9);
            }
        }
        // An independent computation in NumPy: 1.8 mm for the median arm.
        let rms_mm = 1e3 * squares.sqrt();
        assert!((1.2..2.6).contains(&rms_mm), "{rms_mm}");
    }
}
