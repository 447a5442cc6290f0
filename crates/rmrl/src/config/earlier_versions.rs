//! What configurations of earlier versions mean, which lack later keys.

use rmrl_sim::CellDistribution;
use toml::Table;

use crate::config::key_path::put;
use crate::config::layers::Layers;

impl Layers {
    /// The keys that versions have added: what was done before there were any. Runs keep all keys of their version.
    pub(crate) fn of_earlier_versions() -> Self {
        const EARLIER: &str = "an earlier version";
        Self::default()
            .with_value(EARLIER, "policy.encoder.weights", "random")
            .with_value(EARLIER, "schedule.refinements", 0)
            .with_value(EARLIER, "schedule.slide_by_geometry", false)
            .with_value(EARLIER, "schedule.chosen_starts", 0)
            .with_value(EARLIER, "task.careful_opening_m", 0.13)
            .with_value(EARLIER, "task.careful_speed_m_s", 10.0)
            .with_table(EARLIER, exact_arm())
    }
}

/// The keys of simulated cells that later versions have added, as cells were before: with exact arms, lenses and tables.
fn exact_arm() -> Table {
    const ADDED: [&str; 6] = [
        "joint_zero_deg",
        "link_length_m",
        "link_twist_deg",
        "lens_residual_px",
        "table_slope_deg",
        "round_fixtures",
    ];
    let before = Table::try_from(CellDistribution::EXACT_ARM).expect("numbers and lists make TOML");
    let mut values = Table::new();
    for key in ADDED {
        put(&mut values, &format!("simulation.cells.{key}"), before[key].clone());
    }
    values
}
