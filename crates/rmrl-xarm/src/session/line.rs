//! One straight line: sending it, waiting for its end, and checking where the arm is.

use std::thread;
use std::time::{Duration, Instant};

use rmrl_cell::ToolPose;
use rmrl_core::wrap_angle;

use super::Session;
use crate::protocol::pose::{controller_pose, to_f32, tool_pose};
use crate::{
    ArmState, Command, LineOptions, MotionLimits, Reply, StateChange, XArmError, register,
};

/// How often the state is read during a motion.
const POLL: Duration = Duration::from_millis(20);

/// How often in a row the arm must report that it stands before a motion counts as ended, after it was seen
/// to move.
const STANDS: u32 = 2;

/// As [`STANDS`], where it was not seen to move: it may not have begun yet, or be at its target already.
const NEVER_MOVED: u32 = 10;

/// How often in a row a reset state is accepted: it shows for a moment in some firmware.
const RESETS: u32 = 20;

/// The timer of the controller that stops the arm.
pub(super) const STOP_TIMER: i32 = 0;

/// Turning counts as this much distance, in meters for a radian: the tip of a plate's corner.
pub(super) const METERS_PER_RADIAN: f64 = 0.1;

impl Session {
    /// The pose of the tool.
    ///
    /// # Errors
    /// The link is lost, or no answer came.
    pub fn pose(&mut self) -> Result<ToolPose, XArmError> {
        self.pose_and_tilt().map(|(pose, _)| pose)
    }

    /// Moves the tool in a straight line, waits for its end, and checks where it is. Returns the pose
    /// that was sent, rounded to the controller's numbers.
    ///
    /// # Errors
    /// The arm cannot begin, stopped on the way, or did not arrive. An arm that may still be moving is
    /// stopped, unless the link is gone: then it ends at `target` by itself.
    pub fn move_to(&mut self, target: ToolPose, speed_m_s: f64) -> Result<ToolPose, XArmError> {
        for (what, value, sound) in [
            ("x", target.planar.x_m, target.planar.x_m.is_finite()),
            ("y", target.planar.y_m, target.planar.y_m.is_finite()),
            ("z", target.z_m, target.z_m.is_finite()),
            ("yaw", target.planar.yaw_rad, target.planar.yaw_rad.is_finite()),
            ("speed", speed_m_s, speed_m_s.is_finite() && speed_m_s > 0.0),
        ] {
            if !sound {
                return Err(XArmError::NotANumber { what, value });
            }
        }
        self.make_ready()?;
        self.begin_own_action();
        let speed_m_s = speed_m_s.min(self.config.reduced_speed_m_s);
        let timeout = self.longest(target, speed_m_s)?;
        let pose = controller_pose(target, self.config.jaw_yaw_deg);
        self.drive(pose, speed_m_s, timeout)?;
        let (sent, _) = tool_pose(pose, self.config.jaw_yaw_deg);
        self.verify_reached(sent)?;
        self.stands()?;
        Ok(sent)
    }

    /// Sends a line to a pose in the controller's numbers, and waits for its end. An arm that may still be moving
    /// afterwards is stopped.
    ///
    /// # Errors
    /// The arm cannot begin, or stopped on the way.
    pub(super) fn drive(
        &mut self,
        pose: [f32; 6],
        speed_m_s: f64,
        timeout: Duration,
    ) -> Result<(), XArmError> {
        self.moving = true;
        let mut ended = self.run_line(pose, speed_m_s, timeout);
        self.has_collided = matches!(ended, Err(XArmError::Collision { .. }));
        if let Err(XArmError::Refused { .. }) = ended
            && matches!(self.state(), Ok(ArmState::Stopped | ArmState::Paused))
        {
            // A stop came between the last check and the line.
            ended = self.stop_reason().and_then(Err);
        }
        if let Err(XArmError::NoAnswer { .. }) = ended {
            // A stop sent over a silent link may be executed unseen, and would look like the stop of another
            // program afterwards. The next link begins by stopping the arm.
            self.client.give_up("no answer while the arm moves");
        }
        if ended.is_err() && !self.client.is_lost() {
            // Whatever the error, the arm must not continue by itself.
            match self.stop() {
                Ok(()) => {}
                Err(error) => tracing::error!("could not stop the arm: {error}"),
            }
            // This stop must not hide that of another program.
            self.stopped_here = !matches!(&ended, Err(error) if error.needs_operator());
        }
        if self.config.stop_timer && !self.client.is_lost() {
            // It would stop a later motion.
            let cancelled = self.client.ask(&Command::CancelTimer(STOP_TIMER));
            ended?;
            cancelled?;
        } else {
            ended?;
        }
        self.moving = false;
        Ok(())
    }

    /// Remembers where the arm stands after a motion of this program.
    ///
    /// # Errors
    /// The link is lost, or no answer came.
    pub(super) fn stands(&mut self) -> Result<(), XArmError> {
        self.left_at = Some(self.client.joints()?);
        self.reports().expect_standing(true);
        Ok(())
    }

    fn run_line(
        &mut self,
        pose: [f32; 6],
        speed_m_s: f64,
        timeout: Duration,
    ) -> Result<(), XArmError> {
        let deadline = Instant::now() + timeout;
        let limits = MotionLimits {
            speed: to_f32(speed_m_s * 1000.0),
            acceleration: to_f32(self.config.acceleration_m_s2 * 1000.0),
            time: 0.0,
        };
        let options = self.version().firmware.has_line_options().then(LineOptions::default);
        if self.config.stop_timer {
            self.start_stop_timer(timeout)?;
        }
        let line = Command::MoveLine { pose, limits, options };
        let transaction = self.client.start_motion(&line)?;
        self.wait_for_end(transaction, deadline, timeout)
    }

