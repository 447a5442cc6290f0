//! Motions without a queue: targets of the servo mode, and velocities.
//!
//! The newest request counts, and nothing is planned before. What is impossible is an error where the arm
//! comes to it.

use nalgebra::Isometry3;

use super::trajectories::Playback;
use crate::kinematics::Joints;

/// What the arm follows.
#[derive(Debug, Clone)]
pub(super) enum Drive {
    /// Joint angles, as fast as the joints can.
    Joints(Joints),
    /// A pose of the tool, as fast as the tool can.
    Tool(Isometry3<f64>),
    /// Velocities of the joints, in radians per second.
    JointVelocity(Velocity),
    /// Velocities of the tool: meters and radians per second, along the axes of the world or of the tool.
    ToolVelocity { velocity: Velocity, in_tool: bool },
    /// A recorded trajectory.
    Playback(Playback),
}

/// Velocities that rise and fall towards what was requested.
#[derive(Debug, Clone, Copy)]
pub(super) struct Velocity {
    pub target: [f64; 6],
    pub now: [f64; 6],
    /// After this time the target is zero.
    pub left_secs: Option<f64>,
    /// Whether all reach their target at the same time.
    pub together: bool,
}

impl Velocity {
    /// The velocities after a time, each of which changes at most at its rate.
    pub fn after(mut self, secs: f64, rates: [f64; 6]) -> Self {
        if let Some(left_secs) = &mut self.left_secs {
            *left_secs -= secs;
            if *left_secs <= 0.0 {
                self.target = [0.0; 6];
            }
        }
        let share = |index: usize| {
            let missing: f64 = self.target[index] - self.now[index];
            (rates[index] * secs / missing.abs().max(1e-12)).min(1.0)
        };
        let least = (0..6).map(share).fold(1.0, f64::min);
        let now = std::array::from_fn(|index| {
            let share = if self.together { least } else { share(index) };
            if share < 1.0 {
                self.now[index] + share * (self.target[index] - self.now[index])
            } else {
                self.target[index]
            }
        });
        Self { now, ..self }
    }

    pub fn has_ended(&self) -> bool {
        self.now == [0.0; 6] && self.target == [0.0; 6]
    }
}

impl Drive {
    /// Whether it ends by itself as time passes. A velocity without an end does not.
    pub fn ends(&self) -> bool {
        match self {
            Self::Joints(_) | Self::Tool(_) => true,
            Self::JointVelocity(velocity) | Self::ToolVelocity { velocity, .. } => {
                velocity.left_secs.is_some() || velocity.target == [0.0; 6]
            }
            Self::Playback(playback) => playback.ends(),
        }
    }

    /// The velocities of the joints or of the tool, to go on from.
    pub fn velocities(&self) -> [f64; 6] {
        match self {
            Self::Joints(_) | Self::Tool(_) | Self::Playback(_) => [0.0; 6],
            Self::JointVelocity(velocity) | Self::ToolVelocity { velocity, .. } => velocity.now,
        }
    }
}
