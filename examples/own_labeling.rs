//! A labeling strategy of your own: the mean of a scene's three best actions, instead of the best one.
//!
//! Which trial of a scene is best depends on chance, too. This example compares averaging a few role
//! models with the paper's strategy, in the same simulated cell.
//!
//! `cargo run --release --example own_labeling`

use rmrl::{Laboratory, RunConfig};
use rmrl_cell::{PickPlace, TaskKind};
use rmrl_core::{ActionSpace, PoseAdjustment, Scene, Trial, TrialReport, mean};
use rmrl_learn::{
    BestOfScene, Experience, Labeling, Learner, Method, MethodName, Observer, ObserverError,
    Policy, Reinforce, ReplayRule, Training, TrialBacklog, TrialLabel, TrialPlan,
};

/// Labels every state of a scene with the mean action of its best trials.
struct MeanOfBest {
    count: usize,
}

impl Labeling for MeanOfBest {
    fn label(
        &self,
        scene: &Scene,
        _so_far: &[Experience],
        actions: &ActionSpace,
        complete: bool,
    ) -> Option<Vec<TrialLabel>> {
        let all = |label| scene.trials().iter().map(|trial| (trial.id.trial, label)).collect();
        if !complete {
            return None;
        }
        let mut placed: Vec<&Trial> =
            scene.trials().iter().filter(|trial| trial.outcome.placement().is_some()).collect();
        placed.sort_by(|a, b| b.outcome.reward().total_cmp(&a.outcome.reward()));
        placed.truncate(self.count);
        if placed.is_empty() {
            return Some(all([None; 3]));
        }
        let mean_of = |component: fn(&PoseAdjustment) -> f64| {
            let values: Vec<f64> =
                placed.iter().map(|trial| component(&trial.decision.adjustment)).collect();
            mean(&values)
        };
        let label = actions.nearest(PoseAdjustment {
            dx_m: mean_of(|adjustment| adjustment.dx_m),
            dy_m: mean_of(|adjustment| adjustment.dy_m),
            dyaw_rad: mean_of(|adjustment| adjustment.dyaw_rad),
        });
        Some(all(label.0.map(Some)))
    }
}

/// Stores the rewards.
#[derive(Default)]
struct Rewards(Vec<f64>);

impl Observer<PickPlace> for Rewards {
    fn trial_ended(&mut self, _: &PickPlace, report: TrialReport<'_>) -> Result<(), ObserverError> {
        if let TrialReport::Completed(trial) = report {
            self.0.push(trial.outcome.reward());
        }
        Ok(())
    }
}

fn main() -> anyhow::Result<()> {
    let config = RunConfig::of(TaskKind::Table, MethodName::RmRl);
    let actions = config.action_space()?;
    let strategies: [(&str, Box<dyn Labeling>); 2] = [
        ("the best of the scene", Box::new(BestOfScene)),
        ("the mean of the three best", Box::new(MeanOfBest { count: 3 })),
    ];
    for (name, labeling) in strategies {
        let mut cell = Laboratory::assemble(&config, 0)?.trial;
        cell.record_target()?;
        let policy = Policy::new(&config.policy, &actions, config.pose_scaling(), 0)?;
        let mut learner = Learner::new(policy, 0);
        let mut method = Method {
            online: Some(Box::new(Reinforce)),
            labeling: Some(labeling),
            replay: ReplayRule::Labels,
        };
        let mut rewards = Rewards::default();
        let training = Training {
            env: &mut cell,
            learner: &mut learner,
            method: &mut method,
            schedule: &config.schedule,
            plan: TrialPlan::of_trials(150, config.schedule.trials_per_scene),
            backlog: TrialBacklog::nothing(),
            observer: &mut rewards,
        };
        training.run()?;
        println!(
            "{name}: average reward {:.4}, of the last fifty trials {:.4}",
            mean(&rewards.0),
            mean(&rewards.0[100..])
        );
    }
    println!("One seed says little: compare over many seeds before you draw a conclusion.");
    Ok(())
}
