//! What is true of the items of a laboratory and no device knows: for evaluation and for a simulated person, never for a policy.

use nalgebra::Isometry3;
use serde::{Deserialize, Serialize};

/// An item as it truly lies.
#[derive(Debug, Clone, PartialEq)]
pub struct ItemTruth {
    /// Its name.
    pub id: String,
    /// The pose of its center.
    pub world_from_item: Isometry3<f64>,
    /// The slot that it is in or over, with how far it is off; `None` anywhere else.
    pub slot: Option<(String, SlotError)>,
    /// The item that it lies on.
    pub lies_on: Option<String>,
    /// Whether the jaws hold it, or hold what it lies on.
    pub is_held: bool,
}

/// How far an item is from lying exactly in a slot.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SlotError {
    /// Along the x axis of the tool that was taught the slot: along a plate's long side.
    pub x_mm: f64,
    /// Along its y axis.
    pub y_mm: f64,
    /// Rotation, counterclockwise; 180 for a plate that is the wrong way round.
    pub yaw_deg: f64,
    /// How much higher it is than an item that lies flat there: on the slot's surface, or on what it lies on.
    pub height_mm: f64,
    /// How far it leans.
    pub tilt_deg: f64,
}
