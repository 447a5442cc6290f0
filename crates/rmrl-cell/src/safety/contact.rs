//! What follows on contact, expected or not.

use crate::ToolPose;

/// What follows when the arm meets something where no contact was expected.
///
/// Contact is expected at the end of a descent, and nowhere else.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum AfterContact {
    /// Nothing moves and nothing is cleared until an operator has looked and starts the program again.
    #[default]
    WaitForPerson,
    /// The arm recovers from the first such contact. Then every motion has at most this speed, until a plate has
    /// been placed. A second contact before that waits for an operator.
    RetrySlowly {
        /// The highest speed then, in meters per second.
        speed_m_s: f64,
    },
    /// The arm recovers from every such contact, at full speed. For simulated cells: nobody can be hurt there.
    Recover,
}

/// The arm met something where no contact was expected, and stands there.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error(
    "the arm met something at x = {:.0} mm, y = {:.0} mm, z = {:.0} mm, where no contact was expected{}; it \
     stands there and does not move again. A person has to look what it met and free the arm. Then start \
     again: the start asks, and continues",
    1000.0 * at.planar.x_m, 1000.0 * at.planar.y_m, 1000.0 * at.z_m,
    if *is_second { ", a second time" } else { "" }
)]
pub struct UnexpectedContact {
    /// Where the tool stopped.
    pub at: ToolPose,
    /// Whether it follows another one, after which the arm continued slowly.
    pub is_second: bool,
}

/// How a descent ended.
#[derive(Debug, Clone, Copy, PartialEq)]
#[must_use]
pub enum Descent {
    /// The tool arrived at this pose, as commanded: a driver may have had to round it.
    Arrived(ToolPose),
    /// The tool met something where contact was expected, and stopped at this pose. The arm can move again.
    Contact(ToolPose),
}

/// What the arm has met so far.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
enum Met {
    /// Nothing unexpected, or a plate has been placed since.
    #[default]
    Nothing,
    /// Something unexpected, once; motions are slow.
    Once,
    /// Something that an operator has to look at.
    ForOperator(UnexpectedContact),
}

/// Decides what follows on contact. What an operator has to look at stays so until the process ends.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct ContactLatch {
    pub(crate) after: AfterContact,
    met: Met,
}

impl ContactLatch {
    /// Whether the arm may still be moved, and recovered.
    pub(crate) fn check(&self) -> Result<(), UnexpectedContact> {
        match self.met {
            Met::ForOperator(contact) => Err(contact),
            Met::Nothing | Met::Once => Ok(()),
        }
    }

    /// Notes a contact where none was expected. `Ok` where the arm may recover from it.
    pub(crate) fn meet(&mut self, at: ToolPose) -> Result<(), UnexpectedContact> {
        match (self.after, self.met) {
            (AfterContact::Recover, _) => {}
            (AfterContact::RetrySlowly { speed_m_s }, Met::Nothing) => {
                tracing::warn!(
                    "the arm met something where no contact was expected; it is recovered once, and moves at \
                     {speed_m_s} m/s at most until a plate has been placed (unattended.retry_after_contact)"
                );
                self.met = Met::Once;
            }
            (_, Met::ForOperator(contact)) => return Err(contact),
            (_, met) => {
                let contact = UnexpectedContact { at, is_second: met == Met::Once };
                self.met = Met::ForOperator(contact);
                return Err(contact);
            }
        }
        Ok(())
    }

    /// The speed of a motion that was to have `speed_m_s`.
    pub(crate) fn limit(&self, speed_m_s: f64) -> f64 {
        match (self.after, self.met) {
            (AfterContact::RetrySlowly { speed_m_s: slow_m_s }, Met::Once) => {
                speed_m_s.min(slow_m_s)
            }
            _ => speed_m_s,
        }
    }

    /// A plate has been placed: the obstacle is out of the way.
    pub(crate) fn placed(&mut self) {
        if self.met == Met::Once {
            self.met = Met::Nothing;
        }
    }
}