    /// Waits for feedback where the firmware has it, and for state and count of motions where not.
    fn wait_for_end(
        &mut self,
        transaction: u16,
        deadline: Instant,
        timeout: Duration,
    ) -> Result<(), XArmError> {
        let has_feedback = self.version().firmware.has_feedback();
        let (mut moved, mut stands, mut resets) = (false, 0, 0);
        loop {
            let poll = Instant::now() + POLL;
            if !has_feedback {
                thread::sleep(POLL);
            } else if self.client.wait_for_feedback(transaction, poll)?.is_some() {
                // Errors and pose show how it ended.
                let error = self.error()?;
                return if error == 0 {
                    self.wait_until_ready(deadline)
                } else {
                    Err(XArmError::of_controller(error))
                };
            }
            let (reply, status) = self.client.ask_with_status(&Command::GetState)?;
            if status.has_error() {
                return Err(self.client.explain_error());
            }
            let Reply::State(state) = reply else { continue };
            resets = if state == ArmState::Reset { resets + 1 } else { 0 };
            match state {
                ArmState::Stopped | ArmState::Paused => return Err(self.stop_reason()?),
                ArmState::Reset if resets >= RESETS => return Err(XArmError::StateReset),
                ArmState::Ready if self.waiting()? == 0 => {
                    stands += 1;
                    let enough = if moved && !has_feedback { STANDS } else { NEVER_MOVED };
                    if stands >= enough {
                        return Ok(());
                    }
                }
                ArmState::Moving => (moved, stands) = (true, 0),
                _ => stands = 0,
            }
            if Instant::now() >= deadline {
                let timeout_secs = timeout.as_secs_f64();
                return Err(XArmError::NotFinished { what: "a motion", timeout_secs });
            }
        }
    }

    /// Waits for the state, which may come a little later than feedback.
    fn wait_until_ready(&mut self, deadline: Instant) -> Result<(), XArmError> {
        let reset_until = Instant::now() + POLL * RESETS;
        loop {
            let state = self.state()?;
            match state {
                ArmState::Ready => return Ok(()),
                ArmState::Reset if Instant::now() >= reset_until => {
                    return Err(XArmError::StateReset);
                }
                ArmState::Stopped | ArmState::Paused => return Err(self.stop_reason()?),
                _ if Instant::now() >= deadline => {
                    return Err(XArmError::NotReady { state, waiting: self.waiting()? });
                }
                _ => thread::sleep(POLL / 10),
            }
        }
    }

    fn stop_reason(&mut self) -> Result<XArmError, XArmError> {
        let error = self.error()?;
        Ok(if error == 0 {
            XArmError::StoppedBySomebodyElse
        } else {
            XArmError::of_controller(error)
        })
    }

    fn start_stop_timer(&mut self, timeout: Duration) -> Result<(), XArmError> {
        // Later than this computer would stop the arm.
        #[allow(clippy::cast_possible_truncation, reason = "a motion takes no years")]
        let seconds = timeout.as_secs_f64().ceil() as i32 + 1;
        self.client.ask(&Command::SetTimer {
            seconds,
            timer: STOP_TIMER,
            register: i32::from(register::SET_STATE),
            params: [i32::from(StateChange::Stop.number()), 0],
        })?;
        Ok(())
    }

    fn pose_and_tilt(&mut self) -> Result<(ToolPose, f64), XArmError> {
        Ok(tool_pose(self.client.pose()?, self.config.jaw_yaw_deg))
    }

    /// How long the line to `target` may take.
    fn longest(&mut self, target: ToolPose, speed_m_s: f64) -> Result<Duration, XArmError> {
        let (here, tilt) = self.pose_and_tilt()?;
        let (distance_m, angle_rad) = between(here, target);
        let length_m = distance_m + (angle_rad + tilt) * METERS_PER_RADIAN;
        let seconds = length_m / speed_m_s + self.config.motion_margin_secs;
        Ok(Duration::try_from_secs_f64(seconds).unwrap_or(LONGEST).min(LONGEST))
    }

    fn verify_reached(&mut self, sent: ToolPose) -> Result<(), XArmError> {
        let (reached, tilt) = self.pose_and_tilt()?;
        let (distance_m, angle_rad) = between(reached, sent);
        self.check_reached(distance_m, angle_rad.max(tilt))
    }

    /// Checks that the arm is where it was sent, within the configured tolerances.
    pub(super) fn check_reached(&self, distance_m: f64, angle_rad: f64) -> Result<(), XArmError> {
        let (distance_mm, angle_deg) = (1000.0 * distance_m, angle_rad.to_degrees());
        let allowed_mm = self.config.position_tolerance_mm;
        let allowed_deg = self.config.angle_tolerance_deg;
        // Not `>`: a pose of NaN is not reached.
        if distance_mm <= allowed_mm && angle_deg <= allowed_deg {
            return Ok(());
        }
        Err(XArmError::NotReached { distance_mm, angle_deg, allowed_mm, allowed_deg })
    }
}

/// An hour: a line that takes longer has a wrong speed.
pub(super) const LONGEST: Duration = Duration::from_secs(3600);

/// Distance in meters and angle in radians.
fn between(a: ToolPose, b: ToolPose) -> (f64, f64) {
    let angle = wrap_angle(a.planar.yaw_rad - b.planar.yaw_rad).abs();
    (a.planar.distance_m(b.planar).hypot(a.z_m - b.z_m), angle)
}
