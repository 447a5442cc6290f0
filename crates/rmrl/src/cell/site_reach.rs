//! Proofs that the arm reaches every slot of every site, and every straight line between them.

use rmrl_cell::{Passage, PassagePurpose, SafetyEnvelope, SafetyViolation, ToolPose};
use rmrl_core::InvalidKey;
use rmrl_inventory::SlotAddress;
use rmrl_xarm::kinematics::{ArmKinematics, ReachProof};

use crate::cell::reachability::{PreflightError, prove};
use crate::config::{PlaceError, Places, RunConfig};

/// Why a slot cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SiteError {
    /// The configuration has no such slot.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// The limits of the workspace are invalid.
    #[error("safety.{0}")]
    Safety(#[from] InvalidKey),
    /// A pose of the way in or out lies outside of the workspace.
    #[error("{what}: {violation}; change [safety], or sites.{site}")]
    Outside {
        /// The pose.
        what: String,
        /// The site.
        site: String,
        /// What the envelope says.
        violation: SafetyViolation,
    },
    /// The arm cannot reach a pose, or not on a straight line.
    #[error(transparent)]
    Reach(#[from] PreflightError),
}

/// The poses of the tool where it grips: the lowest and the highest of the labware that a slot takes. The grip of a plate is
/// within a few centimeters of the surface.
fn grip_heights_m(places: &Places, address: &SlotAddress) -> Vec<f64> {
    let site = places.sites.get(address.site());
    let taken = places
        .labware
        .iter()
        .chain(places.labware.lids())
        .filter(|one| site.is_some_and(|site| site.takes(&one.name)));
    let mut heights: Vec<f64> = taken.map(|one| one.grip.height_m).collect();
    heights.sort_by(f64::total_cmp);
    heights.dedup();
    match heights.as_slice() {
        [] => Vec::new(),
        [least] => vec![*least],
        [least, .., most] => vec![*least, *most],
    }
}

/// The tool's way into a slot and out of it, with something that is gripped at a height above the surface.
///
/// # Errors
/// There is no such slot.
pub(crate) fn passage_of(
    config: &RunConfig,
    places: &Places,
    address: &SlotAddress,
    grip_height_m: f64,
    purpose: PassagePurpose,
) -> Result<Passage, PlaceError> {
    let (site, slot) = places.slot(address)?;
    let fingers_rad = config.xarm.jaw_yaw_deg.to_radians();
    Ok(Passage::new(site, slot, grip_height_m, fingers_rad, purpose))
}

/// Above the beginning of the way into a slot, at the height at which the tool travels: the same whatever is gripped.
///
/// # Errors
/// There is no such slot.
pub(crate) fn above_slot(
    config: &RunConfig,
    places: &Places,
    address: &SlotAddress,
) -> Result<ToolPose, PlaceError> {
    let passage = passage_of(config, places, address, 0.0, PassagePurpose::Pick)?;
    Ok(passage.begin.at_height(config.task.travel_height_m))
}

/// Every pose of the tool on its ways into a slot and out of it, with its name, from the height at which it travels.
fn poses(
    config: &RunConfig,
    places: &Places,
    address: &SlotAddress,
) -> Result<Vec<(String, ToolPose)>, PlaceError> {
    let mut poses = vec![(format!("above {address}"), above_slot(config, places, address)?)];
    for grip_height_m in grip_heights_m(places, address) {
        for purpose in [PassagePurpose::Pick, PassagePurpose::Place] {
            let passage = passage_of(config, places, address, grip_height_m, purpose)?;
            for (what, pose) in [
                ("before", passage.begin),
                ("in", passage.entered),
                ("in", passage.at),
                ("in", passage.leaving),
                ("before", passage.end),
            ] {
                poses.push((format!("{what} {address}"), pose));
            }
        }
    }
    poses.dedup_by(|a, b| a.1 == b.1);
    Ok(poses)
}

/// Proves that the tool gets from home into a slot and out of it again, within the workspace.
///
/// # Errors
/// There is no such slot, a pose is outside of the workspace, or the arm does not reach it.
pub(crate) fn prove_slot(
    config: &RunConfig,
    places: &Places,
    address: &SlotAddress,
) -> Result<ReachProof, SiteError> {
    let mut named = vec![("task.home".to_string(), config.task.home.tool_pose())];
    named.extend(poses(config, places, address)?);
    let (site, _) = places.slot(address)?;
    check_envelope(config, address, &named, site.speed_m_s)?;
    Ok(prove(config, &named, &ArmKinematics::new(config.xarm.model).ready())?)
}

/// Proves that the tool travels between any two sites, at the height at which it travels.
///
/// # Errors
/// There is no such slot, or the arm does not reach it.
pub(crate) fn prove_travel(config: &RunConfig, places: &Places) -> Result<ReachProof, SiteError> {
    let mut named = vec![("task.home".to_string(), config.task.home.tool_pose())];
    for address in places.slots() {
        named.push((format!("above {address}"), above_slot(config, places, &address)?));
    }
    named.dedup_by(|a, b| a.1 == b.1);
    Ok(prove(config, &named, &ArmKinematics::new(config.xarm.model).ready())?)
}

fn check_envelope(
    config: &RunConfig,
    address: &SlotAddress,
    named: &[(String, ToolPose)],
    speed_m_s: f64,
) -> Result<(), SiteError> {
    let envelope = SafetyEnvelope::new(config.safety)?;
    for (what, pose) in named {
        envelope.check_motion(*pose, speed_m_s).map_err(|violation| SiteError::Outside {
            what: what.clone(),
            site: address.site().to_string(),
            violation,
        })?;
    }
    Ok(())
}
