//! Edits the text of a configuration file; everything but the taught numbers stays, comments included.

use rmrl_cell::{Place, TaskConfig, Waypoint};
use toml_edit::{Array, InlineTable, Item, Table, TableLike, Value};

use super::error::TeachError;

/// The keys of a place with their values.
pub(super) fn of_place(place: &Place) -> [(&'static str, f64); 4] {
    let Place { x_m, y_m, yaw_deg, surface_m } = *place;
    [("x_m", x_m), ("y_m", y_m), ("yaw_deg", yaw_deg), ("surface_m", surface_m)]
}

/// The keys of a waypoint with their values.
pub(super) fn of_waypoint(waypoint: &Waypoint) -> [(&'static str, f64); 4] {
    let Waypoint { x_m, y_m, z_m, yaw_deg } = *waypoint;
    [("x_m", x_m), ("y_m", y_m), ("z_m", z_m), ("yaw_deg", yaw_deg)]
}

/// A waypoint as an inline table.
pub(super) fn inline(waypoint: &Waypoint) -> InlineTable {
    InlineTable::from_iter(of_waypoint(waypoint))
}

/// The table of a key. Makes it where there is none; an `implicit` table has no header line.
pub(super) fn table_in<'a>(
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

/// Sets the numbers of a table; comments behind them stay.
pub(super) fn set_numbers(table: &mut dyn TableLike, numbers: [(&str, f64); 4]) {
    for (key, number) in numbers {
        set(table, key, number);
    }
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

/// Appends a waypoint to `task.via`, or replaces one of them. `task` has the change already.
///
/// # Errors
/// `task.via` is not a list of waypoints.
pub(super) fn write_via(
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
                Some(table) => set_numbers(table, of_waypoint(waypoint)),
                None => tables.push(inline(waypoint).into_table()),
            }
        }
        Some(Item::Value(Value::Array(list))) => {
            match replaced.and_then(|number| list.get_mut(number)) {
                Some(present) => {
                    let table = present.as_inline_table_mut().ok_or(shape)?;
                    set_numbers(table, of_waypoint(waypoint));
                }
                None => list.push(inline(waypoint)),
            }
        }
        Some(_) => return Err(shape),
    }
    Ok(())
}
