//! Why a laboratory cannot be simulated, or nothing can be done with what was named.

/// Why a laboratory cannot be simulated, or nothing can be done with what was named.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LaboratoryError {
    /// An item does not lie where it was said to lie.
    #[error("{id} does not lie in {slot}")]
    NotThere {
        /// The item.
        id: String,
        /// The slot.
        slot: String,
    },
    /// Two slots or two items have the same name.
    #[error("two {what}s are named {name}")]
    RepeatedName {
        /// `slot` or `item`.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// There is no slot of this name.
    #[error("there is no slot {name}; the slots are {known:?}")]
    UnknownSlot {
        /// The name.
        name: String,
        /// The slots.
        known: Vec<String>,
    },
    /// There is no item of this name.
    #[error("there is no item {id}; the items are {known:?}")]
    UnknownItem {
        /// The name.
        id: String,
        /// The items.
        known: Vec<String>,
    },
    /// A value that cannot be simulated.
    #[error("{key} of {what} is {value}; expected {expected}")]
    Invalid {
        /// The slot or item.
        what: String,
        /// The field.
        key: &'static str,
        /// The value.
        value: f64,
        /// What was expected.
        expected: String,
    },
    /// A state of another laboratory: it has another number of items.
    #[error("the state has {got} items, and the laboratory {expected}")]
    OtherLaboratory {
        /// The items of the laboratory.
        expected: usize,
        /// The items of the state.
        got: usize,
    },
    /// The cell was made for a task.
    #[error("the cell has no places: it was made for a task")]
    NoLaboratory,
}
