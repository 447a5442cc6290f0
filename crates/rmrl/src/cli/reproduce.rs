//! `rmrl reproduce`

use std::num::NonZero;
use std::path::PathBuf;

use crate::cell::terminal::say;
use crate::reproduce::{
    ABLATIONS, Ablation, Output, Plan, Store, SweepProgress, Table, Unit, Variant, run_units,
    unfinished, write_output,
};
use anyhow::anyhow;
use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rmrl_cell::TaskKind;
use rmrl_learn::MethodName;
use serde::Serialize;

use super::args::{Configuration, method_parser, task_parser};
use super::failure::Failure;
use super::output::{path_word, print, print_result, shell_word};

/// Reproduce the paper's tables over many simulated cells, or compare the values of a setting.
///
/// Trains every method in every cell. Evaluates the greedy policy on held-out placements every ten
/// trials, and on every task at the end. Writes tables.md, results.csv, greedy.csv and
/// reproduction.html: the paper's Tables 1 to 3 and Fig. 5 with its figures beside ours, as interquartile
/// means with 95 % intervals. The control conditions are included: no correction, random, constant offset and oracle.
///
/// A unit is one method in one cell. Finished units are stored in DIR/units, so an interrupted sweep
/// resumes where it stopped. --list prints one command per unit, for a cluster; --collect makes the tables
/// of the finished units.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  rmrl reproduce                                  everything, 20 cells
  rmrl reproduce --methods rm-rl,hindsight --seeds 8 --out few
  rmrl reproduce --ablate candidate-step          compare the values of a setting
  rmrl reproduce --list | xargs -P 8 -I{} sh -c '{}'
  rmrl reproduce --collect                        tables of the finished units")]
pub struct Reproduce {
    /// The methods, separated by commas [default: all, or the ablation's]
    #[arg(long, value_name = "METHOD,..", value_delimiter = ',', value_parser = method_parser())]
    methods: Vec<MethodName>,

    /// Simulated cells: seeds 0 to N - 1
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    seeds: u32,

    /// Trials per training
    #[arg(long, value_name = "N", default_value_t = 150, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    trials: u32,

    /// Held-out placements of each task, per evaluation
    #[arg(long, value_name = "N", default_value_t = PLACEMENTS, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    placements: u32,

    /// Tasks to evaluate on, separated by commas [default: all]; training uses task.kind
    #[arg(long, value_name = "TASK,..", value_delimiter = ',', value_parser = task_parser())]
    tasks: Vec<TaskKind>,

    /// Units to run at a time [default: one per core]
    #[arg(long, value_name = "N")]
    jobs: Option<NonZero<usize>>,

    /// Directory of the reproduction [default: reproduction, or ablation-NAME]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Vary one setting instead
    #[arg(long, value_name = "NAME", value_parser = ablation_parser())]
    ablate: Option<Ablation>,

    /// Run only this unit, without tables; may be repeated
    #[arg(long = "unit", value_name = "VARIANT/METHOD/SEED", conflicts_with_all = ["list", "collect"])]
    units: Vec<Unit>,

    /// Print the command of every unfinished unit instead of running it
    #[arg(long, conflicts_with = "collect")]
    list: bool,

    /// Only make tables and figures of the finished units
    #[arg(long)]
    collect: bool,

    /// Keep each training as a run directory in DIR/runs, images included (about 190 MB each)
    #[arg(long)]
    keep_runs: bool,

    #[command(flatten)]
    configuration: Configuration,
}

/// Reads an ablation, and lists all of them in the help.
fn ablation_parser() -> impl TypedValueParser<Value = Ablation> {
    let names = ABLATIONS.map(|one| PossibleValue::new(one.name()).help(one.title()));
    PossibleValuesParser::new(names).try_map(|name| name.parse::<Ablation>())
}

/// The result, as the command prints it.
#[derive(Serialize)]
struct Finished {
    units: usize,
    #[serde(flatten)]
    output: Output,
    #[serde(skip)]
    tables: Vec<Table>,
}

impl std::fmt::Display for Finished {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for table in &self.tables {
            writeln!(f, "{}", table.to_markdown())?;
        }
        writeln!(f, "{} units; see {}", self.units, self.output.page.display())
    }
}

/// The units that this command has made, as the command prints it.
#[derive(Serialize)]
struct Made {
    made: usize,
}

impl std::fmt::Display for Made {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{} units made; --collect makes the tables of all that are finished", self.made)
    }
}

