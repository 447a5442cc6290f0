//! Which slots a cell has, how much they hold, and what.

use std::collections::{BTreeMap, BTreeSet};

use crate::address::SlotAddress;

/// The slots of a cell. The caller gives it at each start; what is remembered does not depend on it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Layout {
    slots: BTreeMap<SlotAddress, SlotRule>,
}

/// What a slot holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotRule {
    /// How many items may lie on each other in it; 0 closes the slot. A lid on its plate is no item, one that lies alone is.
    pub capacity: usize,
    /// The labware that fits. A lid that lies alone has the labware `NAME.lid`, which is another one than `NAME`.
    pub accepts: Accepts,
}

impl Default for SlotRule {
    /// One item of any labware: what most slots hold, and no motion stacks by mistake.
    fn default() -> Self {
        Self { capacity: 1, accepts: Accepts::Any }
    }
}

/// The labware that fits into a slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accepts {
    /// Any.
    Any,
    /// These, by name.
    Only(BTreeSet<String>),
}

impl Accepts {
    /// Whether it fits.
    pub fn holds(&self, labware: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Only(names) => names.contains(labware),
        }
    }
}

impl Layout {
    /// Adds a slot, or replaces its rule.
    #[must_use]
    pub fn with(mut self, slot: SlotAddress, rule: SlotRule) -> Self {
        self.slots.insert(slot, rule);
        self
    }

    /// The rule of a slot; `None` if the cell has no such slot.
    pub fn rule(&self, slot: &SlotAddress) -> Option<&SlotRule> {
        self.slots.get(slot)
    }

    /// All slots with their rules, sorted by site and number.
    pub fn slots(&self) -> impl Iterator<Item = (&SlotAddress, &SlotRule)> {
        self.slots.iter()
    }
}

impl FromIterator<(SlotAddress, SlotRule)> for Layout {
    fn from_iter<I: IntoIterator<Item = (SlotAddress, SlotRule)>>(slots: I) -> Self {
        Self { slots: slots.into_iter().collect() }
    }
}
