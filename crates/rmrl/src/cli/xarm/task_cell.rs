//! `rmrl xarm emulate` of the cell of a task.

use anyhow::{Context, anyhow};
use rmrl_cell::Camera;
use rmrl_xarm::emulator::{EmulatedController, Plant};

use super::arguments::{Emulate, Listening, controller, inject_typed_faults, not_emulated};
use crate::cell::emulated_calibration::emulated_calibration;
use crate::cell::remote::CellServer;
use crate::cell::simulated::simulated_cell;
use crate::cli::failure::Failure;
use crate::cli::output::print_result;
use crate::config::Layers;

/// Emulates the cell of a task until the process ends.
pub(super) fn emulate(arguments: &Emulate, layers: Layers) -> Result<(), Failure> {
    if arguments.keep_outs.as_deref().is_some_and(|does| does != "off") {
        return Err(Failure::Usage(anyhow!(
            "--keep-outs needs a configuration with sites: add [sites.NAME], as configs/laboratory-emulated.toml has them"
        )));
    }
    let config = layers.resolve()?;
    config.simulation.check_task(&config.task).map_err(|error| Failure::Usage(error.into()))?;
    let cell = simulated_cell(&config, u64::from(config.seed)).map_err(anyhow::Error::from)?;

    let controller = controller(arguments, &config)?;
    let plant = Plant { arm: Box::new(cell.clone()), gripper: Box::new(cell.clone()) };
    let running = EmulatedController::start(controller, plant)
        .with_context(|| not_emulated(arguments, &config))?;
    arguments.fault.iter().for_each(|fault| running.faults().schedule(*fault));
    let calibration = emulated_calibration(&config, &cell);
    let remote = CellServer::start(&arguments.cell, cell.clone(), Some(calibration))
        .with_context(|| format!("nothing can be served at --cell {}", arguments.cell))?;
    let listening = Listening::of(&running, &remote, arguments)?;
    let size = cell.model().intrinsics;
    tracing::info!("the camera captures {} x {} pixels", size.width, size.height);
    let next = "in another terminal, rmrl train --config configs/xarm6-emulated.toml";
    print_result(&listening, false, next)?;
    // Other threads do everything else until the process ends.
    inject_typed_faults(running.faults(), |_| false)
}
