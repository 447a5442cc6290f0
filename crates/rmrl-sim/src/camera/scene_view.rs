//! What there is to see in a cell, except what moves.

use crate::scene::clutter::Object;
use crate::scene::cuboid::Cuboid;
use crate::scene::light::Light;
use crate::scene::table_board::TableBoard;

/// What there is to see in a cell, and its light. Plates, hand and other bodies are added for each frame.
pub(super) struct SceneView {
    pub fixtures: Vec<Cuboid>,
    pub clutter: Vec<Object>,
    pub board: Option<TableBoard>,
    pub light: Light,
}
