//! What happens between hand and items, in a cell of a task or in a laboratory.

use rmrl_cell::ToolPose;

use crate::physics::grasp_dynamics::MotionEnd;
use crate::world::laboratory_contact::LaboratoryContact;
use crate::world::plate_contact::PlateContact;
use crate::world::state::WorldState;

/// What happens between hand and items.
pub(crate) enum Contact {
    /// One plate, and the places of the tasks.
    Task(PlateContact),
    /// Items in slots.
    Laboratory(LaboratoryContact),
}

impl Contact {
    /// Moves the hand, and what the jaws hold.
    pub(crate) fn move_hand(
        &mut self,
        state: &mut WorldState,
        arrival: ToolPose,
        speed_m_s: f64,
    ) -> MotionEnd {
        match self {
            Self::Task(contact) => contact.move_hand(state, arrival, speed_m_s),
            Self::Laboratory(contact) => contact.move_hand(state, arrival, speed_m_s),
        }
    }

    /// Opens the jaws to `half_opening_m` or until something stops them. Returns how far they are open.
    pub(crate) fn open_jaws(&mut self, state: &mut WorldState, half_opening_m: f64) -> f64 {
        match self {
            Self::Task(contact) => {
                contact.open_jaws(state, half_opening_m);
                half_opening_m
            }
            Self::Laboratory(contact) => contact.open_jaws(state, half_opening_m),
        }
    }

    /// Closes the jaws, on an item if one lies between them.
    pub(crate) fn close_jaws(&mut self, state: &mut WorldState) {
        match self {
            Self::Task(contact) => contact.close_jaws(state),
            Self::Laboratory(contact) => contact.close_jaws(state),
        }
    }

    /// How far apart the jaws are, in meters.
    pub(crate) fn opening_m(&self, state: &WorldState) -> f64 {
        match self {
            Self::Task(contact) => contact.opening_m(state),
            Self::Laboratory(contact) => contact.opening_m(state),
        }
    }

    /// Ends the running physics, after its result has been written to `state`.
    pub(crate) fn end(&mut self, state: &mut WorldState) {
        match self {
            Self::Task(contact) => contact.end(state),
            Self::Laboratory(contact) => contact.end(state),
        }
    }

    /// Ends the running physics and drops its result.
    pub(crate) fn discard(&mut self) {
        match self {
            Self::Task(contact) => contact.discard(),
            Self::Laboratory(contact) => contact.discard(contact.active()),
        }
    }
}
