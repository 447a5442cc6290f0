//! Poses as JSON: a list of objects, or an object with such a list and what all of them share.

use rmrl_vision::column_name;
use serde_json::Value as Json;

use super::pose_fields::{DIRECTION, Fields, Value, is_world_from_flange};

/// The names of lists of poses.
const LISTS: [&str; 4] = ["poses", "frames", "views", "images"];

/// The fields of each pose.
///
/// # Errors
/// The text is no JSON, has no list of objects, or an object has values that are no numbers or texts.
pub(super) fn parse(text: &str) -> Result<Vec<Fields>, String> {
    let json: Json =
        serde_json::from_str(text).map_err(|error| format!("it is no JSON: {error}"))?;
    let mut shared = Fields::new();
    let list = match json {
        Json::Array(list) => list,
        Json::Object(mut object) => {
            let name = LISTS.into_iter().find(|name| object.get(*name).is_some_and(Json::is_array));
            let list = name.and_then(|name| object.remove(name));
            for (name, value) in &object {
                flatten(name, value, None, &mut shared)?;
            }
            match list {
                Some(Json::Array(list)) => list,
                _ => {
                    return Err(
                        "it has no list of poses, such as [{\"image\": ...}, ...]".to_string()
                    );
                }
            }
        }
        _ => return Err("it is no list of poses".to_string()),
    };
    let entry = |(number, entry): (usize, &Json)| {
        let mut fields = shared.clone();
        let Json::Object(object) = entry else {
            return Err(format!("entry {} is no object", number + 1));
        };
        let unit = object.get("unit").and_then(Json::as_str).map(str::to_string);
        let unit = unit.or_else(|| shared.get("unit").map(|unit| unit.text.clone()));
        for (name, value) in object {
            flatten(name, value, unit.as_deref(), &mut fields)
                .map_err(|reason| format!("entry {}: {reason}", number + 1))?;
        }
        // With a position whose name has the unit, nothing needs it.
        if !fields.contains_key("m00") {
            fields.remove("unit");
        }
        Ok(fields)
    };
    list.iter().enumerate().map(entry).collect()
}

/// Adds a value by the names of a table's columns.
fn flatten(
    name: &str,
    value: &Json,
    unit: Option<&str>,
    fields: &mut Fields,
) -> Result<(), String> {
    let name = column_name(name);
    match value {
        Json::Number(number) => {
            put(fields, &name, Value { text: number.to_string(), number: number.as_f64() })
        }
        Json::String(text) => {
            let number = text.trim().parse().ok().filter(|number: &f64| number.is_finite());
            put(fields, &name, Value { text: text.trim().to_string(), number })
        }
        Json::Array(_) => array(&name, value, unit, fields),
        Json::Object(object) => {
            let has = |key: &str| object.contains_key(key);
            if is_world_from_flange(&name).is_ok() {
                direction(&name, fields)?;
                return object
                    .iter()
                    .try_for_each(|(name, value)| flatten(name, value, unit, fields));
            }
            let is_quaternion = has("w") && has("x") && has("y") && has("z") && object.len() == 4;
            let is_position = !has("w") && has("x") && has("y") && has("z") && object.len() == 3;
            if is_quaternion {
                return object.iter().try_for_each(|(axis, value)| {
                    flatten(&format!("q{axis}"), value, unit, fields)
                });
            }
            if is_position {
                let unit = unit_of(&name, unit)?;
                return object.iter().try_for_each(|(axis, value)| {
                    flatten(&format!("{axis}_{unit}"), value, None, fields)
                });
            }
            Err(format!("{name} is no part of a pose"))
        }
        Json::Bool(_) | Json::Null => {
            Err(format!("{name} is {value}, expected a number or a text"))
        }
    }
}

fn put(fields: &mut Fields, name: &str, value: Value) -> Result<(), String> {
    // What all poses share may be said otherwise by one of them.
    match fields.insert(name.to_string(), value) {
        Some(_) if !matches!(name, "unit" | "euler" | DIRECTION) => {
            Err(format!("{name} is given twice"))
        }
        _ => Ok(()),
    }
}

fn direction(name: &str, fields: &mut Fields) -> Result<(), String> {
    put(fields, DIRECTION, Value { text: name.to_string(), number: None })
}

