//! `rmrl xarm emulate` of a configuration with sites.

use std::process::exit;
use std::sync::Arc;
use std::thread;

use anyhow::Context;
use rmrl_cell::Camera;
use rmrl_inventory::{Item, Place};
use rmrl_xarm::ArmModel;
use rmrl_xarm::emulator::{KeepOutViolation, KeepOuts};
use serde::Serialize;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::arguments::{Emulate, Listening, controller, inject_typed_faults, not_emulated};
use crate::cell::emulated_keep_outs::emulated_keep_outs;
use crate::cell::emulated_laboratory::{EmulatedLaboratory, EmulatedLaboratoryError};
use crate::cell::terminal::say;
use crate::cli::failure::Failure;
use crate::cli::output::{is_for_people, print_line, print_result, shell_word};
use crate::cli::signals::STOPPED;
use crate::config::{Layers, Places, RunConfig};

/// Emulates the laboratory of a configuration's sites until a signal ends it.
pub(super) fn emulate(arguments: &Emulate, layers: &Layers) -> Result<(), Failure> {
    let places = layers.places()?;
    let config = layers.clone().resolve()?;
    let keep_outs = keep_outs(arguments, &config, &places);
    let is_judged = keep_outs.is_some();
    let emulated = start(arguments, &config, &places, keep_outs)?;
    arguments.fault.iter().for_each(|fault| emulated.controller.faults().schedule(*fault));
    let words = arguments.configuration.words().join(" ");
    let look = || set_commands(&emulated.seen_by_a_person(), &words);
    let mut listening = Listening::of(&emulated.controller, &emulated.server, arguments)?;
    listening.inventory = look();
    let size = emulated.cell.model().intrinsics;
    tracing::info!("the camera captures {} x {} pixels", size.width, size.height);
    let next = format!("in another terminal, rmrl cell doctor --power-gripper {words}");
    let read = Arc::new(emulated.controller.violation_reader());
    if is_judged {
        let read = Arc::clone(&read);
        say_at_the_end(move || read())?;
    }
    print_result(&listening, false, next.trim())?;
    inject_typed_faults(emulated.controller.faults(), |typed| match typed {
        "keep-outs" if is_judged => {
            say(format_args!("{}", in_words(&read())));
            true
        }
        "keep-outs" => {
            say(format_args!("nothing is judged (--keep-outs off)"));
            true
        }
        "look" => {
            look().iter().for_each(|command| say(format_args!("{command}")));
            true
        }
        _ => false,
    })
}

fn start(
    arguments: &Emulate,
    config: &RunConfig,
    places: &Places,
    keep_outs: Option<KeepOuts>,
) -> Result<EmulatedLaboratory, Failure> {
    let (controller, served_at) = (controller(arguments, config)?, arguments.cell.as_str());
    let emulated = EmulatedLaboratory::start(config, places, controller, keep_outs, served_at);
    let emulated = emulated.map_err(|error| match error {
        EmulatedLaboratoryError::Controller(error) => {
            anyhow::Error::from(error).context(not_emulated(arguments, config))
        }
        EmulatedLaboratoryError::Served(error) => {
            let at = format!("nothing can be served at --cell {served_at}");
            anyhow::Error::from(error).context(at)
        }
        error => error.into(),
    });
    Ok(emulated?)
}

/// What motions are judged by; nothing if that is off, or for an arm whose shapes are not known.
fn keep_outs(arguments: &Emulate, config: &RunConfig, places: &Places) -> Option<KeepOuts> {
    let does = arguments.keep_outs.as_deref();
    if does == Some("off") {
        return None;
    }
    let model = config.xarm.model;
    if does.is_none() && model != ArmModel::XArm6 {
        tracing::warn!("no motion is judged: the shapes of xarm.model = \"{model}\" are not known");
        return None;
    }
    let stop_on_violation = does == Some("stop");
    Some(KeepOuts { stop_on_violation, ..emulated_keep_outs(config, places) })
}

/// The commands by which a person says what lies in each place.
fn set_commands(places: &[(Place, Vec<Item>)], configuration: &str) -> Vec<String> {
    let command = |(place, items): &(Place, Vec<Item>)| {
        let items = items.iter().map(|item| {
            let lid = if item.has_lid { "+lid" } else { "" };
            shell_word(&format!("{}={}{lid}", item.id, item.labware())) + " "
        });
        let items: String = items.collect();
        format!("rmrl cell inventory set {place} {items}--reason looked {configuration}")
            .trim()
            .to_string()
    };
    // Nothing between the jaws is what an inventory assumes.
    let is_said = |(place, items): &&(Place, Vec<Item>)| *place != Place::Jaws || !items.is_empty();
    places.iter().filter(is_said).map(command).collect()
}

/// How the emulation ended.
#[derive(Serialize)]
struct Ended {
    event: &'static str,
    keep_out_violations: usize,
}

/// Prints the number of violations when a signal ends the process.
fn say_at_the_end(
    violations: impl Fn() -> Vec<KeepOutViolation> + Send + 'static,
) -> anyhow::Result<()> {
    let mut signals =
        Signals::new([SIGINT, SIGTERM]).context("cannot listen for Ctrl-C and SIGTERM")?;
    let listen = move || {
        if signals.forever().next().is_none() {
            return;
        }
        let found = violations();
        let ended = Ended { event: "ended", keep_out_violations: found.len() };
        let printed = if is_for_people() { Ok(()) } else { print_line(&ended) };
        if is_for_people() || printed.is_err() {
            say(format_args!("{}", in_words(&found)));
        }
        exit(i32::from(STOPPED));
    };
    let thread = thread::Builder::new().name("signals".to_string()).spawn(listen);
    thread.map(drop).context("cannot listen for Ctrl-C and SIGTERM")
}

fn in_words(violations: &[KeepOutViolation]) -> String {
    let lines: Vec<String> = violations.iter().map(ToString::to_string).collect();
    let count = format!("keep-out violations: {}", lines.len());
    std::iter::once(count).chain(lines).collect::<Vec<_>>().join("\n")
}
