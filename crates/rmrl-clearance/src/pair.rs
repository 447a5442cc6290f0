//! Which parts have to stay away from what, and how far.

use nalgebra::Vector3;

use crate::clearance_error::ClearanceError;
use crate::keep_out::{ClearanceConfig, TABLE};
use crate::part::{FLANGE, Kind, Part};

/// A slot, a tray or a table that the hand comes near to on purpose.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Entering<'a> {
    /// The obstacle's name; [`TABLE`] for the table.
    pub obstacle: &'a str,
    /// The margin of fingers and held plate from it, in meters.
    pub margin_m: f64,
    /// The margin of the gripper's body from it, in meters; without it the configured one. Its underside is only 14 mm
    /// above the finger tips, so a plate on a table needs one.
    pub body_margin_m: Option<f64>,
}

/// What a line is allowed beyond the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Allowed<'a> {
    /// Obstacles that the gripper and the plate may touch. The arm's links keep their margin from them.
    pub exempt: &'a [&'a str],
    /// An obstacle with smaller margins of the hand. The arm's links keep the configured margin from it.
    pub entering: Option<Entering<'a>>,
}

/// What a part has to stay away from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Other {
    /// The table, with its height in meters.
    Table(f64),
    /// A keep-out box, by its index.
    Box(usize),
    /// Another part, by its index.
    Part(usize),
}

/// A part and what it has to stay away from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pair {
    pub part: usize,
    pub other: Other,
    pub margin_m: f64,
    /// The direction in which they were apart when they were last compared.
    pub direction: Option<Vector3<f64>>,
}

/// All pairs that a line has to keep apart.
///
/// # Errors
/// A name is that of no obstacle, or a margin is no distance.
pub(crate) fn pairs(
    parts: &[Part],
    config: &ClearanceConfig,
    allowed: &Allowed<'_>,
) -> Result<Vec<Pair>, ClearanceError> {
    check_names(config, allowed)?;
    let boxes = config.keep_outs.iter().enumerate();
    let mut obstacles: Vec<(&str, Other)> =
        boxes.map(|(index, one)| (one.name.as_str(), Other::Box(index))).collect();
    obstacles.extend(config.table_m.map(|height_m| (TABLE, Other::Table(height_m))));
    let mut pairs = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        // The base does not move.
        for (name, other) in obstacles.iter().filter(|_| part.frame > 0) {
            if let Some(margin_m) = margin_m(part, name, config, allowed) {
                pairs.push(Pair { part: index, other: *other, margin_m, direction: None });
            }
        }
        for (link, other) in parts.iter().enumerate() {
            if keeps_from_link(part, other) {
                let margin_m = config.self_margin_m;
                let other = Other::Part(link);
                pairs.push(Pair { part: index, other, margin_m, direction: None });
            }
        }
    }
    Ok(pairs)
}

fn check_names(config: &ClearanceConfig, allowed: &Allowed<'_>) -> Result<(), ClearanceError> {
    let entered = allowed.entering.iter().map(|entering| entering.obstacle);
    for name in allowed.exempt.iter().copied().chain(entered) {
        let is_known = match name {
            TABLE => config.table_m.is_some(),
            _ => config.keep_outs.iter().any(|one| one.name == name),
        };
        if !is_known {
            return Err(ClearanceError::UnknownObstacle { name: name.to_string() });
        }
    }
    let Some(entering) = &allowed.entering else { return Ok(()) };
    for margin_m in [Some(entering.margin_m), entering.body_margin_m].into_iter().flatten() {
        if !(0.0..=config.margin_m).contains(&margin_m) {
            let most_m = config.margin_m;
            return Err(ClearanceError::EnteringMargin { margin_m, most_m });
        }
    }
    Ok(())
}

/// The margin of a part from an obstacle; none where the part may touch it.
fn margin_m(
    part: &Part,
    name: &str,
    config: &ClearanceConfig,
    allowed: &Allowed<'_>,
) -> Option<f64> {
    if part.kind != Kind::Link && allowed.exempt.contains(&name) {
        return None;
    }
    let entering = allowed.entering.as_ref().filter(|entering| entering.obstacle == name);
    Some(match (part.kind, entering) {
        (Kind::Fingers, Some(entering)) => entering.margin_m,
        (Kind::Body, Some(entering)) => entering.body_margin_m.unwrap_or(config.margin_m),
        _ => config.margin_m,
    })
}

/// Whether a part of the hand has to stay away from a link. Neighbors touch: the gripper is screwed to link 6, which
/// turns on link 5.
fn keeps_from_link(part: &Part, link: &Part) -> bool {
    let nearest = match part.kind {
        Kind::Link => return false,
        Kind::Body => FLANGE - 1,
        Kind::Fingers => FLANGE,
    };
    link.kind == Kind::Link && link.frame < nearest
}
