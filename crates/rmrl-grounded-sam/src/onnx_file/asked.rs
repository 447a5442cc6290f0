//! How much the nodes of a graph are told to make, by numbers that stand in the file.

use std::collections::HashMap;

/// A node that makes more numbers than this is none of the models meant here: the largest inner tensor
/// of theirs has 2^28.
const MAX_NUMBERS: f64 = (1u64 << 31) as f64;

/// Operators that make as many numbers as one of their inputs says, and which input that is.
const MAKERS: [(&str, usize); 6] =
    [("ConstantOfShape", 0), ("Expand", 1), ("Tile", 1), ("Pad", 1), ("Range", 1), ("Resize", 3)];

/// The inputs of a node that say how much it makes are among its first.
pub(super) const INPUTS: usize = 4;
/// Tensors have fewer dimensions; tensors of more numbers than this are no shapes.
pub(super) const MAX_RANK: usize = 16;
/// Nodes and shapes that are kept in mind; the models meant here have some thousands.
const MAX_NOTES: usize = 1 << 20;

/// What a node says of itself.
#[derive(Default)]
pub(super) struct Node {
    pub operator: String,
    /// The first [`INPUTS`] of them.
    pub inputs: Vec<String>,
    pub output: String,
}

/// What nodes are told to make, noted as a file is read and checked in the end: a shape may stand after
/// the node that it belongs to.
#[derive(Default)]
pub(super) struct Asked {
    /// How many numbers a tensor has whose shape is the integer tensor of that name. The same name in two
    /// graphs keeps the larger.
    shapes: HashMap<String, f64>,
    /// Operators that make tensors, and the name of what says how large.
    makers: Vec<(String, String)>,
    /// How many numbers the shape that was read last asks for.
    latest: Option<f64>,
}

impl Asked {
    /// Shapes read from now on may be a node's own.
    pub fn begin_node(&mut self) {
        self.latest = None;
    }

    /// Notes that the tensor `name` holds these numbers; they are the sides of another one, maybe. An
    /// attribute has no name.
    ///
    /// # Errors
    /// More notes than any model meant here needs.
    pub fn note_shape(&mut self, name: String, sides: &[i64]) -> Result<(), String> {
        if sides.is_empty() || sides.len() > MAX_RANK {
            return Ok(());
        }
        let numbers = sides.iter().map(|side| (*side as f64).abs().max(1.0)).product::<f64>();
        self.latest = Some(numbers);
        if !name.is_empty() {
            self.keep_larger(name, numbers);
        }
        self.check_notes()
    }

    /// Notes a node, after what is within it.
    ///
    /// # Errors
    /// More notes than any model meant here needs.
    pub fn note_node(&mut self, mut node: Node) -> Result<(), String> {
        if let ("Constant", Some(numbers)) = (node.operator.as_str(), self.latest.take()) {
            self.keep_larger(node.output, numbers);
        } else if let Some((_, input)) = MAKERS.iter().find(|(name, _)| *name == node.operator)
            && *input < node.inputs.len()
        {
            self.makers.push((node.operator, node.inputs.swap_remove(*input)));
        }
        self.check_notes()
    }

    fn keep_larger(&mut self, name: String, numbers: f64) {
        let known = self.shapes.entry(name).or_default();
        *known = known.max(numbers);
    }

    fn check_notes(&self) -> Result<(), String> {
        if self.shapes.len() + self.makers.len() > MAX_NOTES {
            return Err(format!("more than {MAX_NOTES} tensors and nodes"));
        }
        Ok(())
    }

    /// Checks what was noted: an operator that is told to make more than a machine can hold would end the
    /// program.
    ///
    /// # Errors
    /// The operator, what tells it, and how much.
    pub fn check(&self) -> Result<(), String> {
        for (operator, input) in &self.makers {
            if let Some(numbers) = self.shapes.get(input)
                && *numbers > MAX_NUMBERS
            {
                return Err(format!(
                    "{operator} makes {numbers:.1e} numbers, as {input:?} tells it; {MAX_NUMBERS:.1e} \
                     are the most that is allowed"
                ));
            }
        }
        Ok(())
    }
}
