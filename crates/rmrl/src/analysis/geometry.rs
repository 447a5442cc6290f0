//! What a run's carries tell of its cell's geometry, whatever method made them.

use rmrl_belief::BeliefSummary;
use rmrl_data::TrialRecord;

use crate::config::RunConfig;
use crate::run::baseline::learned_geometry;
use crate::run::target_record::TargetRecord;

/// The belief over the geometry of a run's cell; `None` where the log has no carry, as those of earlier versions.
pub(crate) fn geometry_of(
    config: &RunConfig,
    records: &[TrialRecord],
    target: Option<&TargetRecord>,
) -> Option<BeliefSummary> {
    if records.iter().all(|record| record.carries.is_empty()) {
        return None;
    }
    let target = target?.target.look();
    Some(learned_geometry(config, records, target).ok()?.summary())
}
