//! Values that are allowed and dangerous in a real cell.

use super::check::Check;
use crate::config::{CellKind, RunConfig};

/// The limit that ISO 10218 sets for an arm beside people, in metres per second.
const BESIDE_PEOPLE_M_S: f64 = 0.25;
/// How far the tool of an xArm 6 gets from its base to any side, in metres: 0.70 by its manual, and a margin.
const REACH_M: f64 = 0.75;
/// How high: the shoulder is 0.27 m above the base.
const REACH_UP_M: f64 = 1.05;
/// Above this, contact breaks plates and fingers, in metres per second: a real arm needs force, and a way to
/// brake, before it stops. Untuned.
const CONTACT_M_S: f64 = 0.1;
/// Below this, contact at travel speed is no danger, in metres per second: the default contact speed.
const SLOW_M_S: f64 = 0.05;
/// Contact and travel speed are about the same from this share on.
const NEARLY: f64 = 0.8;
/// Jaws with more than this force hurt a finger, in per cent. Untuned; the vendor's default is 50.
const FORCE_PERCENT: u16 = 70;
/// Joints may be faster than any line of a task needs, in degrees per second.
const JOINTS_DEG_S: f64 = 90.0;

/// What is allowed, and should not be so without a reason.
pub(super) fn limits(config: &RunConfig) -> Check {
    const NAME: &str = "limits";
    if config.cell.kind == CellKind::Simulated {
        return Check::skipped(NAME, "the cell is simulated");
    }
    let dangers = dangers(config);
    if dangers.is_empty() {
        return Check::ok(NAME, "speeds, forces and fences are those of a cell beside people");
    }
    let (found, mend): (Vec<_>, Vec<_>) = dangers.into_iter().unzip();
    Check::warn(NAME, found.join("; "), mend.join("; "))
}

