//! What a robot cell knows of its own geometry, from what its camera sees where the arm put a plate down.
//!
//! The arm knows where it closed and opened the jaws, and the camera looks at the plate before and after. Closing jaws
//! center a plate across the fingers and turn it parallel; its offset along them stays as it is until they open. So every
//! carry measures the camera's error against the arm, and the tool's, without a board and without a reward. The equations
//! are derived in `docs/self-calibration.md`.
//!
//! - `geometry`: the unknowns, and how they enter: [`Geometry`]
//! - `equations`: a carry's equations, linear in the unknowns
//! - `estimate`: the robust posterior over the unknowns
//! - `track`: what is believed for as long as the camera stays where it is, and how well a carry fits to it
//! - `belief`: [`CellBelief`], which takes note of carries, says where to pick, and notices a camera that was moved
//! - `anywhere`: where plates lie and are gripped anywhere in the cell: [`Known`], [`Deviation`], [`OffsetLook`]
//! - `saved`: [`SavedBelief`], the belief as a file
//! - `summary`: the belief in words
//!
//! Poses are planar, in the world frame, which is the arm's base; meters and radians. A tool's pose is the commanded one.

mod anywhere;
mod belief;
mod equations;
mod estimate;
mod geometry;
mod saved;
mod summary;
mod track;

pub use anywhere::{Deviation, Known, OffsetLook};
pub use belief::{CellBelief, Pick};
pub use geometry::{Geometry, Prior};
pub use saved::SavedBelief;
pub use summary::{BeliefSummary, CameraMove, Measured};