/// Runs the command.
pub fn run(arguments: &Reproduce) -> Result<(), Failure> {
    let plan = plan(arguments)?;
    let store = Store::new(&arguments.out());
    if arguments.collect {
        return Ok(collect(arguments, &plan, &store)?);
    }
    let units = match arguments.units.as_slice() {
        [] => plan.units(),
        chosen => chosen.to_vec(),
    };
    let todo = unfinished(&plan, units, &store).map_err(Failure::Usage)?;
    if arguments.list {
        let commands: Vec<String> =
            todo.iter().map(|(unit, _)| command_of(arguments, unit) + "\n").collect();
        return Ok(print(&commands.concat())?);
    }
    let jobs = arguments
        .jobs
        .map_or_else(|| std::thread::available_parallelism().map_or(1, NonZero::get), NonZero::get);
    let keep_runs = arguments.keep_runs.then(|| store.root().join("runs"));
    let bar = Bar::new(todo.len());
    let failed = run_units(&todo, &plan, &store, jobs, keep_runs.as_deref(), &bar);
    bar.0.finish_and_clear();
    if arguments.units.is_empty() && failed.len() < plan.units().len() {
        collect(arguments, &plan, &store)?;
    }
    match failed.as_slice() {
        [] if arguments.units.is_empty() => Ok(()),
        [] => {
            let next = format!("rmrl reproduce --collect --out {}", path_word(&arguments.out()));
            Ok(print_result(&Made { made: todo.len() }, false, &next)?)
        }
        failed => {
            let names: Vec<String> = failed
                .iter()
                .map(|failed| format!("{}: {:#}", failed.unit, failed.error))
                .collect();
            Err(Failure::Runtime(anyhow!(
                "{} of {} units failed; the same command runs them again:\n  {}",
                failed.len(),
                todo.len(),
                names.join("\n  ")
            )))
        }
    }
}

/// The paper's number of placements.
const PLACEMENTS: u32 = 10;

fn plan(arguments: &Reproduce) -> Result<Plan, Failure> {
    let (variants, methods) = match &arguments.ablate {
        Some(ablation) => (ablation.variants(), ablation.methods().to_vec()),
        None => (vec![Variant::unchanged()], MethodName::ALL.to_vec()),
    };
    let chosen = |given: &[TaskKind]| match given {
        [] => TaskKind::ALL.to_vec(),
        given => given.to_vec(),
    };
    Ok(Plan {
        layers: arguments.configuration.layers()?,
        trials: arguments.trials,
        placements: arguments.placements,
        variants,
        methods: if arguments.methods.is_empty() { methods } else { arguments.methods.clone() },
        seeds: arguments.seeds,
        tasks: chosen(&arguments.tasks),
    })
}

fn collect(arguments: &Reproduce, plan: &Plan, store: &Store) -> anyhow::Result<()> {
    let units = store.collect(&plan.variants)?;
    let names: Vec<&str> = plan.variants.iter().map(|variant| variant.name.as_str()).collect();
    let (output, tables) = write_output(store.root(), &units, &names, arguments.ablate.as_ref())?;
    let next = format!("open {}", path_word(&output.page));
    print_result(&Finished { units: units.len(), output, tables }, false, &next)
}

/// The command that runs one unit, with the options of this command.
fn command_of(arguments: &Reproduce, unit: &Unit) -> String {
    let mut words = vec!["rmrl".to_string(), "reproduce".to_string()];
    words.extend(["--unit".to_string(), unit.to_string()]);
    words.extend(["--out".to_string(), arguments.out().display().to_string()]);
    words.extend(["--trials".to_string(), arguments.trials.to_string()]);
    if arguments.placements != PLACEMENTS {
        words.extend(["--placements".to_string(), arguments.placements.to_string()]);
    }
    if let Some(ablation) = &arguments.ablate {
        words.extend(["--ablate".to_string(), ablation.to_string()]);
    }
    if !arguments.tasks.is_empty() {
        let tasks: Vec<&str> = arguments.tasks.iter().map(|task| task.as_str()).collect();
        words.extend(["--tasks".to_string(), tasks.join(",")]);
    }
    if arguments.keep_runs {
        words.push("--keep-runs".to_string());
    }
    words.extend(arguments.configuration.words());
    words.iter().map(|word| shell_word(word)).collect::<Vec<_>>().join(" ")
}

impl Reproduce {
    fn out(&self) -> PathBuf {
        match (&self.out, &self.ablate) {
            (Some(out), _) => out.clone(),
            (None, Some(ablation)) => PathBuf::from(format!("ablation-{ablation}")),
            (None, None) => PathBuf::from("reproduction"),
        }
    }
}

struct Bar(ProgressBar);

impl Bar {
    fn new(units: usize) -> Self {
        let bar = ProgressBar::with_draw_target(Some(units as u64), ProgressDrawTarget::stderr());
        let bar = Self(bar);
        bar.style("{pos}/{len} units  {wide_bar}  {elapsed}  {msg}");
        bar
    }

    fn style(&self, template: &str) {
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.0.set_style(style);
        }
    }
}

impl SweepProgress for Bar {
    fn finished(&self, unit: &Unit) {
        // Before the first unit nothing is known of how long they take.
        self.style("{pos}/{len} units  {wide_bar}  {elapsed} of about {duration}  {msg}");
        self.0.set_message(unit.to_string());
        self.0.inc(1);
    }

    fn failed(&self, unit: &Unit, error: &anyhow::Error) {
        self.0.suspend(|| say(format_args!("unit {unit} failed: {error:#}")));
        self.0.inc(1);
    }
}
