//! A person leads the arm and presses Enter at each pose.

use std::time::Duration;

use anyhow::anyhow;
use image::imageops;
use nalgebra::{Isometry3, Vector3};
use rmrl_cell::{Camera, FlangeLine, StopSwitch};
use rmrl_xarm::Inspector;

use crate::calibration::capture::keep;
use crate::calibration::capture_session::{CaptureHeader, CaptureSession};
use crate::calibration::coverage::{Coverage, Signature, TOO_SIMILAR};
use crate::cell::perception::camera;
use crate::cell::terminal::{Typed, drain_stdin, poll_line, say};
use crate::cli::failure::Failure;
use crate::cli::signals;
use crate::config::RunConfig;

/// How often the terminal is checked for a line.
const POLL: Duration = Duration::from_millis(50);

/// Reads the flange's pose and takes an image whenever a line is typed, until there are enough views or the input ends.
/// Nothing is sent to the controller that changes anything.
///
/// `open` opens the session, once the camera answers.
pub(super) fn capture(
    config: &RunConfig,
    header: &CaptureHeader,
    views: usize,
    open: impl FnOnce(&dyn Camera) -> Result<CaptureSession, Failure>,
) -> Result<CaptureSession, Failure> {
    let mut camera = camera(config).map_err(anyhow::Error::from)?;
    let mut arm = Inspector::connect(config.xarm.clone()).map_err(anyhow::Error::from)?;
    arm.check_model().map_err(anyhow::Error::from)?;
    let mut session = open(camera.as_ref())?;
    let stop = StopSwitch::default();
    signals::listen(&stop)?;
    say(format_args!(
        "Set the arm to manual mode in UFACTORY Studio. Lead it to a pose, let go, and press Enter; `done` and Enter ends. \
         {views} views are enough."
    ));
    drain_stdin();
    // About where the board's middle is on the flange, to compare poses.
    let nominal = header.held_by.nominal(&header.board, &config.xarm.flange_from_tool());
    let middle = (nominal * header.board.center()).coords;
    while session.views().len() < views {
        match poll_line() {
            Typed::Nothing => {
                if let Err(stopped) = stop.wait(POLL) {
                    return Err(Failure::Stopped(format!(
                        "{stopped}; {} views are in the session",
                        session.views().len()
                    )));
                }
            }
            Typed::Line(line) if line.trim() == "done" => break,
            Typed::Line(_) => {
                let told = view(camera.as_mut(), &mut arm, &mut session, header, &middle)?;
                say(told);
            }
            Typed::End => break,
        }
    }
    match session.views().is_empty() {
        true => Err(Failure::Runtime(anyhow!("no view was taken"))),
        false => Ok(session),
    }
}

/// Takes one view, and says what is seen and what is missing.
fn view(
    camera: &mut dyn Camera,
    arm: &mut Inspector,
    session: &mut CaptureSession,
    header: &CaptureHeader,
    flange_from_middle: &Vector3<f64>,
) -> anyhow::Result<String> {
    let before = resting_flange(arm)?;
    let image = imageops::grayscale(camera.capture()?.color.as_ref());
    let after = resting_flange(arm)?;
    let moved = FlangeLine { from: before, to: after };
    let (moved_mm, turned_deg) = (1000.0 * moved.length_m(), moved.turn_rad().to_degrees());
    if moved_mm > STILL_MM || turned_deg > STILL_DEG {
        return Ok(format!(
            "not kept: the arm moved by {moved_mm:.1} mm and {turned_deg:.2} degrees during the image; let go first"
        ));
    }
    let signature = Signature::new(&after, flange_from_middle);
    let others = session.views();
    let nearest = others
        .iter()
        .map(|view| {
            let other = Signature::new(&view.world_from_flange, flange_from_middle);
            (signature.distance(&other), view.view.name.clone())
        })
        .min_by(|a, b| a.0.total_cmp(&b.0));
    if let Some((distance, name)) = nearest.filter(|(distance, _)| *distance < TOO_SIMILAR) {
        tracing::debug!(distance, "similar");
        return Ok(format!("not kept: too similar to {name}; move or tilt the arm further"));
    }
    if let Err(missing) = keep(session, &image, &header.board, after)? {
        return Ok(format!("not kept: {missing}"));
    }
    let missing = Coverage::of(session.views()).missing();
    let rest = match missing.is_empty() {
        true => "nothing is missing".to_string(),
        false => format!("still missing: {}", missing.join("; ")),
    };
    Ok(format!("view {}: seen; {rest}", session.views().len()))
}

/// An arm that moves more during an image is not still, in millimeters and degrees.
const STILL_MM: f64 = 0.2;
const STILL_DEG: f64 = 0.05;

fn resting_flange(arm: &mut Inspector) -> anyhow::Result<Isometry3<f64>> {
    let report = arm.report()?;
    if let Some(report) = &report {
        arm.check_installation(report)?;
        arm.check_pose(report)?;
    }
    Ok(arm.flange(report.as_ref())?)
}
