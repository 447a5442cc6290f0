//! Has an arm show a board to the overhead camera, in poses that nobody types.

use std::time::Duration;

use image::{GrayImage, imageops};
use nalgebra::{Isometry3, Vector3};
use rmrl_calibration::{BoardMissing, ChessboardFinder, PoseNoise, View, eye_to_hand};
use rmrl_cell::{
    Camera, DeviceError, FlangeLine, GuardedFlange, MAX_FLANGE_SPEED_M_S, MotionError,
    SafetyConfig, TiltEnvelope,
};
use rmrl_vision::{CameraModel, Chessboard};

use super::board_mount::Carried;
use super::capture_session::{CaptureSession, CaptureSessionError};
use super::coverage::Signature;
use super::pose_plan::{
    Known, Showing, by_novelty, candidates, first_places, first_poses, line_secs,
};

/// Why a capture ended early. What was captured so far is on disk.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// The arm did not move, or was stopped.
    #[error(transparent)]
    Motion(#[from] MotionError),
    /// The camera.
    #[error("the camera gave no image")]
    Camera(#[from] DeviceError),
    /// The session.
    #[error(transparent)]
    Session(#[from] CaptureSessionError),
    /// The board was not seen anywhere.
    #[error(
        "the camera saw the whole board in none of {tried} places: {reason}. Hold it face up with its print towards the \
         camera, and check --corners, --square-mm and --held-by"
    )]
    NotSeen {
        /// The places.
        tried: usize,
        /// The last reason.
        reason: String,
    },
    /// No pose could be reached.
    #[error("the arm can show the board in no place: {reason}")]
    Unreachable {
        /// Why the last one could not be reached.
        reason: String,
    },
    /// The board is elsewhere on the flange than the envelope assumed.
    #[error(
        "the views show the board's middle {off_mm:.0} mm from where it was expected on the flange, at x = {:.0}, y = {:.0}, \
         z = {:.0} mm; at most {MOST_OFF_MM} are safe: hold it as docs/calibration.md shows, or check --held-by and \
         --square-mm",
        at_mm[0], at_mm[1], at_mm[2]
    )]
    HeldElsewhere {
        /// The distance, in millimeters.
        off_mm: f64,
        /// Where the board's middle is on the flange, in millimeters.
        at_mm: [f64; 3],
    },
    /// Too many views did not show the board.
    #[error(
        "{missed} views did not show the whole board, the last one because {reason}: look what hides it, or whether it \
         slipped"
    )]
    Missed {
        /// The number of views.
        missed: usize,
        /// The last reason.
        reason: String,
    },
}

/// The largest distance of the board from where it was expected, in millimeters. The envelope's margin is larger, and
/// the first poses are few.
const MOST_OFF_MM: f64 = 30.0;
/// Views that may miss the board.
const MOST_MISSED: usize = 20;
/// The least number of views that show where camera and board are.
const FIRST_VIEWS: usize = 6;

/// From so many views on, camera and board are known better than planning needs,
const WELL_KNOWN_VIEWS: usize = 12;
/// and they are found again after every so many views.
const KNOWN_AGAIN_VIEWS: usize = 4;

/// What to capture, and how.
pub struct Capture<'a> {
    /// The board.
    pub board: Chessboard,
    /// Where it is expected on the flange.
    pub nominal: Isometry3<f64>,
    /// The tool's point on the flange, which stays in the workspace as well.
    pub flange_from_tool: Isometry3<f64>,
    /// The workspace.
    pub safety: SafetyConfig,
    /// Nothing comes lower, in meters.
    pub floor_m: f64,
    /// How many views.
    pub views: usize,
    /// Decides the poses.
    pub seed: u64,
    /// How long the arm rests before an image.
    pub settle: Duration,
    /// Whether the arm has to rest: a simulated one is still at once, and only the estimate has the time.
    pub rests: bool,
    /// The speed, in meters per second.
    pub speed_m_s: f64,
    /// Gets one line for people after every view.
    pub say: &'a mut dyn FnMut(String),
}

/// The devices of a capture.
pub struct CaptureDevices {
    /// The arm with the board.
    pub arm: GuardedFlange,
    /// The overhead camera.
    pub camera: Box<dyn Camera>,
}

/// What a capture did.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct CaptureReport {
    /// Views that did not show the whole board.
    pub missed: usize,
    /// The robot's time: an estimate from its lines, with the waits before images, in seconds.
    pub robot_secs: f64,
}

/// The result of one pose.
enum Shown {
    Seen,
    Missed(BoardMissing),
    Refused(MotionError),
}

/// The speed of a capture, in meters per second.
pub const CAPTURE_SPEED_M_S: f64 = MAX_FLANGE_SPEED_M_S;
/// The time that an image and its check take, in seconds, for the estimate.
const IMAGE_SECS: f64 = 0.5;

