//! One straight line: sent, waited for, and looked at.

use std::f64::consts::PI;
use std::thread;
use std::time::{Duration, Instant};

use rmrl_cell::ToolPose;
use rmrl_core::{PlanarPose, wrap_angle};

use crate::client::explain;
use crate::settings::to_f32;
use crate::{
    ArmState, Command, LineOptions, MotionLimits, Reply, Session, StateChange, XArmError, register,
};

/// How often the state is asked for during a motion.
const POLL: Duration = Duration::from_millis(20);

/// So often in a row the arm has to stand before that is believed, after it was seen to move.
const STANDS: u32 = 2;

/// So often, where it was not: it may not have begun yet, or have had no way to go.
const NEVER_MOVED: u32 = 10;

/// So often in a row a reset state is borne: it shows for a moment in some firmware.
const RESETS: u32 = 20;

/// The timer of the controller that stops the arm.
pub(crate) const STOP_TIMER: i32 = 0;

/// Turning counts as this much way, in metres for a radian: the tip of a plate's corner.
const METRES_PER_RADIAN: f64 = 0.1;

/// The controller's pose of a tool that points straight down: x, y, z in mm, roll π, pitch 0, yaw.
///
/// With roll π the tool's axis points down, and yaw turns it about the vertical as
/// [`PlanarPose::yaw_rad`] does; `jaw_yaw_deg` is the yaw where the jaws close along y.
pub fn controller_pose(tool: ToolPose, jaw_yaw_deg: f64) -> [f32; 6] {
    let planar = tool.planar;
    let yaw = wrap_angle(planar.yaw_rad + jaw_yaw_deg.to_radians());
    [planar.x_m * 1000.0, planar.y_m * 1000.0, tool.z_m * 1000.0, PI, 0.0, yaw].map(to_f32)
}

/// The pose of a tool, and how far from straight down it points, in radians; the inverse of
/// [`controller_pose`].
pub fn tool_pose(pose: [f32; 6], jaw_yaw_deg: f64) -> (ToolPose, f64) {
    let [x, y, z, roll, pitch, yaw] = pose.map(f64::from);
    // R = Rz(yaw) Ry(pitch) Rx(roll): its first column is the tool's x axis, its last points along it.
    let heading = (yaw.sin() * pitch.cos()).atan2(yaw.cos() * pitch.cos());
    let tilt = (-(pitch.cos() * roll.cos())).clamp(-1.0, 1.0).acos();
    let planar = PlanarPose::new(x / 1000.0, y / 1000.0, heading - jaw_yaw_deg.to_radians());
    (ToolPose::new(planar, z / 1000.0), tilt)
}

impl Session {
    /// Where the tool is.
    ///
    /// # Errors
    /// The link is lost, or no answer came.
    pub fn pose(&mut self) -> Result<ToolPose, XArmError> {
        self.pose_and_tilt().map(|(pose, _)| pose)
    }

