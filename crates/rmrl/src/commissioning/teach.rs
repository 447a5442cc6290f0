//! Teaches places and waypoints: from where the arm stands, or from what the camera sees, into a
//! configuration file whose comments stay.
//!
//! - `config_text` edits the text of the file.
//! - `error` has the reasons why a pose cannot be taught.
//! - `taught_site` teaches the sites between which plates are moved.

mod config_text;
mod error;
mod taught_site;

use std::f64::consts::{FRAC_PI_2, PI};
use std::fmt;

use rmrl_cell::{Place, SafetyEnvelope, TaskConfig, Waypoint};
use rmrl_core::wrap_angle;
use rmrl_vision::Localization;
use rmrl_xarm::ToolReading;
use toml_edit::{DocumentMut, Value};

use self::config_text::{inline, of_place, of_waypoint, set_numbers, table_in, write_via};
use self::error::{MAX_TILT_DEG, TeachError};
pub use self::taught_site::TaughtSite;
use crate::config::RunConfig;

/// A taught pose of the task.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum TaughtPose {
    /// `task.place`.
    Place(Place),
    /// `task.home`.
    Home(Waypoint),
    /// One of `task.via`.
    Via {
        /// The waypoint that it replaces, from 0; `None` appends it.
        replaced: Option<usize>,
        /// The waypoint.
        waypoint: Waypoint,
    },
}

impl TaughtPose {
    /// The place of a plate that lies there between the jaws.
    ///
    /// The surface is `task.grasp_height_m` below the finger tips. The jaws are the same at two yaws; the
    /// result is the one nearer to the localizer's reference.
    ///
    /// # Errors
    /// The tool is tilted, or outside of the envelope.
    pub fn place_by_tool(config: &RunConfig, tool: &ToolReading) -> Result<Self, TeachError> {
        let Waypoint { x_m, y_m, z_m, yaw_deg } = waypoint(config, tool)?;
        let reference_rad = config.vision.localizer.reference_yaw_rad;
        let turned_rad = wrap_angle(yaw_deg.to_radians() - reference_rad);
        let half_turn_rad = if turned_rad.abs() > FRAC_PI_2 { PI } else { 0.0 };
        let yaw_rad = wrap_angle(reference_rad + turned_rad - half_turn_rad.copysign(turned_rad));
        let surface_m = rounded(z_m - config.task.grasp_height_m, 5);
        Ok(Self::Place(Place { x_m, y_m, yaw_deg: rounded(yaw_rad.to_degrees(), 2), surface_m }))
    }

    /// The place of a plate that the camera sees there. The surface stays as configured, because depth
    /// has errors of millimeters.
    ///
    /// # Errors
    /// The plate does not lie on that surface, or is outside of the envelope.
    pub fn place_by_camera(config: &RunConfig, seen: &Localization) -> Result<Self, TeachError> {
        let surface_m = config.task.place.surface_m;
        let plate = config.vision.localizer.plate;
        let expected_m = surface_m + 0.5 * plate.height_m;
        if (seen.height_m - expected_m).abs() > plate.height_tolerance_m() {
            let (seen_mm, expected_mm) = (1000.0 * seen.height_m, 1000.0 * expected_m);
            return Err(TeachError::Height { seen_mm, expected_mm });
        }
        let envelope = SafetyEnvelope::new(config.safety)?;
        let tool = config.task.grasp_pose(seen.pose, surface_m);
        envelope.check_motion(tool, config.safety.max_speed_m_s).map_err(TeachError::Outside)?;
        Ok(Self::Place(Place {
            x_m: rounded(seen.pose.x_m, 5),
            y_m: rounded(seen.pose.y_m, 5),
            yaw_deg: rounded(seen.pose.yaw_rad.to_degrees(), 2),
            surface_m,
        }))
    }

    /// Home, where the tool waits out of the camera's view.
    ///
    /// # Errors
    /// The tool is tilted, or outside of the envelope.
    pub fn home_by_tool(config: &RunConfig, tool: &ToolReading) -> Result<Self, TeachError> {
        waypoint(config, tool).map(Self::Home)
    }