/// Each danger, and what to do about it.
fn dangers(config: &RunConfig) -> Vec<(String, String)> {
    let (task, safety, xarm) = (&config.task, &config.safety, &config.xarm);
    let mut dangers = Vec::new();
    let mut warn = |is_dangerous: bool, found: String, mend: String| {
        if is_dangerous {
            dangers.push((found, mend));
        }
    };
    for (key, speed_m_s) in [
        ("task.travel_speed_m_s", task.travel_speed_m_s),
        ("safety.max_speed_m_s", safety.max_speed_m_s),
        ("xarm.reduced_speed_m_s", xarm.reduced_speed_m_s),
    ] {
        warn(
            speed_m_s > BESIDE_PEOPLE_M_S,
            format!("{key} is {speed_m_s} m/s"),
            format!("set {key} to {BESIDE_PEOPLE_M_S} or less, the limit beside people"),
        );
    }
    warn(
        xarm.reduced_joint_speed_deg_s > JOINTS_DEG_S,
        format!("xarm.reduced_joint_speed_deg_s is {}", xarm.reduced_joint_speed_deg_s),
        "set it to 60: no line of a task needs more".to_string(),
    );
    warn(
        xarm.collision_sensitivity == 0,
        "xarm.collision_sensitivity is 0: the arm does not stop on contact".to_string(),
        "set it to 3".to_string(),
    );
    let [fence_x, fence_y, fence_z] = xarm.fence_m;
    for (key, [x, y, z]) in [
        ("safety.x_m, y_m and z_m", [safety.x_m, safety.y_m, safety.z_m]),
        ("xarm.fence_m", [fence_x, fence_y, fence_z]),
    ] {
        let beyond = |[low, high]: [f64; 2], reach_m: f64| low < -reach_m || high > reach_m;
        warn(
            beyond(x, REACH_M) || beyond(y, REACH_M) || beyond(z, REACH_UP_M),
            format!("{key} are larger than the arm's reach: they fence nothing off"),
            format!("draw {key} around what is free in your cell"),
        );
    }
    let contact_m_s = task.contact_speed_m_s;
    warn(
        contact_m_s > CONTACT_M_S,
        format!("task.contact_speed_m_s is {contact_m_s} m/s"),
        "set it to 0.03: contact is met at this speed in every trial".to_string(),
    );
    warn(
        contact_m_s > SLOW_M_S && contact_m_s >= NEARLY * task.travel_speed_m_s,
        format!(
            "task.contact_speed_m_s, {contact_m_s} m/s, is about task.travel_speed_m_s, {} m/s",
            task.travel_speed_m_s
        ),
        format!("set task.contact_speed_m_s to {SLOW_M_S} or less"),
    );
    warn(
        task.first_contact_speed_m_s.is_none(),
        "task.first_contact_speed_m_s is not given".to_string(),
        "set it to 0.01: a wrong height shows at the first contact of a start".to_string(),
    );
    warn(
        xarm.gripper.force_percent > FORCE_PERCENT,
        format!("xarm.gripper.force_percent is {}", xarm.gripper.force_percent),
        "set it to 50, or as little as holds the plate".to_string(),
    );
    if let Some(note) = config.unattended.contact_note(task) {
        warn(true, note, "set it to false where a person can reach into the cell".to_string());
    }
    dangers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commissioning::doctor::check::CheckStatus;
    use rmrl_cell::TaskKind;

    fn real() -> RunConfig {
        let mut config = RunConfig::for_task(TaskKind::Table);
        config.cell.kind = CellKind::XArm;
        config.task.first_contact_speed_m_s = Some(0.01);
        config
    }

    #[test]
    fn allowed_and_dangerous_values_are_named_one_by_one_and_together() {
        let check = limits(&real());
        assert_eq!(check.status, CheckStatus::Ok, "{check}");
        type Change = fn(&mut RunConfig);
        let cases: [(&str, Change); 12] = [
            ("task.travel_speed_m_s is 1", |config| config.task.travel_speed_m_s = 1.0),
            ("safety.max_speed_m_s is 1", |config| config.safety.max_speed_m_s = 1.0),
            ("xarm.reduced_speed_m_s is 1", |config| config.xarm.reduced_speed_m_s = 1.0),
            ("reduced_joint_speed_deg_s is 180", |config| {
                config.xarm.reduced_joint_speed_deg_s = 180.0;
            }),
            ("sensitivity is 0", |config| config.xarm.collision_sensitivity = 0),
            ("xarm.fence_m are larger", |config| config.xarm.fence_m = [[-2.0, 2.0]; 3]),
            ("safety.x_m, y_m and z_m are larger", |config| config.safety.x_m = [0.15, 2.0]),
            ("contact_speed_m_s is 0.15", |config| config.task.contact_speed_m_s = 0.15),
            ("is about task.travel_speed_m_s", |config| {
                config.task.contact_speed_m_s = 0.09;
                config.task.travel_speed_m_s = 0.1;
            }),
            ("first_contact_speed_m_s is not given", |config| {
                config.task.first_contact_speed_m_s = None;
            }),
            ("force_percent is 100", |config| config.xarm.gripper.force_percent = 100),
            ("retry_after_contact is on", |config| config.unattended.retry_after_contact = true),
        ];
        let mut all = real();
        for (named, change) in cases {
            let mut config = real();
            change(&mut config);
            change(&mut all);
            let check = limits(&config);
            assert_eq!(check.status, CheckStatus::Warn, "{named}");
            assert!(check.found.contains(named), "{check}");
            assert!(!check.found.contains(';') || named.contains("retry"), "{check}");
            assert!(check.mend.is_some_and(|mend| mend.len() > 10), "{named}");
        }
        // One case made travel slow again, and another contact.
        assert_eq!(dangers(&all).len(), 10, "{:?}", dangers(&all));
        // Slow everywhere is no danger.
        let mut slow = real();
        (slow.task.travel_speed_m_s, slow.task.contact_speed_m_s) = (0.03, 0.03);
        assert_eq!(limits(&slow).status, CheckStatus::Ok);
    }

    #[test]
    fn a_simulated_cell_has_no_dangers() {
        let mut config = RunConfig::for_task(TaskKind::Table);
        config.task.travel_speed_m_s = 1.0;
        assert_eq!(limits(&config).status, CheckStatus::Skipped);
    }
}