/// The unit of a position: of its name, or else of the pose.
fn unit_of<'a>(name: &'a str, unit: Option<&'a str>) -> Result<&'a str, String> {
    let of_name =
        name.rsplit_once('_').map(|(_, last)| last).filter(|last| matches!(*last, "m" | "mm"));
    match of_name.or(unit) {
        Some(unit @ ("m" | "mm")) => Ok(unit),
        Some(other) => Err(format!("unit is {other:?}, expected m or mm")),
        None => Err(format!("the unit of {name} is not said: add unit, m or mm")),
    }
}

fn array(name: &str, value: &Json, unit: Option<&str>, fields: &mut Fields) -> Result<(), String> {
    let numbers =
        |value: &Json| -> Option<Vec<f64>> { value.as_array()?.iter().map(Json::as_f64).collect() };
    if let Some(values) = numbers(value) {
        let names = names_in_list(name, values.len(), unit)?;
        return put_all(fields, &names, &values);
    }
    let rows = value.as_array().and_then(|rows| rows.iter().map(numbers).collect());
    let Some(rows): Option<Vec<Vec<f64>>> = rows else {
        return Err(format!("{name} has other values than numbers"));
    };
    let lengths: Vec<usize> = rows.iter().map(Vec::len).collect();
    let letter = match lengths.as_slice() {
        [4, 4, 4, 4] | [4, 4, 4] if is_world_from_flange(name).is_ok() => "m",
        [4, 4, 4, 4] | [4, 4, 4] => {
            return Err(format!(
                "the direction of {name} is not said: name it world_from_flange or flange_from_world"
            ));
        }
        [3, 3, 3] if matches!(name, "rotation" | "rotation_matrix" | "r") => "r",
        _ => {
            return Err(format!(
                "{name} has rows of {lengths:?} numbers, expected four rows of four"
            ));
        }
    };
    for (row, values) in rows.iter().enumerate() {
        let names = (0..values.len()).map(|column| format!("{letter}{row}{column}"));
        put_all(fields, &names.collect::<Vec<_>>(), values)?;
    }
    if letter == "m" { direction(name, fields) } else { Ok(()) }
}

fn put_all(fields: &mut Fields, names: &[String], values: &[f64]) -> Result<(), String> {
    names.iter().zip(values).try_for_each(|(name, number)| {
        put(fields, name, Value { text: number.to_string(), number: Some(*number) })
    })
}

/// The names of the numbers in a list, if the list's name says their order and unit.
fn names_in_list(name: &str, count: usize, unit: Option<&str>) -> Result<Vec<String>, String> {
    let unsaid =
        |what: &str, names: &str| Err(format!("the {what} of {name} is not said: name it {names}"));
    let names: &[&str] = match (name, count) {
        ("quaternion_xyzw" | "orientation_xyzw" | "rotation_xyzw", 4) => &["qx", "qy", "qz", "qw"],
        ("quaternion_wxyz" | "orientation_wxyz" | "rotation_wxyz", 4) => &["qw", "qx", "qy", "qz"],
        ("roll_pitch_yaw_deg" | "rpy_deg", 3) => &["roll_deg", "pitch_deg", "yaw_deg"],
        ("roll_pitch_yaw_rad" | "rpy_rad", 3) => &["roll_rad", "pitch_rad", "yaw_rad"],
        ("rotation_vector_rad" | "rotvec_rad", 3) => {
            &["rotvec_x_rad", "rotvec_y_rad", "rotvec_z_rad"]
        }
        ("rotation_vector_deg" | "rotvec_deg", 3) => {
            &["rotvec_x_deg", "rotvec_y_deg", "rotvec_z_deg"]
        }
        (name, 3) if is_position_name(name) => {
            let unit = unit_of(name, unit)?;
            return Ok(["x", "y", "z"].map(|axis| format!("{axis}_{unit}")).into());
        }
        ("quaternion" | "orientation" | "rotation" | "quat", 4) => {
            return unsaid("order", "quaternion_xyzw or quaternion_wxyz");
        }
        ("roll_pitch_yaw" | "rpy", 3) => {
            return unsaid("unit", &format!("{name}_deg or {name}_rad"));
        }
        (_, 16) => {
            return Err(format!("{name} has 16 numbers in a row, expected four rows of four"));
        }
        _ => return Err(format!("{name} has {count} numbers, which are no part of a pose")),
    };
    Ok(names.iter().map(ToString::to_string).collect())
}

