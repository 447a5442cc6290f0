//! Finds values that are allowed but dangerous in a real cell.

use super::check::Check;
use crate::config::{CellKind, RunConfig};

/// The speed limit of ISO 10218 for an arm beside people, in meters per second.
const BESIDE_PEOPLE_M_S: f64 = 0.25;
/// The horizontal reach of an xArm 6's tool from its base, in meters: 0.70 by its manual, and a margin.
const REACH_M: f64 = 0.75;
/// The vertical reach, in meters: the shoulder is 0.27 m above the base.
const REACH_UP_M: f64 = 1.05;
/// The contact speed above which plates and fingers break, in meters per second, because a real arm stops
/// only after some force and distance. Untuned.
const CONTACT_M_S: f64 = 0.1;
/// The speed up to which contact at travel speed is no danger, in meters per second: the default contact
/// speed.
const SLOW_M_S: f64 = 0.05;
/// Contact speed as a share of travel speed, from which the two are about the same.
const NEARLY: f64 = 0.8;
/// The force of the jaws above which they hurt a finger, in percent. Untuned; the vendor's default is 50.
const FORCE_PERCENT: u16 = 70;
/// A joint speed above what any line of a task needs, in degrees per second.
const JOINTS_DEG_S: f64 = 90.0;

/// Warns of values that are allowed but dangerous.
pub(super) fn limits(config: &RunConfig) -> Check {
    const NAME: &str = "limits";
    if config.cell.kind == CellKind::Simulated {
        return Check::skipped(NAME, "the cell is simulated");
    }
    let dangers = dangers(config);
    if dangers.is_empty() {
        return Check::ok(NAME, "speeds, forces and fences are safe beside people");
    }
    let (found, fixes): (Vec<_>, Vec<_>) =
        dangers.into_iter().map(|danger| (danger.found, danger.fix)).unzip();
    Check::warn(NAME, found.join("; "), fixes.join("; "))
}

/// A dangerous value.
#[derive(Debug)]
struct Danger {
    found: String,
    fix: String,
}

impl Danger {
    /// A danger where `is_dangerous`.
    fn when(is_dangerous: bool, found: impl Into<String>, fix: impl Into<String>) -> Option<Self> {
        is_dangerous.then(|| Self { found: found.into(), fix: fix.into() })
    }
}

fn dangers(config: &RunConfig) -> Vec<Danger> {
    let parts = [
        speed_dangers(config),
        stopping_dangers(config),
        contact_dangers(config),
        other_dangers(config),
    ];
    parts.into_iter().flatten().collect()
}

/// Speeds above the limit beside people.
fn speed_dangers(config: &RunConfig) -> Vec<Danger> {
    [
        ("task.travel_speed_m_s", config.task.travel_speed_m_s),
        ("safety.max_speed_m_s", config.safety.max_speed_m_s),
        ("xarm.reduced_speed_m_s", config.xarm.reduced_speed_m_s),
    ]
    .into_iter()
    .filter_map(|(key, speed_m_s)| {
        Danger::when(
            speed_m_s > BESIDE_PEOPLE_M_S,
            format!("{key} is {speed_m_s} m/s"),
            format!("set {key} to {BESIDE_PEOPLE_M_S} or less, the limit beside people"),
        )
    })
    .collect()
}

/// What does not stop the arm: fast joints, no reaction to contact, wide fences.
fn stopping_dangers(config: &RunConfig) -> Vec<Danger> {
    let (safety, xarm) = (&config.safety, &config.xarm);
    let joints = Danger::when(
        xarm.reduced_joint_speed_deg_s > JOINTS_DEG_S,
        format!("xarm.reduced_joint_speed_deg_s is {}", xarm.reduced_joint_speed_deg_s),
        "set it to 60: no line of a task needs more",
    );
    let sensitivity = Danger::when(
        xarm.collision_sensitivity == 0,
        "xarm.collision_sensitivity is 0: the arm does not stop on contact",
        "set it to 3",
    );
    let [fence_x, fence_y, fence_z] = xarm.fence_m;
    let fences = [
        ("safety.x_m, y_m and z_m", [safety.x_m, safety.y_m, safety.z_m]),
        ("xarm.fence_m", [fence_x, fence_y, fence_z]),
    ]
    .into_iter()
    .filter_map(|(key, [x, y, z])| {
        let beyond = |[low, high]: [f64; 2], reach_m: f64| low < -reach_m || high > reach_m;
        Danger::when(
            beyond(x, REACH_M) || beyond(y, REACH_M) || beyond(z, REACH_UP_M),
            format!("{key} are larger than the arm's reach: they exclude nothing"),
            format!("limit {key} to the free space of your cell"),
        )
    });
    joints.into_iter().chain(sensitivity).chain(fences).collect()
}

/// Contact speeds that damage something, or that are not slower than travel.
fn contact_dangers(config: &RunConfig) -> Vec<Danger> {
    let task = &config.task;
    let contact_m_s = task.contact_speed_m_s;
    let fast = Danger::when(
        contact_m_s > CONTACT_M_S,
        format!("task.contact_speed_m_s is {contact_m_s} m/s"),
        "set it to 0.03: every trial makes contact at this speed",
    );
    let like_travel = Danger::when(
        contact_m_s > SLOW_M_S && contact_m_s >= NEARLY * task.travel_speed_m_s,
        format!(
            "task.contact_speed_m_s, {contact_m_s} m/s, is about task.travel_speed_m_s, {} m/s",
            task.travel_speed_m_s
        ),
        format!("set task.contact_speed_m_s to {SLOW_M_S} or less"),
    );
    let first = Danger::when(
        task.first_contact_speed_m_s.is_none(),
        "task.first_contact_speed_m_s is not given",
        "set it to 0.01: a wrong height shows at the first contact of a start",
    );
    [fast, like_travel, first].into_iter().flatten().collect()
}

/// The force of the jaws, and retries after contact.
fn other_dangers(config: &RunConfig) -> Vec<Danger> {
    let force_percent = config.xarm.gripper.force_percent;
    let force = Danger::when(
        force_percent > FORCE_PERCENT,
        format!("xarm.gripper.force_percent is {force_percent}"),
        "set it to 50, or as little as holds the plate",
    );
    let retry = config.unattended.contact_note(&config.task).map(|found| Danger {
        found,
        fix: "set it to false where a person can reach into the cell".to_string(),
    });
    [force, retry].into_iter().flatten().collect()
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
    fn dangerous_values_are_named_one_by_one_and_together() {
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
            assert!(check.fix.is_some_and(|fix| fix.len() > 10), "{named}");
        }
        // Two cases undo each other: one makes travel slow again, another makes contact slow.
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