    /// Moves the tool in a straight line, waits for its end, and sees where it is. Returns the pose
    /// that was sent, as the controller's numbers have it.
    ///
    /// # Errors
    /// Why the arm cannot begin, or stopped on the way, or did not arrive. Where it may still be
    /// moving it is stopped, unless the link is gone: then it ends at `target` by itself.
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
        self.begin_own_doing();
        let speed_m_s = speed_m_s.min(self.config.reduced_speed_m_s);
        let timeout = self.longest(target, speed_m_s)?;
        let pose = controller_pose(target, self.config.jaw_yaw_deg);
        self.moving = true;
        let mut ended = self.run_line(pose, speed_m_s, timeout);
        self.has_collided = matches!(ended, Err(XArmError::Collision { .. }));
        if let Err(XArmError::Refused { .. }) = ended
            && matches!(self.state(), Ok(ArmState::Stopped | ArmState::Paused))
        {
            // A stop came between the last look and the line.
            ended = self.why_stopped().and_then(Err);
        }
        if let Err(XArmError::NoAnswer { .. }) = ended {
            // A stop sent over a silent link may be carried out unseen, and could not be told from
            // somebody else's afterwards. The next link begins by stopping the arm.
            self.client.give_up("no answer while the arm moves");
        }
        if ended.is_err() && !self.client.is_lost() {
            // Whatever it was, the arm is not to go on by itself.
            match self.stop() {
                Ok(()) => {}
                Err(error) => tracing::error!("could not stop the arm: {error}"),
            }
            // Who else stopped it is not forgotten over that.
            self.stopped_here = !matches!(&ended, Err(error) if error.needs_a_person());
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
        let (sent, _) = tool_pose(pose, self.config.jaw_yaw_deg);
        self.verify_reached(sent)?;
        self.left_at = Some(self.client.joints()?);
        self.reports().expect_standing(true);
        Ok(sent)
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

    /// By feedback where the firmware has it, by state and count of motions where not.
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
                // How it ended, the errors and the pose tell.
                let error = self.error()?;
                return if error == 0 {
                    self.wait_until_ready(deadline)
                } else {
                    Err(explain(error))
                };
            }
            let (reply, status) = self.client.ask_with_status(&Command::GetState)?;
            if status.has_error() {
                return Err(self.client.explain_error());
            }
            let Reply::State(state) = reply else { continue };
            resets = if state == ArmState::Reset { resets + 1 } else { 0 };
            match state {
                ArmState::Stopped | ArmState::Paused => return Err(self.why_stopped()?),
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

    /// Feedback may be a little ahead of the state.
    fn wait_until_ready(&mut self, deadline: Instant) -> Result<(), XArmError> {
        let reset_until = Instant::now() + POLL * RESETS;
        loop {
            let state = self.state()?;
            match state {
                ArmState::Ready => return Ok(()),
                ArmState::Reset if Instant::now() >= reset_until => {
                    return Err(XArmError::StateReset);
                }
                ArmState::Stopped | ArmState::Paused => return Err(self.why_stopped()?),
                _ if Instant::now() >= deadline => {
                    return Err(XArmError::NotReady { state, waiting: self.waiting()? });
                }
                _ => thread::sleep(POLL / 10),
            }
        }
    }

    fn why_stopped(&mut self) -> Result<XArmError, XArmError> {
        let error = self.error()?;
        Ok(if error == 0 { XArmError::StoppedBySomebodyElse } else { explain(error) })
    }

    fn start_stop_timer(&mut self, timeout: Duration) -> Result<(), XArmError> {
        // Later than this computer would stop the arm itself.
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

    /// How long the way to `target` may take.
    fn longest(&mut self, target: ToolPose, speed_m_s: f64) -> Result<Duration, XArmError> {
        let (here, tilt) = self.pose_and_tilt()?;
        let (distance_m, angle_rad) = between(here, target);
        let way_m = distance_m + (angle_rad + tilt) * METRES_PER_RADIAN;
        let seconds = way_m / speed_m_s + self.config.motion_margin_secs;
        Ok(Duration::try_from_secs_f64(seconds).unwrap_or(LONGEST).min(LONGEST))
    }

    fn verify_reached(&mut self, sent: ToolPose) -> Result<(), XArmError> {
        let (reached, tilt) = self.pose_and_tilt()?;
        let (distance_m, angle_rad) = between(reached, sent);
        let (distance_mm, angle_deg) = (distance_m * 1000.0, angle_rad.max(tilt).to_degrees());
        let allowed_mm = self.config.position_tolerance_mm;
        let allowed_deg = self.config.angle_tolerance_deg;
        // Not `>`: a pose that is no number is not reached.
        if distance_mm <= allowed_mm && angle_deg <= allowed_deg {
            return Ok(());
        }
        Err(XArmError::NotReached { distance_mm, angle_deg, allowed_mm, allowed_deg })
    }
}

/// An hour: a line that takes longer is a slip of the speed.
const LONGEST: Duration = Duration::from_secs(3600);

/// Distance in metres and angle in radians.
fn between(a: ToolPose, b: ToolPose) -> (f64, f64) {
    let angle = wrap_angle(a.planar.yaw_rad - b.planar.yaw_rad).abs();
    (a.planar.distance_m(b.planar).hypot(a.z_m - b.z_m), angle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn poses_go_to_the_controller_and_back() {
        for (yaw, jaw_yaw_deg) in [(0.0, 0.0), (0.5, 90.0), (-3.1, 45.0), (3.1, -90.0)] {
            let tool = ToolPose::new(PlanarPose::new(0.31, -0.02, yaw), 0.18);
            let pose = controller_pose(tool, jaw_yaw_deg);
            assert_eq!(pose[..5], [310.0, -20.0, 180.0, std::f32::consts::PI, 0.0]);
            let (back, tilt) = tool_pose(pose, jaw_yaw_deg);
            let (distance_m, angle_rad) = between(tool, back);
            assert!(distance_m < 1e-7 && angle_rad < 1e-6 && tilt < 1e-6, "{back:?} {tilt}");
        }
    }

    #[test]
    fn a_pose_told_otherwise_is_the_same_and_a_tilted_one_is_seen() {
        let tool = ToolPose::new(PlanarPose::new(0.3, 0.0, 0.4), 0.1);
        let pi = std::f32::consts::PI;
        for [roll, pitch, yaw] in [[-pi, 0.0, 0.4], [pi, 0.0, 0.4], [0.0, pi, 0.4 - pi]] {
            let (back, tilt) = tool_pose([300.0, 0.0, 100.0, roll, pitch, yaw], 0.0);
            let (distance_m, angle_rad) = between(tool, back);
            assert!(distance_m < 1e-7 && angle_rad < 1e-6 && tilt < 1e-3, "{back:?} {tilt}");
        }
        let (_, tilt) = tool_pose([300.0, 0.0, 100.0, pi - 0.02, 0.0, 0.4], 0.0);
        assert!((tilt - 0.02).abs() < 1e-4);
    }
}
