//! Between which sites, and for which labware, a policy corrects.

use std::fmt;

use rmrl_inventory::SlotAddress;
use serde::{Deserialize, Serialize};

/// Two sites and a labware. All slots of a site share its policies.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyPair {
    /// The name of the site that items come from.
    pub from: String,
    /// The name of the site where they are brought.
    pub to: String,
    /// The name of their labware.
    pub labware: String,
}

impl PolicyPair {
    /// That of a transfer between two slots.
    pub fn between(from: &SlotAddress, to: &SlotAddress, labware: &str) -> Self {
        Self {
            from: from.site().to_string(),
            to: to.site().to_string(),
            labware: labware.to_string(),
        }
    }
}

impl fmt::Display for PolicyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} from {} to {}", self.labware, self.from, self.to)
    }
}
