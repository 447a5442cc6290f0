//! Places and waypoints taught at the cell: from where the arm stands, or from what the camera sees, into
//! a configuration file whose comments stay.

use std::f64::consts::{FRAC_PI_2, PI};
use std::fmt;

use rmrl_cell::{Place, Refusal, SafetyEnvelope, TaskConfig, Waypoint};
use rmrl_core::{InvalidKey, wrap_angle};
use rmrl_vision::Localization;
use rmrl_xarm::ToolReading;
use toml_edit::{Array, DocumentMut, InlineTable, Item, Table, TableLike, Value};

use crate::config::RunConfig;

/// Why nothing was learnt.
#[derive(Debug, thiserror::Error)]
pub enum TeachError {
    /// The envelope's limits.
    #[error("safety.{0}")]
    Safety(#[from] InvalidKey),
    /// Where trials would never go.
    #[error("{0}; teach a pose inside, or allow more in [safety] and xarm.fence_m")]
    Outside(Refusal),
    /// Trials hold the tool straight down, and the same place is another with a tilted one.
    #[error(
        "the tool points {tilt_deg:.2} degrees from straight down, at most {MAX_TILT_DEG} are allowed; turn \
         it upright first (roll 180, pitch 0 in the vendor's software)"
    )]
    Tilted {
        /// How far, in degrees.
        tilt_deg: f64,
    },
    /// What the camera sees does not lie where the place is.
    #[error(
        "the plate lies {seen_mm:.1} mm high, task.place.surface_m expects {expected_mm:.1} mm; teach the \
         place with the arm, which measures heights"
    )]
    Height {
        /// The plate's centre as seen, in millimetres.
        seen_mm: f64,
        /// Where it should be, in millimetres.
        expected_mm: f64,
    },
    /// There is no such waypoint.
    #[error("there is no waypoint {number} to replace: task.via has {count}")]
    NoWaypoint {
        /// Which, from 0.
        number: usize,
        /// How many there are.
        count: usize,
    },
    /// Not TOML.
    #[error("the configuration file is not valid TOML: {0}")]
    Syntax(#[from] toml_edit::TomlError),
    /// A key with a value of another kind.
    #[error("{key} in the configuration file is not {expected}")]
    Shape {
        /// The key.
        key: &'static str,
        /// What it should be.
        expected: &'static str,
    },
}

/// Farther from straight down nothing is taught, in degrees: with the plate's half length, 64 mm, one
/// degree is a millimetre in height.
const MAX_TILT_DEG: f64 = 1.0;

/// What was taught.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Lesson {
    /// `task.place`.
    Place(Place),
    /// `task.home`.
    Home(Waypoint),
    /// One of `task.via`.
    Via {
        /// Which one it replaces, from 0; none appends it.
        replaced: Option<usize>,
        /// The waypoint.
        waypoint: Waypoint,
    },
}

impl Lesson {
    /// The place of a plate that the jaws hold, or are closed around, while it lies there.
    ///
    /// The surface is `task.grasp_height_m` below the finger tips. Of the two yaws at which the jaws are
    /// the same, it is the one nearer to the localiser's.
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

    /// The place of a plate that the camera sees there. Its surface stays as configured: depth is off by
    /// millimetres.
    ///
    /// # Errors
    /// The plate does not lie on that surface, or outside of the envelope.
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

    /// Where the tool waits, out of the camera's view.
    ///
    /// # Errors
    /// The tool is tilted, or outside of the envelope.
    pub fn home_by_tool(config: &RunConfig, tool: &ToolReading) -> Result<Self, TeachError> {
        waypoint(config, tool).map(Self::Home)
    }

    /// A waypoint between lifting and placing: another one after those that are there, or instead of
    /// number `replaced`, from 0.
    ///
    /// # Errors
    /// The tool is tilted, or outside of the envelope; or there is none to replace.
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

    /// Puts it into a task.
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