    /// A waypoint between lifting and placing: after the existing ones, or instead of waypoint `replaced`,
    /// counted from 0.
    ///
    /// # Errors
    /// The tool is tilted or outside of the envelope, or there is no such waypoint to replace.
    pub fn via_by_tool(
        config: &RunConfig,
        tool: &ToolReading,
        replaced: Option<usize>,
    ) -> Result<Self, TeachError> {
        let count = config.task.via.len();
        if let Some(number) = replaced.filter(|number| *number >= count) {
            return Err(TeachError::NoWaypoint { number, count });
        }
        Ok(Self::Via { replaced, waypoint: waypoint(config, tool)? })
    }

    /// Puts the pose into a task.
    pub fn apply(&self, task: &mut TaskConfig) {
        match *self {
            Self::Place(place) => task.place = place,
            Self::Home(home) => task.home = home,
            Self::Via { replaced, waypoint } => {
                match replaced.and_then(|number| task.via.get_mut(number)) {
                    Some(present) => *present = waypoint,
                    None => task.via.push(waypoint),
                }
            }
        }
    }

    /// Puts the pose into the text of a configuration file. Everything but the numbers stays as it is.
    ///
    /// `task` is the task with the pose applied: a file without waypoints gets all of them.
    ///
    /// # Errors
    /// The text is not TOML, or has a key of another kind.
    pub fn write_into(&self, text: &str, task: &TaskConfig) -> Result<String, TeachError> {
        let mut document: DocumentMut = text.parse()?;
        let section = table_in(document.as_table_mut(), "task", "task", true)?;
        match self {
            Self::Place(place) => {
                let table = table_in(section, "place", "task.place", false)?;
                set_numbers(table, of_place(place));
            }
            Self::Home(home) => {
                let table = table_in(section, "home", "task.home", false)?;
                set_numbers(table, of_waypoint(home));
            }
            Self::Via { replaced, waypoint } => write_via(section, *replaced, waypoint, task)?,
        }
        Ok(document.to_string())
    }

    /// The lines to paste into a configuration file. `task` is the task with the pose applied.
    pub fn to_toml(self, task: &TaskConfig) -> String {
        let lines = |numbers: [(&str, f64); 4]| {
            numbers.map(|(key, value)| format!("{key} = {}\n", Value::from(value))).concat()
        };
        match self {
            Self::Place(place) => format!("[task.place]\n{}", lines(of_place(&place))),
            Self::Home(home) => format!("[task.home]\n{}", lines(of_waypoint(&home))),
            Self::Via { .. } => {
                let waypoints: String =
                    task.via.iter().map(|at| format!("    {},\n", inline(at))).collect();
                format!("[task]\nvia = [\n{waypoints}]\n")
            }
        }
    }
}

impl fmt::Display for TaughtPose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Place(_) => "place",
            Self::Home(_) => "home",
            Self::Via { .. } => "via",
        })
    }
}

/// The tool's pose as a waypoint, rounded to hundredths of millimeters and degrees.
fn waypoint(config: &RunConfig, tool: &ToolReading) -> Result<Waypoint, TeachError> {
    let tilt_deg = tool.tilt_rad.to_degrees();
    // NaN is not upright.
    if tilt_deg.is_nan() || tilt_deg > MAX_TILT_DEG {
        return Err(TeachError::Tilted { tilt_deg });
    }
    let envelope = SafetyEnvelope::new(config.safety)?;
    envelope.check_motion(tool.pose, config.safety.max_speed_m_s).map_err(TeachError::Outside)?;
    let planar = tool.pose.planar;
    Ok(Waypoint {
        x_m: rounded(planar.x_m, 5),
        y_m: rounded(planar.y_m, 5),
        z_m: rounded(tool.pose.z_m, 5),
        yaw_deg: rounded(planar.yaw_rad.to_degrees(), 2),
    })
}

