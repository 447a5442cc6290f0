//! Proves which part of the safety envelope an arm reaches, with the tool pointing down:
//!
//! ```sh
//! cargo run --release -p rmrl-xarm --example reach -- 0.172 xarm5
//! ```
//!
//! The arguments are the length of the tool in meters and the model, by default an xArm 6. For growing heights it
//! prints whether the arm can follow every straight line between points of a grid over the envelope, with yaws of
//! 20 degrees either way, and with which margins.

use std::error::Error;
use std::time::Instant;

use nalgebra::Isometry3;
use rmrl_cell::{SafetyConfig, ToolPose};
use rmrl_core::PlanarPose;
use rmrl_xarm::ArmModel;
use rmrl_xarm::kinematics::{ArmKinematics, ReachMargins};

fn main() -> Result<(), Box<dyn Error>> {
    let length_m = std::env::args().nth(1).map_or(Ok(0.172), |text| text.parse())?;
    let model = match std::env::args().nth(2) {
        Some(key) => {
            let known = ArmModel::ALL.into_iter().find(|model| model.key() == key);
            known.ok_or("the model is xarm5, xarm6 or 850")?
        }
        None => ArmModel::default(),
    };
    let flange_from_tool = Isometry3::translation(0.0, 0.0, length_m);
    let envelope = SafetyConfig::default();
    let thirds = |[from, to]: [f64; 2]| [from, 0.5 * (from + to), to];
    for inset_m in [0.0, 0.05, 0.10] {
        let [x_from, x_to] = envelope.x_m;
        let x_m = thirds([x_from + inset_m, x_to - inset_m]);
        for top_m in [0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4] {
            let mut poses = Vec::new();
            for x_m in x_m {
                for y_m in thirds(envelope.y_m) {
                    for z_m in [envelope.z_m[0], top_m] {
                        for yaw_deg in [-20f64, 20.0] {
                            let planar = PlanarPose::new(x_m, y_m, yaw_deg.to_radians());
                            poses.push(ToolPose::new(planar, z_m));
                        }
                    }
                }
            }
            let began = Instant::now();
            let arm = ArmKinematics::new(model);
            let proof =
                arm.prove_reach(&flange_from_tool, &poses, &[0.0; 6], ReachMargins::default());
            print!("x {:.2} to {:.2} m, z up to {top_m} m: ", x_m[0], x_m[2]);
            match proof {
                Ok(proof) => println!(
                    "all of it, {} poses in {:.2} s, joints {:.1} degrees from a limit, {:.3} from a singularity",
                    proof.samples,
                    began.elapsed().as_secs_f64(),
                    proof.least_limit_distance_rad.to_degrees(),
                    proof.least_singularity_distance,
                ),
                Err(refusal) => println!("no: {refusal}"),
            }
        }
    }
    Ok(())
}