    /// Puts it into the text of a configuration file, all of which but the numbers stays as it is.
    ///
    /// `task` is the one with the lesson applied: a file that has no waypoints of its own gets all.
    ///
    /// # Errors
    /// The text is not TOML, or has a key of another kind.
    pub fn write_into(&self, text: &str, task: &TaskConfig) -> Result<String, TeachError> {
        let mut document: DocumentMut = text.parse()?;
        let section = table_in(document.as_table_mut(), "task", "task", true)?;
        match self {
            Self::Place(place) => {
                let table = table_in(section, "place", "task.place", false)?;
                for (key, value) in of_place(place) {
                    set(table, key, value);
                }
            }
            Self::Home(home) => {
                let table = table_in(section, "home", "task.home", false)?;
                for (key, value) in of_waypoint(home) {
                    set(table, key, value);
                }
            }
            Self::Via { replaced, waypoint } => write_via(section, *replaced, waypoint, task)?,
        }
        Ok(document.to_string())
    }

    /// The lines to paste into a configuration file, `task` with the lesson applied.
    pub fn to_toml(&self, task: &TaskConfig) -> String {
        let lines = |numbers: [(&str, f64); 4]| {
            numbers.map(|(key, value)| format!("{key} = {}\n", Value::from(value))).concat()
        };
        match self {
            Self::Place(place) => format!("[task.place]\n{}", lines(of_place(place))),
            Self::Home(home) => format!("[task.home]\n{}", lines(of_waypoint(home))),
            Self::Via { .. } => {
                let waypoints: String =
                    task.via.iter().map(|at| format!("    {},\n", inline(at))).collect();
                format!("[task]\nvia = [\n{waypoints}]\n")
            }
        }
    }
}

impl fmt::Display for Lesson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Place(_) => "place",
            Self::Home(_) => "home",
            Self::Via { .. } => "via",
        })
    }
}

