//! Values in the file that may determine the size of a node's output.

use super::bytes::{Fault, damage};

/// Tensors have fewer dimensions, so more values than this are no shape.
pub(super) const MAX_RANK: usize = 16;

/// The values of a small tensor or of an attribute.
pub(super) struct ConstantValues {
    /// `None` if there are more than [`MAX_RANK`] values, or if this crate does not read their type or place.
    known: Option<Vec<f64>>,
    /// The field that holds the values.
    field: Option<u64>,
}

impl Default for ConstantValues {
    fn default() -> Self {
        Self { known: Some(Vec::new()), field: None }
    }
}

impl ConstantValues {
    /// Begins the values in `field`, which may occur more than once if it is `repeated`. Several fields are
    /// refused, because the runtime takes one of them, depending on the type.
    pub fn begin(&mut self, field: u64, repeated: bool) -> Result<(), Fault> {
        match self.field.replace(field) {
            Some(before) if before != field || !repeated => damage("values in two places"),
            _ => Ok(()),
        }
    }

    pub fn push(&mut self, value: f64) {
        match &mut self.known {
            Some(known) if known.len() < MAX_RANK => known.push(value),
            _ => self.known = None,
        }
    }

    /// Takes the values of a tensor in an attribute.
    pub fn take(&mut self, tensor: Self) {
        self.known = tensor.known;
    }

    /// Forgets the values: their type or place is not read.
    pub fn forget(&mut self) {
        self.known = None;
    }

    pub fn field(&self) -> Option<u64> {
        self.field
    }

    /// The values; `None` if they are unknown.
    pub fn known(&self) -> Option<&[f64]> {
        self.known.as_deref()
    }
}
