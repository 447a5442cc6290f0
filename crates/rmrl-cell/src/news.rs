//! What a trial tells while it is under way.

use crate::{Capture, ToolPose};

/// What goes on in the cell, for whoever watches. Told before it is done, and never waited for.
#[derive(Debug, Clone, Copy)]
pub enum CellNews<'a> {
    /// The plate is brought to its start.
    Preparing,
    /// Pictures are taken.
    Looking,
    /// The plate was looked for in this picture.
    Seen(&'a Capture),
    /// The arm goes for the plate, with the tool at this pose.
    Picking(ToolPose),
    /// The arm holds the plate and brings it to its place.
    Placing,
    /// The robot cannot go on before a person has done this.
    NeedsPerson(&'a str),
}

/// Who watches.
pub(crate) type Watcher = Box<dyn FnMut(CellNews<'_>) + Send>;