fn is_position_name(name: &str) -> bool {
    let name = name.strip_suffix("_mm").or_else(|| name.strip_suffix("_m")).unwrap_or(name);
    matches!(name, "position" | "translation" | "xyz" | "t")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibration::pose_fields::world_from_flange;

    #[test]
    fn one_pose_is_read_from_every_form() {
        const ROWS: &str = "[[0,1,0,0.3],[1,0,0,-0.02],[0,0,-1,0.4],[0,0,0,1]]";
        const INVERSE: &str = "[[0,1,0,0.02],[1,0,0,-0.3],[0,0,-1,0.4]]";
        let half = std::f64::consts::FRAC_1_SQRT_2;
        let mut read = Vec::new();
        for text in [
            format!(r#"[{{"world_from_flange": {ROWS}, "unit": "m"}}]"#),
            format!(r#"{{"unit": "m", "poses": [{{"base_from_gripper": {ROWS}}}]}}"#),
            format!(r#"{{"unit": "mm", "poses": [{{"base2gripper": {INVERSE}, "unit": "m"}}]}}"#),
            format!(r#"[{{"position_mm": [300, -20, 400], "quaternion_xyzw": [{half}, {half}, 0, 0]}}]"#),
            format!(r#"[{{"Translation (m)": [0.3, -0.02, 0.4], "quaternion_wxyz": [0, {half}, {half}, 0]}}]"#),
            format!(
                r#"{{"unit": "m", "frames": [{{"world_from_flange": {{"position": {{"x": 0.3, "y": -0.02, "z": 0.4}},
                "orientation": {{"x": {half}, "y": {half}, "z": 0, "w": 0}}}}}}]}}"#
            ),
            r#"[{"position_mm": [300, -20, 400], "rpy_deg": [180, 0, 90]}]"#.to_string(),
            r#"[{"xyz_mm": [300, -20, 400], "rotation": [[0,1,0],[1,0,0],[0,0,-1]]}]"#.to_string(),
            r#"[{"x_mm": 300, "y_mm": "-20", "z_mm": 4e2, "roll_deg": 180, "pitch_deg": 0, "yaw_deg": 90}]"#.to_string(),
        ] {
            let poses = parse(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
            read.push((world_from_flange(&poses[0]).unwrap_or_else(|error| panic!("{text}: {error:?}")), text));
        }
        for (pose, text) in &read {
            let off = read[0].0.inverse() * pose;
            assert!(
                off.translation.vector.norm() < 1e-9 && off.rotation.angle() < 1e-9,
                "{text}: {off}"
            );
        }
    }

    #[test]
    fn what_is_not_said_is_refused() {
        const ROWS: &str = "[[1,0,0,0],[0,1,0,0],[0,0,1,0],[0,0,0,1]]";
        for (text, expected) in [
            ("[{".to_string(), "no JSON"),
            ("3".to_string(), "no list"),
            (r#"{"camera": "a"}"#.to_string(), "no list of poses"),
            ("[3]".to_string(), "entry 1 is no object"),
            (format!(r#"[{{"matrix": {ROWS}}}]"#), "direction of matrix"),
            (format!(r#"[{{"base_from_tcp": {ROWS}}}]"#), "direction of base_from_tcp"),
            (r#"[{"position": [0, 0, 0]}]"#.to_string(), "unit of position"),
            (r#"[{"position": [0, 0, 0], "unit": "inch"}]"#.to_string(), "expected m or mm"),
            (
                r#"[{}, {"quaternion": [0, 0, 0, 1]}]"#.to_string(),
                "entry 2: the order of quaternion",
            ),
            (r#"[{"rpy": [0, 0, 0]}]"#.to_string(), "unit of rpy"),
            (
                r#"[{"world_from_flange": [1,0,0,0,0,1,0,0,0,0,1,0,0,0,0,1]}]"#.to_string(),
                "16 numbers",
            ),
            (r#"[{"world_from_flange": [[1,0],[0,1]]}]"#.to_string(), "rows of [2, 2]"),
            (r#"[{"world_from_flange": ["a"]}]"#.to_string(), "other values"),
            (r#"[{"x_mm": null}]"#.to_string(), "x_mm is null"),
            (r#"[{"x_mm": 1, "X (mm)": 2}]"#.to_string(), "twice"),
        ] {
            let message = parse(&text).unwrap_err();
            assert!(message.contains(expected), "{text}: {message}");
        }
        // The matrix has no unit.
        let poses = parse(&format!(r#"[{{"world_from_flange": {ROWS}}}]"#)).unwrap();
        assert!(world_from_flange(&poses[0]).is_err());
    }
}
