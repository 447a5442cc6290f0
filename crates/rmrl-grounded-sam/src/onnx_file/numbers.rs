//! Numbers that may tell a node how much to make.

use super::bytes::{Fault, damage};

/// Tensors have fewer dimensions; more numbers than this are no shape.
pub(super) const MAX_RANK: usize = 16;

/// The numbers of a small tensor or of an attribute.
pub(super) struct Numbers {
    /// `None` if they are more than [`MAX_RANK`], or of a kind or in a place where they are not read.
    few: Option<Vec<f64>>,
    /// The field that they stand in.
    field: Option<u64>,
}

impl Default for Numbers {
    fn default() -> Self {
        Self { few: Some(Vec::new()), field: None }
    }
}

impl Numbers {
    /// Begins with the numbers in `field`, which may stand there more than once if it is `repeated`. Of
    /// several fields the runtime takes one, and it depends on the type which.
    pub fn begin(&mut self, field: u64, repeated: bool) -> Result<(), Fault> {
        match self.field.replace(field) {
            Some(before) if before != field || !repeated => damage("numbers in two places"),
            _ => Ok(()),
        }
    }

    pub fn push(&mut self, number: f64) {
        match &mut self.few {
            Some(few) if few.len() < MAX_RANK => few.push(number),
            _ => self.few = None,
        }
    }

    /// The numbers of a tensor, as those of the field that it stands in.
    pub fn take(&mut self, tensor: Self) {
        self.few = tensor.few;
    }

    pub fn unreadable(&mut self) {
        self.few = None;
    }

    pub fn field(&self) -> Option<u64> {
        self.field
    }

    pub fn few(&self) -> Option<&[f64]> {
        self.few.as_deref()
    }
}
