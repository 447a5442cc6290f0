//! The connection to an arm that does not move.

use anyhow::anyhow;
use rmrl_xarm::{ArmState, Inspector, ToolReading, controller_error};

use crate::cli::failure::Failure;
use crate::config::{CellKind, RunConfig};

/// Refuses cells without an arm, and invalid values of the connections to devices. The rest of the
/// configuration need not be valid.
pub(super) fn check_real(config: &RunConfig) -> Result<(), Failure> {
    let wrong =
        |section: &str, error: &dyn std::fmt::Display| Failure::Usage(anyhow!("{section}.{error}"));
    config.xarm.validate().map_err(|error| wrong("xarm", &error))?;
    config.remote.validate().map_err(|error| wrong("remote", &error))?;
    config.camera.realsense.validate().map_err(|error| wrong("camera.realsense", &error))?;
    match config.cell.kind {
        CellKind::XArm => Ok(()),
        CellKind::External => Err(Failure::Usage(anyhow!(
            "cell.kind is \"external\": the arm is one of another program, which has to stop, move and teach it"
        ))),
        CellKind::Simulated => Err(Failure::Usage(anyhow!(
            "cell.kind is \"simulated\": there is no arm to connect to; configs/xarm6.toml is a cell with one"
        ))),
    }
}

/// A link that only reads, and the pose of the tool. Refuses an arm that has an error or that another
/// program moves.
pub(super) fn standing_arm(config: &RunConfig) -> anyhow::Result<(Inspector, ToolReading)> {
    let mut arm = Inspector::connect(config.xarm.clone())?;
    arm.check_model()?;
    let (error, _) = arm.errors()?;
    if error != 0 {
        let explained = controller_error(error);
        return Err(anyhow!(
            "controller error {error}: {}; {}, then `rmrl cell doctor --clear`",
            explained.meaning,
            explained.recovery
        ));
    }
    let (state, waiting) = arm.state()?;
    if state == ArmState::Moving || waiting > 0 {
        return Err(anyhow!(
            "another program moves the arm; end that program first, or use `rmrl cell stop`"
        ));
    }
    let report = arm.report()?;
    let tool = arm.tool(report.as_ref())?;
    Ok((arm, tool))
}
