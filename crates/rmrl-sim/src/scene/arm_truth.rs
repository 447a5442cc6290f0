//! Where the arm truly puts its tool: the error of the tool, and of the arm's own kinematics.

use std::f64::consts::PI;

use nalgebra::{Isometry3, Translation3, UnitQuaternion, Vector3};
use rmrl_cell::ToolPose;
use rmrl_core::{PlanarPose, random_stream, standard_normal};
use rmrl_kinematics::{ArmKinematics, link_frame};

use crate::scene::cell_distribution::CellDistribution;
use crate::scene::tool_offset::{configured_tool, true_tool};

/// How an arm truly stands when it is commanded to a pose. The tool stays level: its small tilts are left out, and so are
/// errors of its height.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ArmTruth {
    tool_from_configured: PlanarPose,
    /// `None` for an arm whose kinematics are exact.
    kinematics: Option<TrueKinematics>,
}

/// What an xArm 6 truly is beside its nominal Denavit-Hartenberg parameters.
#[derive(Debug, Clone, Copy, PartialEq)]
struct TrueKinematics {
    /// For each joint what is to be added to the offset of its angle, to `d`, `alpha` and `a`, in radians and meters.
    added: [[f64; 4]; 6],
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
        let [zero_deg, length_m, twist_deg] =
            [cells.joint_zero_deg, cells.link_length_m, cells.link_twist_deg];
        let is_exact = zero_deg == 0.0 && length_m == 0.0 && twist_deg == 0.0;
        let kinematics = (!is_exact).then(|| {
            let mut rng = random_stream(seed, "arm kinematics", [0, 0]);
            let mut normal = |deviation: f64| deviation * standard_normal(&mut rng);
            let added = std::array::from_fn(|_| {
                [
                    normal(zero_deg.to_radians()),
                    normal(length_m),
                    normal(twist_deg.to_radians()),
                    normal(length_m),
                ]
            });
            TrueKinematics { added }
        });
        Self { tool_from_configured, kinematics }
    }

    /// The true tool in the frame of the configured one.
    pub fn tool_from_configured(&self) -> PlanarPose {
        self.tool_from_configured
    }

    /// Where the tool truly is when it is commanded to a pose.
    pub fn true_tool(&self, commanded: ToolPose) -> PlanarPose {
        let reached = match &self.kinematics {
            Some(kinematics) => kinematics.reached(commanded),
            None => commanded.planar,
        };
        true_tool(reached, self.tool_from_configured)
    }

    /// The pose to command so that the tool truly is at `tool`, at a height; the inverse of [`Self::true_tool`].
    pub fn configured_tool(&self, tool: PlanarPose, z_m: f64) -> PlanarPose {
        let reached = configured_tool(tool, self.tool_from_configured);
        let Some(kinematics) = &self.kinematics else {
            return reached;
        };
        let mut commanded = reached;
        for _ in 0..SEARCH_STEPS {
            let missed = reached.relative_to(kinematics.reached(ToolPose::new(commanded, z_m)));
            commanded = commanded.adjusted(missed);
        }
        commanded
    }
}

impl TrueKinematics {
    /// Where an arm without an error of its tool arrives. Out of reach of an xArm 6 it arrives as commanded.
    fn reached(&self, commanded: ToolPose) -> PlanarPose {
        let arm = ArmKinematics::default();
        let flange_from_jaws = flange_from_jaws();
        let base_from_tool = downwards(commanded);
        let base_from_flange = base_from_tool * flange_from_jaws.inverse();
        // The arm reaches ahead, with the elbow up. Its gripper is screwed on the other way round.
        let mut ahead = arm.ready();
        ahead[5] = PI;
        let Ok(joints) = arm.inverse_nearest(&base_from_flange, &ahead) else {
            return commanded.planar;
        };
        let mut frame = Isometry3::identity();
        for ((nominal, added), angle_rad) in
            arm.denavit_hartenberg().into_iter().zip(self.added).zip(joints)
        {
            let parameters = std::array::from_fn(|index| nominal[index] + added[index]);
            frame *= link_frame(parameters, angle_rad);
        }
        let tool = frame * flange_from_jaws;
        let ahead = tool.rotation * Vector3::x();
        let at = tool.translation.vector;
        PlanarPose::new(at.x, at.y, ahead.y.atan2(ahead.x))
    }
}

/// Where the vendor's drawing has the jaws of the BIO gripper, seen from the flange.
fn flange_from_jaws() -> Isometry3<f64> {
    let around = UnitQuaternion::from_axis_angle(&Vector3::z_axis(), PI);
    Isometry3::from_parts(Translation3::new(0.1595, 0.0, 0.0595), around)
}

/// The frame of a tool that points straight down.
fn downwards(tool: ToolPose) -> Isometry3<f64> {
    let PlanarPose { x_m, y_m, yaw_rad } = tool.planar;
    let turn = UnitQuaternion::from_axis_angle(&Vector3::z_axis(), yaw_rad);
    let over = UnitQuaternion::from_axis_angle(&Vector3::x_axis(), PI);
    Isometry3::from_parts(Translation3::new(x_m, y_m, tool.z_m), turn * over)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn factory() -> CellDistribution {
        CellDistribution {
            joint_zero_deg: 0.1,
            link_length_m: 0.000_5,
            link_twist_deg: 0.05,
            ..CellDistribution::default()
        }
    }

    #[test]
    fn an_exact_arm_errs_by_its_tool_alone() {
        let tool = PlanarPose::new(0.002, -0.001, 0.01);
        let arm = ArmTruth::draw(&CellDistribution::default(), 3, tool);
        let commanded = ToolPose::new(PlanarPose::new(0.35, -0.1, 0.3), 0.02);
        assert_eq!(arm.true_tool(commanded), true_tool(commanded.planar, tool));
    }

    #[test]
    fn a_real_arm_errs_by_millimeters_smoothly_and_can_be_inverted() {
        let mut squares = 0.0;
        for seed in 0..20 {
            let arm = ArmTruth::draw(&factory(), seed, PlanarPose::default());
            let error = |x_m: f64, y_m: f64, yaw_rad: f64| {
                let commanded = PlanarPose::new(x_m, y_m, yaw_rad);
                arm.true_tool(ToolPose::new(commanded, 0.02)).relative_to(commanded)
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
                let reached = arm.true_tool(ToolPose::new(commanded, 0.02)).relative_to(wanted);
                assert!(reached.translation_m() < 1e-9 && reached.dyaw_rad.abs() < 1e-9);
            }
        }
        // An independent computation in NumPy: 1.8 mm for the median arm.
        let rms_mm = 1e3 * squares.sqrt();
        assert!((1.2..2.6).contains(&rms_mm), "{rms_mm}");
    }
}
