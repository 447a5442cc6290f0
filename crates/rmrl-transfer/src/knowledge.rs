//! What a cell knows of how things lie, beyond in which slot: the belief over camera and tool, the offsets of sites, and how
//! each item was put down.
//!
//! It is worth robot minutes, and no safety depends on it: where a file of it is lost, the cell looks and carries again.

use std::collections::{BTreeMap, VecDeque};

use rmrl_belief::{CellBelief, Prior};
use rmrl_core::{Carry, Look, PlanarPose};
use serde::{Deserialize, Serialize};

use crate::offset::Offset;
use crate::site_offsets::{OffsetPrior, SiteObservation, SiteOffsets};

/// The version of the file.
const VERSION: u32 = 1;
/// As many carries are kept: a belief of 120 is as good as one of all, and made again at a start in a fraction of a second.
const MOST_CARRIES: usize = 120;
/// As many observations are kept of each site.
const MOST_SEATED: usize = 20;
/// How exactly a person seats a plate when asked to, in meters: a standard deviation. Untuned.
const SEATED_M: f64 = 0.000_3;
/// How exactly people put plates into slots otherwise, in meters. Untuned.
const PUT_BY_HAND_M: f64 = 0.002;

/// How an item lies in its slot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "how", rename_all = "snake_case", deny_unknown_fields)]
pub enum Lies {
    /// A person put it there.
    ByHand {
        /// Whether exactly where it should: somebody was asked to seat it.
        is_seated: bool,
    },
    /// The arm put it there.
    ByArm {
        /// The pose of the tool where the jaws opened, as commanded.
        tool: PlanarPose,
        /// The offset along the fingers that it had in the jaws.
        offset: Offset,
        /// Where the camera saw it afterwards.
        seen: Option<Look>,
    },
}

/// What is known of an item.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownItem {
    /// The slot or the jaws, as text: what follows holds there only.
    pub place: String,
    /// How it lies there.
    pub lies: Lies,
}

/// A plate that lay exactly where it should in a site, seen by the camera there or where the arm brought it next.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Seated {
    site: String,
    /// The tool in which the plate had the offset, as commanded.
    tool: PlanarPose,
    seen: Look,
    /// How exactly it lay there, in meters: a standard deviation.
    seated_m: f64,
}

/// The file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KnowledgeFile {
    version: u32,
    carries: VecDeque<Carry>,
    seated: Vec<Seated>,
    items: BTreeMap<String, KnownItem>,
}

/// What a cell knows of how things lie.
#[derive(Debug, Clone)]
pub struct Knowledge {
    file: KnowledgeFile,
    belief: CellBelief,
}

impl Knowledge {
    /// Knows nothing. `middle` is the middle of the workspace.
    pub fn nothing(prior: Prior, middle: PlanarPose) -> Self {
        let file = KnowledgeFile {
            version: VERSION,
            carries: VecDeque::new(),
            seated: Vec::new(),
            items: BTreeMap::new(),
        };
        let belief = CellBelief::without_target(prior, middle);
        Self { file, belief }
    }

    /// What a file says, as text of [`Knowledge::to_json`].
    ///
    /// # Errors
    /// It is no such file, or of another version; in words.
    pub fn of_json(text: &str, prior: Prior, middle: PlanarPose) -> Result<Self, String> {
        let file: KnowledgeFile = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if file.version != VERSION {
            return Err(format!("it is of version {}, expected {VERSION}", file.version));
        }
        let mut belief = CellBelief::without_target(prior, middle);
        file.carries.iter().for_each(|carry| belief.note(carry));
        Ok(Self { file, belief })
    }

    /// All of it as text: one line.
    pub fn to_json(&self) -> String {
        // Maps with text keys and finite numbers only: this cannot fail.
        serde_json::to_string(&self.file).unwrap_or_default()
    }

    /// What is believed of camera, tool and arm.
    pub fn belief(&self) -> &CellBelief {
        &self.belief
    }

    /// Takes note of a carry.
    pub fn note(&mut self, carry: Carry) {
        if !carry.is_finite() {
            return;
        }
        self.belief.note(&carry);
        self.file.carries.push_back(carry);
        if self.file.carries.len() > MOST_CARRIES {
            self.file.carries.pop_front();
        }
    }

    /// How many carries are kept.
    pub fn carries(&self) -> usize {
        self.file.carries.len()
    }

    /// Takes note of a plate that a person had put into a site, and that the camera sees with `tool` around it, or where jaws
    /// opened at `tool` after they had taken it there.
    pub fn note_seated(&mut self, site: &str, tool: PlanarPose, seen: Look, is_seated: bool) {
        let seated_m = Self::by_hand_m(is_seated);
        self.file.seated.push(Seated { site: site.to_string(), tool, seen, seated_m });
        let of_site = self.file.seated.iter().filter(|one| one.site == site).count();
        if of_site > MOST_SEATED
            && let Some(oldest) = self.file.seated.iter().position(|one| one.site == site)
        {
            self.file.seated.remove(oldest);
        }
    }