impl Capture<'_> {
    /// The envelope before any view.
    ///
    /// # Errors
    /// An invalid limit of the workspace.
    pub fn first_envelope(&self) -> Result<TiltEnvelope, rmrl_core::InvalidKey> {
        self.envelope_above(self.floor_m)
    }

    /// As [`Self::first_envelope`], with another lowest place, in meters.
    ///
    /// # Errors
    /// An invalid limit of the workspace.
    pub fn envelope_above(&self, floor_m: f64) -> Result<TiltEnvelope, rmrl_core::InvalidKey> {
        let carried = Carried::expected(&self.board, &self.nominal, &self.flange_from_tool);
        TiltEnvelope::new(self.safety, floor_m, &carried.points, carried.margin_m)
    }

    /// The upright poses in which the board is looked for first, those that the envelope allows.
    pub fn first_stances(&self, envelope: &TiltEnvelope) -> Vec<Showing> {
        let middle = self.nominal_middle();
        let places = first_places(envelope.limits_m()).into_iter();
        places
            .map(|(place, yaw_rad)| Showing::new(&middle, place, yaw_rad, Vector3::zeros()))
            .filter(|one| envelope.check_line(&one.stance, &one.stance, self.speed_m_s).is_ok())
            .collect()
    }

    /// Shows the board in all poses that are still missing in the session.
    ///
    /// # Errors
    /// The arm was stopped, met something or failed, the camera failed, or the board is not seen.
    pub fn run(
        &mut self,
        devices: &mut CaptureDevices,
        session: &mut CaptureSession,
    ) -> Result<CaptureReport, CaptureError> {
        let mut report = CaptureReport::default();
        let mut known = self.known(devices, session)?;
        if known.is_none() {
            self.show_first(devices, session, &mut report)?;
            known = self.known(devices, session)?;
        }
        let mut missed: Vec<Signature> = Vec::new();
        let mut number = 0;
        let mut last = String::from("no pose is within the envelope and the image");
        while session.views().len() < self.views {
            let Some(now) = known else {
                return Err(CaptureError::Unreachable { reason: last });
            };
            let was = session.views().len();
            number += 1;
            for showing in self.next_poses(devices, session, &now, &missed, number) {
                match self.show(devices, session, &showing, &mut report)? {
                    Shown::Seen => break,
                    Shown::Refused(reason) => last = reason.to_string(),
                    Shown::Missed(reason) => {
                        missed.push(Signature::new(&showing.tilted, &middle_of(&now, &self.board)));
                        if missed.len() > MOST_MISSED {
                            let (missed, reason) = (missed.len(), reason.to_string());
                            return Err(CaptureError::Missed { missed, reason });
                        }
                        break;
                    }
                }
            }
            let is_new = session.views().len() > was;
            if !is_new && number > MOST_ROUNDS {
                return Err(CaptureError::Unreachable { reason: last });
            }
            let count = session.views().len();
            if is_new && (count < WELL_KNOWN_VIEWS || count.is_multiple_of(KNOWN_AGAIN_VIEWS)) {
                known = self.known(devices, session)?;
            }
        }
        Ok(report)
    }

    fn nominal_middle(&self) -> Vector3<f64> {
        (self.nominal * self.board.center()).coords
    }

    /// Finds the board, and shows it around that place until camera and board are known.
    fn show_first(
        &mut self,
        devices: &mut CaptureDevices,
        session: &mut CaptureSession,
        report: &mut CaptureReport,
    ) -> Result<(), CaptureError> {
        let stances = self.first_stances(devices.arm.envelope());
        let tried = stances.len();
        let mut last =
            "no pose is within the envelope: the board is too large for [safety]".to_string();
        let mut found = None;
        for stance in stances {
            match self.show(devices, session, &stance, report)? {
                Shown::Seen => found = Some(stance),
                Shown::Missed(reason) => last = reason.to_string(),
                Shown::Refused(reason) => last = reason.to_string(),
            }
            if found.is_some() {
                break;
            }
        }
        let Some(found) = found else {
            return Err(CaptureError::NotSeen { tried, reason: last });
        };
        let middle = self.nominal_middle();
        let place = found.stance * nalgebra::Point3::from(middle);
        let ahead = found.stance.rotation * Vector3::x();
        for showing in first_poses(&middle, place.coords, ahead.y.atan2(ahead.x)) {
            if session.views().len() >= FIRST_VIEWS && self.known(devices, session)?.is_some() {
                break;
            }
            if let Shown::Refused(reason) = self.show(devices, session, &showing, report)? {
                tracing::info!("a first pose is left out: {reason}");
            }
        }
        Ok(())
    }

    /// What the views so far show; `None` if they are too few. The envelope is then that of the board as it is.
    fn known(
        &self,
        devices: &mut CaptureDevices,
        session: &CaptureSession,
    ) -> Result<Option<Known>, CaptureError> {
        let intrinsics = devices.camera.model().intrinsics;
        let found =
            eye_to_hand(session.views(), &intrinsics, &self.board.into(), PoseNoise::default());
        let Ok(found) = found else { return Ok(None) };
        let middle = (found.flange_from_board * self.board.center()).coords;
        let off_mm = 1000.0 * (middle - self.nominal_middle()).norm();
        if off_mm > MOST_OFF_MM {
            let at_mm = (1000.0 * middle).into();
            return Err(CaptureError::HeldElsewhere { off_mm, at_mm });
        }
        let carried = Carried::seen(&self.board, &found.flange_from_board, &self.flange_from_tool);
        let envelope =
            TiltEnvelope::new(self.safety, self.floor_m, &carried.points, carried.margin_m);
        // The limits were valid before.
        if let Ok(envelope) = envelope {
            devices.arm.set_envelope(envelope);
        }
        let camera = CameraModel { intrinsics, world_from_camera: found.world_from_camera };
        Ok(Some(Known { camera, flange_from_board: found.flange_from_board }))
    }

    /// The next poses to try: those first that differ most from the views so far and from poses that did not show the
    /// board.
    fn next_poses(
        &self,
        devices: &CaptureDevices,
        session: &CaptureSession,
        known: &Known,
        missed: &[Signature],
        number: u64,
    ) -> Vec<Showing> {
        let envelope = devices.arm.envelope();
        let begun = session.views().len() as u64;
        let mut poses =
            candidates(self.seed, 1000 * begun + number, known, &self.board, envelope.limits_m());
        poses.retain(|one| envelope.check_line(&one.stance, &one.tilted, self.speed_m_s).is_ok());
        let middle = middle_of(known, &self.board);
        let seen = session.views();
        let taken = seen.iter().map(|view| Signature::new(&view.world_from_flange, &middle));
        let taken: Vec<Signature> = taken.chain(missed.iter().copied()).collect();
        by_novelty(poses, &taken, &middle)
    }

    /// Goes to a pose if envelope and arm allow it, takes the image, and rises again.
    fn show(
        &mut self,
        devices: &mut CaptureDevices,
        session: &mut CaptureSession,
        showing: &Showing,
        report: &mut CaptureReport,
    ) -> Result<Shown, CaptureError> {
        let arm = &mut devices.arm;
        match arm.check_path(&showing.path(), self.speed_m_s) {
            Err(
                reason @ (MotionError::Refused(_)
                | MotionError::Device(DeviceError::Refused { .. })),
            ) => return Ok(Shown::Refused(reason)),
            other => other?,
        }
        let from = arm.flange()?;
        arm.move_to(&showing.stance, self.speed_m_s)?;
        arm.move_to(&showing.tilted, self.speed_m_s)?;
        if self.rests {
            arm.stop_switch().wait(self.settle).map_err(MotionError::from)?;
        }
        let image = imageops::grayscale(devices.camera.capture()?.color.as_ref());
        let reported = arm.flange()?;
        arm.move_to(&showing.stance, self.speed_m_s)?;
        let lines = [
            FlangeLine { from, to: showing.stance },
            FlangeLine { from: showing.stance, to: showing.tilted },
            FlangeLine { from: showing.tilted, to: showing.stance },
        ];
        let secs = lines.iter().map(|line| line_secs(line, self.speed_m_s)).sum::<f64>();
        report.robot_secs += secs + self.settle.as_secs_f64() + IMAGE_SECS;
        let shown = keep(session, &image, &self.board, reported)?;
        let at = 1000.0 * reported.translation.vector;
        let place = format!("flange at x {:.0}, y {:.0}, z {:.0} mm", at.x, at.y, at.z);
        match shown {
            Ok(()) => {
                (self.say)(format!("view {} of {}: {place}", session.views().len(), self.views));
                Ok(Shown::Seen)
            }
            Err(missing) => {
                report.missed += 1;
                (self.say)(format!("board not seen: {place}: {missing}"));
                Ok(Shown::Missed(missing))
            }
        }
    }
}

/// Rounds of planning without a view before the capture gives up.
const MOST_ROUNDS: u64 = 400;

fn middle_of(known: &Known, board: &Chessboard) -> Vector3<f64> {
    (known.flange_from_board * board.center()).coords
}

/// Looks for the board in an image, and adds the view to the session if all of it is visible.
///
/// # Errors
/// The session cannot be written.
pub fn keep(
    session: &mut CaptureSession,
    image: &GrayImage,
    board: &Chessboard,
    world_from_flange: Isometry3<f64>,
) -> Result<Result<(), BoardMissing>, CaptureSessionError> {
    let sighting = match ChessboardFinder.look(image, board) {
        Ok(sighting) => sighting,
        Err(missing) => return Ok(Err(missing)),
    };
    let view = View::new(session.next_name(), [image.width(), image.height()], sighting);
    session.add(image, view, world_from_flange)?;
    Ok(Ok(()))
}