/// The tool's pose, as configurations have it: hundredths of millimetres and degrees.
fn waypoint(config: &RunConfig, tool: &ToolReading) -> Result<Waypoint, TeachError> {
    let tilt_deg = tool.tilt_rad.to_degrees();
    // What is no number is not upright.
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

/// Never `-0`.
fn rounded(value: f64, digits: i32) -> f64 {
    let scale = 10f64.powi(digits);
    (value * scale).round() / scale + 0.0
}

fn of_place(place: &Place) -> [(&'static str, f64); 4] {
    let Place { x_m, y_m, yaw_deg, surface_m } = *place;
    [("x_m", x_m), ("y_m", y_m), ("yaw_deg", yaw_deg), ("surface_m", surface_m)]
}

fn of_waypoint(waypoint: &Waypoint) -> [(&'static str, f64); 4] {
    let Waypoint { x_m, y_m, z_m, yaw_deg } = *waypoint;
    [("x_m", x_m), ("y_m", y_m), ("z_m", z_m), ("yaw_deg", yaw_deg)]
}

fn inline(waypoint: &Waypoint) -> InlineTable {
    InlineTable::from_iter(of_waypoint(waypoint))
}

/// The table of a key, made where there is none; without a line of its own where `implicit`.
fn table_in<'a>(
    parent: &'a mut dyn TableLike,
    key: &str,
    path: &'static str,
    implicit: bool,
) -> Result<&'a mut dyn TableLike, TeachError> {
    let item = parent.entry(key).or_insert_with(|| {
        let mut table = Table::new();
        table.set_implicit(implicit);
        Item::Table(table)
    });
    item.as_table_like_mut().ok_or(TeachError::Shape { key: path, expected: "a table" })
}

/// Sets a number; the comment behind it stays.
fn set(table: &mut dyn TableLike, key: &str, number: f64) {
    match table.get_mut(key).and_then(Item::as_value_mut) {
        Some(present) => {
            let decor = present.decor().clone();
            *present = Value::from(number);
            *present.decor_mut() = decor;
        }
        None => drop(table.insert(key, toml_edit::value(number))),
    }
}

fn write_via(
    section: &mut dyn TableLike,
    replaced: Option<usize>,
    waypoint: &Waypoint,
    task: &TaskConfig,
) -> Result<(), TeachError> {
    let shape = TeachError::Shape { key: "task.via", expected: "a list of waypoints" };
    match section.get_mut("via") {
        None => {
            let all: Array = task.via.iter().map(inline).collect();
            section.insert("via", toml_edit::value(all));
        }
        Some(Item::ArrayOfTables(tables)) => {
            match replaced.and_then(|number| tables.get_mut(number)) {
                Some(table) => {
                    for (key, value) in of_waypoint(waypoint) {
                        set(table, key, value);
                    }
                }
                None => tables.push(inline(waypoint).into_table()),
            }
        }
        Some(Item::Value(Value::Array(list))) => {
            match replaced.and_then(|number| list.get_mut(number)) {
                Some(present) => {
                    let table = present.as_inline_table_mut().ok_or(shape)?;
                    for (key, value) in of_waypoint(waypoint) {
                        set(table, key, value);
                    }
                }
                None => list.push(inline(waypoint)),
            }
        }
        Some(_) => return Err(shape),
    }
    Ok(())
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
            let taught = Lesson::place_by_tool(&config(), &tool).unwrap();
            let expected = Place { x_m: 0.45, y_m: 0.1, yaw_deg: expected_deg, surface_m: 0.05003 };
            assert_eq!(taught, Lesson::Place(expected));
        }
    }

    #[test]
    fn tilted_and_outside_poses_teach_nothing() {
        for (tool, expected) in [
            (reading(0.45, 0.1, 0.1, 0.0, 1.2), "1.20 degrees from straight down"),
            (reading(0.45, 0.1, 0.1, 0.0, f64::NAN), "from straight down"),
            (reading(0.7, 0.1, 0.1, 0.0, 0.0), "leave the workspace"),
            (reading(f64::NAN, 0.1, 0.1, 0.0, 0.0), "not a number"),
        ] {
            let message = Lesson::home_by_tool(&config(), &tool).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
        let tool = reading(0.45, 0.1, 0.1, 0.0, 0.0);
        let message = Lesson::via_by_tool(&config(), &tool, Some(0)).unwrap_err().to_string();
        assert!(message.contains("no waypoint 0"), "{message}");
    }

    /// Whatever a file looks like, it says afterwards what was taught, and keeps its comments.
    #[test]
    fn files_keep_everything_but_the_numbers() {
        let place = Lesson::Place(Place { x_m: 0.41, y_m: -0.1, yaw_deg: 3.0, surface_m: 0.01 });
        let home = Lesson::Home(Waypoint { x_m: 0.2, y_m: -0.3, z_m: 0.35, yaw_deg: 0.0 });
        let waypoint = Waypoint { x_m: 0.3, y_m: 0.0, z_m: 0.3, yaw_deg: 1.5 };
        let append = Lesson::Via { replaced: None, waypoint };
        let replace = Lesson::Via { replaced: Some(0), waypoint };
        let tables = "# top\n[task] # about the task\nkind = \"table\"\nvia = [] # none yet\n\n\
                      # where to\n[task.place]\nx_m = 0.46 # measured\ny_m = 0.18\nyaw_deg = 0.0\nsurface_m = 0.0\n";
        let inline = "[task]\n# in a line\nplace = { x_m = 0.4, y_m = 0.1, yaw_deg = 0.0, surface_m = 0.0 } # here\n\
                      via = [{ x_m = 0.3, y_m = 0.1, z_m = 0.2, yaw_deg = 0.0 }] # one\n";
        let many = "[[task.via]] # first\nx_m = 0.3\ny_m = 0.1\nz_m = 0.2 # high\nyaw_deg = 0.0\n";
        for text in ["", tables, inline, many, "seed = 3\n"] {
            for lesson in [place, home, append, replace] {
                let mut task = RunConfig::for_task(TaskKind::Table).to_table();
                let own: toml::Table = text.parse().unwrap();
                let own = own.get("task").and_then(toml::Value::as_table).cloned();
                let section = task["task"].as_table_mut().unwrap();
                section.extend(own.unwrap_or_default());
                let mut expected: TaskConfig = task["task"].clone().try_into().unwrap();
                lesson.apply(&mut expected);
                let written = lesson.write_into(text, &expected).unwrap();
                for comment in text.match_indices('#').map(|(at, _)| &text[at..]) {
                    let comment = comment.lines().next().unwrap();
                    assert!(written.contains(comment), "{comment} is missing in\n{written}");
                }
                let table: toml::Table = written.parse().unwrap();
                let section = task["task"].as_table_mut().unwrap();
                section.extend(table["task"].as_table().unwrap().clone());
                let got: TaskConfig = task["task"].clone().try_into().unwrap();
                assert_eq!(got, expected, "{written}");
                // What is to be pasted says the same.
                lesson.to_toml(&expected).parse::<toml::Table>().unwrap();
            }
        }
        let message = place.write_into("task = 3", &config().task).unwrap_err().to_string();
        assert!(message.contains("task in the configuration file is not a table"), "{message}");
    }
}