    /// The offsets of the sites, as believed now.
    pub fn offsets(&self) -> SiteOffsets {
        let look_m = self.belief.look_deviation_m();
        let observed: Vec<SiteObservation<'_>> = self
            .file
            .seated
            .iter()
            .map(|Seated { site, tool, seen, seated_m }| SiteObservation {
                site,
                seen: *seen,
                tool: *tool,
                deviation_m: seated_m.hypot(look_m),
            })
            .collect();
        SiteOffsets::new(OffsetPrior::default(), &observed)
    }

    /// How exactly a person put an item where it lies, in meters.
    pub fn by_hand_m(is_seated: bool) -> f64 {
        if is_seated { SEATED_M } else { PUT_BY_HAND_M }
    }

    /// How an item lies in a place; as put by hand where nothing else is known.
    pub fn lies(&self, item: &str, place: &str) -> Lies {
        let known = self.file.items.get(item).filter(|known| known.place == place);
        known.map_or(Lies::ByHand { is_seated: false }, |known| known.lies.clone())
    }

    /// Takes note of how an item lies in a place.
    pub fn note_lies(&mut self, item: &str, place: &str, lies: Lies) {
        self.file.items.insert(item.to_string(), KnownItem { place: place.to_string(), lies });
    }

    /// Forgets how an item lies: somebody or something may have moved it.
    pub fn forget(&mut self, item: &str) {
        self.file.items.remove(item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn knowledge() -> Knowledge {
        let mut knowledge = Knowledge::nothing(Prior::default(), PlanarPose::new(0.34, -0.1, 0.0));
        for number in 0..8 {
            let yaw = 0.1 * f64::from(number);
            let released = PlanarPose::new(0.3 + 0.01 * f64::from(number), -0.1, yaw);
            let seen = PlanarPose::new(released.x_m + 0.004, -0.103, yaw + 0.01);
            let before = PlanarPose::new(0.304, -0.103, 0.01);
            knowledge.note(Carry {
                seen_before: Some(before.into()),
                grasped: PlanarPose::new(0.3, -0.1, 0.0),
                released,
                seen_after: seen.into(),
            });
        }
        knowledge
    }

    #[test]
    fn a_file_says_what_was_known() {
        let mut known = knowledge();
        let tool = PlanarPose::new(0.3, -0.1, 0.2);
        let seen = Look::from(PlanarPose::new(0.305, -0.1, 0.21));
        known.note_seated("hotel", tool, seen, true);
        let lies = Lies::ByArm { tool, offset: Offset::seen(seen, tool), seen: Some(seen) };
        known.note_lies("plate-1", "hotel:1", lies.clone());
        let middle = PlanarPose::new(0.34, -0.1, 0.0);
        let read = Knowledge::of_json(&known.to_json(), Prior::default(), middle).unwrap();
        assert_eq!(read.to_json(), known.to_json());
        let deviation = |known: &Knowledge| known.belief().deviation(seen, tool, 0.0);
        assert_eq!(deviation(&read), deviation(&known));
        let of_hotel = |known: &Knowledge| known.offsets().of("hotel").by(known.belief());
        assert_eq!(of_hotel(&read), of_hotel(&known));
        assert_eq!(read.lies("plate-1", "hotel:1"), lies);
        assert_eq!(read.lies("plate-1", "bench"), Lies::ByHand { is_seated: false });
        for text in ["", "{}", &known.to_json().replace("\"version\":1", "\"version\":7")] {
            assert!(Knowledge::of_json(text, Prior::default(), middle).is_err(), "{text}");
        }
    }

    #[test]
    fn a_plate_that_was_seated_teaches_its_site() {
        let mut known = knowledge();
        let tool = PlanarPose::new(0.3, -0.1, 0.0);
        // The camera sees plates 4 mm farther along x: this one lies 3 mm along the fingers.
        known.note_seated("bench", tool, PlanarPose::new(0.307, -0.103, 0.01).into(), true);
        let offset = known.offsets().of("bench").by(known.belief());
        assert!((offset.mean - 0.003).abs() < 0.0006, "{offset:?}");
        assert!(offset.deviation < 0.001, "{offset:?}");
        for _ in 0..100 {
            known.note_seated("bench", tool, PlanarPose::new(0.307, -0.103, 0.01).into(), true);
        }
        assert_eq!(known.file.seated.len(), MOST_SEATED);
    }
}
