//! What is qualified, and by whom.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// Installation qualification: what the cell is made of, as it stood at the test. What a reader has to recognize is given as
/// text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Installation {
    /// The name of the cell.
    pub cell: String,
    /// Whether its devices are simulated; then the report says so at its beginning.
    pub is_simulated: bool,
    /// The version of the software.
    pub software: String,
    /// The digest of the program.
    pub program_digest: String,
    /// The digest of the configuration.
    pub configuration_digest: String,
    /// The arm, with its serial number and firmware where they are known.
    pub arm: String,
    /// The gripper.
    pub gripper: String,
    /// The camera.
    pub camera: String,
    /// How old its calibration is.
    pub calibration_age: String,
    /// The sites.
    pub sites: Vec<QualifiedSite>,
    /// The labware that was moved.
    pub labware: Vec<String>,
    /// The day of the test.
    pub date: Date,
    /// Who performed it.
    pub performed_by: String,
}

/// A site of the cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QualifiedSite {
    /// Its name.
    pub name: String,
    /// How many slots it has.
    pub slots: usize,
    /// How it is entered, whether the camera sees it, and what else matters.
    pub description: String,
    /// How far an item may lie from its place, in millimeters.
    pub tolerance_mm: f64,
    /// How far it may be turned, in degrees.
    pub tolerance_deg: f64,
    /// The labware that it takes; empty is any.
    pub labware: Vec<String>,
}

impl Installation {
    /// A site by its name.
    pub fn site(&self, name: &str) -> Option<&QualifiedSite> {
        self.sites.iter().find(|site| site.name == name)
    }
}
