//! Proofs that motions are clear, asked for before the arm moves.

use rmrl_cell::{Line, ToolPose};
use rmrl_inventory::SlotAddress;
use rmrl_labware::Labware;

/// What the hand has between its jaws while it moves.
#[derive(Debug, Clone, Copy)]
pub enum Load<'a> {
    /// Nothing: the jaws are this far apart, in meters.
    Open(f64),
    /// An item of this labware, with a lid on it or without.
    Holding {
        /// The labware.
        labware: &'a Labware,
        /// Whether its lid is on it.
        has_lid: bool,
    },
}

/// A line within a slot, or on the way to it or from it.
#[derive(Debug, Clone, Copy)]
pub struct SlotLine<'a> {
    /// The slot, between whose walls the line may be.
    pub slot: &'a SlotAddress,
    /// The line.
    pub line: Line,
    /// Whether the hand lets the item down on its surface, or lifts it off: it touches what it lies on.
    pub lifts: bool,
}

/// Proves that arm, gripper and load stay away from everything by their margins, and that the arm reaches every pose.
pub trait Ways: Send {
    /// The poses of the tool on a way through free space, the last of which is `to`: the straight line, or by a way above.
    ///
    /// # Errors
    /// No way is proven; in words.
    fn travel(
        &mut self,
        from: ToolPose,
        to: ToolPose,
        load: Load<'_>,
    ) -> Result<Vec<ToolPose>, String>;

    /// Proves a line at a slot.
    ///
    /// # Errors
    /// It is not clear; in words.
    fn at_slot(&mut self, line: SlotLine<'_>, load: Load<'_>) -> Result<(), String>;
}

/// The ways of a cell in which nothing stands: every straight line is clear. For cells whose arm has no known shapes, and
/// for tests.
#[derive(Debug, Clone, Copy, Default)]
pub struct NothingInTheWay;

impl Ways for NothingInTheWay {
    fn travel(
        &mut self,
        _from: ToolPose,
        to: ToolPose,
        _load: Load<'_>,
    ) -> Result<Vec<ToolPose>, String> {
        Ok(vec![to])
    }

    fn at_slot(&mut self, _line: SlotLine<'_>, _load: Load<'_>) -> Result<(), String> {
        Ok(())
    }
}