/// Rounds to a number of decimal digits; never gives `-0`.
fn rounded(value: f64, digits: i32) -> f64 {
    let scale = 10f64.powi(digits);
    (value * scale).round() / scale + 0.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use rmrl_cell::{TaskKind, ToolPose};
    use rmrl_core::PlanarPose;

    fn reading(x_m: f64, y_m: f64, z_m: f64, yaw_deg: f64, tilt_deg: f64) -> ToolReading {
        let planar = PlanarPose::new(x_m, y_m, yaw_deg.to_radians());
        ToolReading {
            pose: ToolPose::new(planar, z_m),
            tilt_rad: tilt_deg.to_radians(),
            has_configured_offset: Some(true),
        }
    }

    fn config() -> RunConfig {
        RunConfig::for_task(TaskKind::Table)
    }

    #[test]
    fn a_place_is_the_same_from_both_sides_of_the_jaws() {
        for (yaw_deg, expected_deg) in
            [(12.344, 12.34), (-12.0, -12.0), (170.0, -10.0), (-170.0, 10.0), (90.0, 90.0)]
        {
            let tool = reading(0.4500004, 0.1, 0.05203, yaw_deg, 0.5);
            let taught = TaughtPose::place_by_tool(&config(), &tool).unwrap();
            let expected = Place { x_m: 0.45, y_m: 0.1, yaw_deg: expected_deg, surface_m: 0.05003 };
            assert_eq!(taught, TaughtPose::Place(expected));
        }
    }

    #[test]
    fn tilted_and_outside_poses_are_refused() {
        for (tool, expected) in [
            (reading(0.45, 0.1, 0.1, 0.0, 1.2), "1.20 degrees from straight down"),
            (reading(0.45, 0.1, 0.1, 0.0, f64::NAN), "from straight down"),
            (reading(0.7, 0.1, 0.1, 0.0, 0.0), "leave the workspace"),
            (reading(f64::NAN, 0.1, 0.1, 0.0, 0.0), "not a number"),
        ] {
            let message = TaughtPose::home_by_tool(&config(), &tool).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
        let tool = reading(0.45, 0.1, 0.1, 0.0, 0.0);
        let message = TaughtPose::via_by_tool(&config(), &tool, Some(0)).unwrap_err().to_string();
        assert!(message.contains("no waypoint 0"), "{message}");
    }

    /// Files of every form contain the taught pose afterwards, and keep their comments.
    #[test]
    fn files_keep_everything_but_the_numbers() {
        let place =
            TaughtPose::Place(Place { x_m: 0.41, y_m: -0.1, yaw_deg: 3.0, surface_m: 0.01 });
        let home = TaughtPose::Home(Waypoint { x_m: 0.2, y_m: -0.3, z_m: 0.35, yaw_deg: 0.0 });
        let waypoint = Waypoint { x_m: 0.3, y_m: 0.0, z_m: 0.3, yaw_deg: 1.5 };
        let append = TaughtPose::Via { replaced: None, waypoint };
        let replace = TaughtPose::Via { replaced: Some(0), waypoint };
        let tables = "# top\n[task] # about the task\nkind = \"table\"\nvia = [] # none yet\n\n\
                      # where to\n[task.place]\nx_m = 0.46 # measured\ny_m = 0.18\nyaw_deg = 0.0\nsurface_m = 0.0\n";
        let inline = "[task]\n# in a line\nplace = { x_m = 0.4, y_m = 0.1, yaw_deg = 0.0, surface_m = 0.0 } # here\n\
                      via = [{ x_m = 0.3, y_m = 0.1, z_m = 0.2, yaw_deg = 0.0 }] # one\n";
        let many = "[[task.via]] # first\nx_m = 0.3\ny_m = 0.1\nz_m = 0.2 # high\nyaw_deg = 0.0\n";
        for text in ["", tables, inline, many, "seed = 3\n"] {
            for taught in [place, home, append, replace] {
                let mut task = RunConfig::for_task(TaskKind::Table).to_table();
                let own: toml::Table = text.parse().unwrap();
                let own = own.get("task").and_then(toml::Value::as_table).cloned();
                let section = task["task"].as_table_mut().unwrap();
                section.extend(own.unwrap_or_default());
                let mut expected: TaskConfig = task["task"].clone().try_into().unwrap();
                taught.apply(&mut expected);
                let written = taught.write_into(text, &expected).unwrap();
                for comment in text.match_indices('#').map(|(at, _)| &text[at..]) {
                    let comment = comment.lines().next().unwrap();
                    assert!(written.contains(comment), "{comment} is missing in\n{written}");
                }
                let table: toml::Table = written.parse().unwrap();
                let section = task["task"].as_table_mut().unwrap();
                section.extend(table["task"].as_table().unwrap().clone());
                let got: TaskConfig = task["task"].clone().try_into().unwrap();
                assert_eq!(got, expected, "{written}");
                // The text to paste is valid TOML, too.
                taught.to_toml(&expected).parse::<toml::Table>().unwrap();
            }
        }
        let message = place.write_into("task = 3", &config().task).unwrap_err().to_string();
        assert!(message.contains("task in the configuration file is not a table"), "{message}");
    }
}
