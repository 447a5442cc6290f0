//! Inputs and outputs of the control box and of the tool board at the flange.
//!
//! Nothing is wired to them: the control box's digital inputs, which it pulls up, are high; the tool's are low,
//! and all analog inputs are zero. Outputs keep what they were set to.

use nalgebra::Vector3;

use super::origin::Origin;

/// New levels of outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Output {
    /// Digital outputs of the control box: which ones, and their levels.
    BoxDigital { which: u16, levels: u16 },
    /// One of two analog outputs of the control box, in steps of 10 V / 4095.
    BoxAnalog { index: usize, steps: u16 },
    /// Digital outputs of the tool: which ones, and their levels.
    ToolDigital { which: u8, levels: u8 },
}

/// Sets an output once, where the tool passes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub at_mm: Vector3<f64>,
    pub radius_mm: f64,
    pub output: Output,
    pub origin: Origin,
}

/// Bits and words that mean nothing to the controller; clients of standard Modbus TCP keep them there.
#[derive(Debug, Clone)]
pub(super) struct GeneralPurpose {
    pub bits: [bool; 256],
    pub words: [u16; 256],
}

impl Default for GeneralPurpose {
    fn default() -> Self {
        Self { bits: [false; 256], words: [0; 256] }
    }
}

/// The most outputs that wait for a time or a place.
const MAX_WAITING: usize = 64;

/// The signals.
#[derive(Debug, Clone, Default)]
pub(super) struct Signals {
    pub box_digital: u16,
    pub box_analog: [u16; 2],
    pub tool_digital: u8,
    /// The vendor's number of each input's and each output's function; 0 is none.
    pub input_functions: [u8; 16],
    pub output_functions: [u8; 16],
    delayed: Vec<(f64, Output)>,
    places: Vec<Place>,
}

impl Signals {
    /// The digital inputs of the control box.
    pub const BOX_INPUTS: u16 = 0xffff;

    pub fn set(&mut self, output: Output) {
        match output {
            Output::BoxDigital { which, levels } => {
                self.box_digital = self.box_digital & !which | levels & which;
            }
            Output::BoxAnalog { index, steps } => self.box_analog[index] = steps,
            Output::ToolDigital { which, levels } => {
                self.tool_digital = self.tool_digital & !which | levels & which;
            }
        }
    }

    /// Sets an output later. Returns whether there is room for it.
    pub fn set_after(&mut self, secs: f64, output: Output) -> bool {
        let has_room = self.delayed.len() < MAX_WAITING;
        if has_room {
            self.delayed.push((secs, output));
        }
        has_room
    }

    /// Sets an output where the tool passes. Returns whether there is room for it.
    pub fn set_at(&mut self, place: Place) -> bool {
        let has_room = self.places.len() < MAX_WAITING;
        if has_room {
            self.places.push(place);
        }
        has_room
    }

    /// Lets time pass.
    pub fn advance(&mut self, secs: f64) {
        for (left_secs, _) in &mut self.delayed {
            *left_secs -= secs;
        }
        let is_due = |(left_secs, _): &mut (f64, Output)| *left_secs <= 0.0;
        for (_, output) in self.delayed.extract_if(.., is_due).collect::<Vec<_>>() {
            self.set(output);
        }
    }

    /// The tool moved from one point to another. Returns the requests of outputs that this set.
    pub fn pass(&mut self, from_mm: Vector3<f64>, to_mm: Vector3<f64>) -> Vec<Origin> {
        let way = to_mm - from_mm;
        let is_passed = |place: &mut Place| {
            let from_start = place.at_mm - from_mm;
            let share = from_start.dot(&way) / way.norm_squared().max(1e-12);
            (from_start - way * share.clamp(0.0, 1.0)).norm() <= place.radius_mm
        };
        let passed: Vec<Place> = self.places.extract_if(.., is_passed).collect();
        passed.iter().for_each(|place| self.set(place.output));
        passed.into_iter().map(|place| place.origin).collect()
    }

    /// The control box's inputs and outputs, as an answer and as the report has them.
    pub fn box_state(&self) -> [u8; 50] {
        let mut bytes = [0; 50];
        // State and error; inputs and outputs that have a fixed function, and those that are free.
        let words = [0, Self::BOX_INPUTS, 0, self.box_digital, 0, 0];
        let words = words.into_iter().chain(self.box_analog);
        for (index, word) in words.enumerate() {
            bytes[2 + 2 * index..][..2].copy_from_slice(&word.to_be_bytes());
        }
        for (at, functions) in [
            (18, &self.input_functions[..8]),
            (26, &self.output_functions[..8]),
            (34, &self.input_functions[8..]),
            (42, &self.output_functions[8..]),
        ] {
            bytes[at..at + 8].copy_from_slice(functions);
        }
        bytes
    }
}
