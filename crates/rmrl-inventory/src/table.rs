//! The world as a text table.

use std::fmt;

use crate::address::Place;
use crate::item::Item;
use crate::world::{Moved, Phase, Transfer, World};

/// A row: place, item, labware, lid and what is to be said.
type Row = [String; 5];

impl fmt::Display for World {
    /// A table of all slots of which somebody said what lies in them, from the top of each pile, and of the jaws. An item that
    /// is moving or uncertain has a row at each place where it can be.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = ["place", "item", "labware", "lid", ""].map(str::to_string);
        let mut rows = vec![head];
        let places = self.slots().map(|(slot, items)| (Place::Slot(slot.clone()), items));
        let held = self.jaws().map_or(&[][..], std::slice::from_ref);
        for (place, items) in places.chain([(Place::Jaws, held)]) {
            rows.extend(self.rows(&place, items));
        }
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
        let widths: Vec<usize> = (0..5).map(|column| width(column).unwrap_or(0)).collect();
        for row in &rows {
            let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
            writeln!(f, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
        }
        Ok(())
    }
}

impl World {
    /// The rows of a place.
    fn rows(&self, place: &Place, items: &[Item]) -> Vec<Row> {
        let mut rows = Vec::new();
        if let Some(uncertain) = self.uncertain()
            && uncertain.places.contains(place)
        {
            let (note, id) = ("uncertain: look, and say where it is", &uncertain.item.id);
            rows.push(row(place, &uncertain.item, format!("{id}?"), note.to_string()));
        }
        if let Some(transfer) = self.open_transfer()
            && transfer.phase != Phase::Released
            && transfer.places().contains(place)
        {
            let what = match transfer.moved {
                Moved::Item => "",
                Moved::LidOff => "lid off: ",
                Moved::LidOn => "lid on: ",
            };
            let Transfer { id, to, phase, .. } = transfer;
            let note = format!("{what}transfer {id} to {to}, {phase}");
            rows.push(row(place, &transfer.item, format!("{}?", transfer.item.id), note));
        }
        let piled = items.iter().rev();
        rows.extend(piled.map(|item| row(place, item, item.id.to_string(), String::new())));
        if rows.is_empty() {
            rows.push([&place.to_string(), "-", "", "", ""].map(str::to_string));
        }
        rows
    }
}

fn row(place: &Place, item: &Item, name: String, note: String) -> Row {
    let lid = if item.has_lid { "on" } else { "" };
    [place.to_string(), name, item.labware().to_string(), lid.to_string(), note]
}
