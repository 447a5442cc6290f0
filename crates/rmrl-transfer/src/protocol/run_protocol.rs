//! Runs a protocol, step by step.
//!
//! - A step is tried again only if it is known where its item is: where the step began, where it was put down in between, or
//!   in the jaws. An item in the jaws is only placed.
//! - An item of which nobody knows where it is ends the protocol, whatever `on_failure` says.
//! - With an item in the jaws only a step from the jaws may follow.

use std::time::Duration;

use rmrl_inventory::Place;

use super::protocol_file::Protocol;
use super::protocol_report::{ProtocolEnd, ProtocolReport, StepAttempt};
use super::step::Step;
use super::step_outcome::{ItemAt, StepOutcome};

/// A cell that takes steps.
pub trait TakesSteps {
    /// Takes a step. Its `from` is the jaws where only the placing is left.
    fn take(&mut self, step: &Step) -> StepOutcome;
}

/// What a run reports while it is under way.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ProtocolEvent<'a> {
    /// An attempt at a step begins.
    Begins {
        /// The step; its `from` is the jaws where only the placing is left.
        step: &'a Step,
        /// Which attempt it is, counted from 1.
        attempt: u32,
    },
    /// It has ended.
    Ended(&'a StepAttempt),
}

/// What a run needs from its caller.
pub struct RunHooks<'a> {
    /// Whether the run has to stop; called before every attempt.
    pub stop_requested: &'a mut dyn FnMut() -> bool,
    /// The time since any fixed moment, for the durations of attempts. It decides nothing.
    pub clock: &'a mut dyn FnMut() -> Duration,
    /// Receives what happens.
    pub progress: &'a mut dyn FnMut(ProtocolEvent<'_>),
}

/// Runs a protocol from its first step.
pub fn run_protocol(
    protocol: &Protocol,
    cell: &mut dyn TakesSteps,
    hooks: &mut RunHooks<'_>,
) -> ProtocolReport {
    let mut attempts = Vec::new();
    let end = take_all(protocol, cell, hooks, &mut attempts);
    let (name, steps) = (protocol.name().to_string(), protocol.steps().len());
    ProtocolReport { protocol: name, steps, attempts, end }
}

/// How a step ended after all its attempts.
enum StepEnd {
    Done,
    Failed { item: ItemAt, reason: String },
    Over(ProtocolEnd),
}

fn take_all(
    protocol: &Protocol,
    cell: &mut dyn TakesSteps,
    hooks: &mut RunHooks<'_>,
    attempts: &mut Vec<StepAttempt>,
) -> ProtocolEnd {
    let mut index = 0;
    while let Some(step) = protocol.steps().get(index) {
        let (item, reason) = match take_step(step, index, cell, hooks, attempts) {
            StepEnd::Done => {
                index += 1;
                continue;
            }
            StepEnd::Over(end) => return end,
            StepEnd::Failed { item, reason } => (item, reason),
        };
        let name = step.name.clone();
        let Some(next) = protocol.after_failure(index) else {
            return ProtocolEnd::Failed { step: name, item, reason };
        };
        let next_step = protocol.steps().get(next);
        if item == ItemAt::Jaws && next_step.is_none_or(|next| next.from != Place::Jaws) {
            let next = next_step.map(|next| next.name.clone());
            return ProtocolEnd::JawsFull { step: name, reason, next };
        }
        index = next;
    }
    ProtocolEnd::Completed
}

fn take_step(
    step: &Step,
    index: usize,
    cell: &mut dyn TakesSteps,
    hooks: &mut RunHooks<'_>,
    attempts: &mut Vec<StepAttempt>,
) -> StepEnd {
    let mut rest = step.clone();
    let mut attempt = 1;
    loop {
        if (hooks.stop_requested)() {
            return StepEnd::Over(ProtocolEnd::StopRequested { before: step.name.clone() });
        }
        let outcome = take_once(&rest, (index, attempt), cell, hooks, attempts);
        let (item, reason) = match outcome {
            StepOutcome::Done { .. } => return StepEnd::Done,
            StepOutcome::Unknown { ask, reason } => {
                let step = step.name.clone();
                return StepEnd::Over(ProtocolEnd::Unknown { step, ask, reason });
            }
            StepOutcome::NotDone { item, reason } => (item, reason),
        };
        // Where a placing from the jaws began, the item is in the jaws.
        let item = match item {
            ItemAt::From if rest.from == Place::Jaws => ItemAt::Jaws,
            item => item,
        };
        if attempt > step.retries {
            return StepEnd::Failed { item, reason };
        }
        match item {
            ItemAt::From => {}
            ItemAt::Slot(slot) => rest.from = Place::Slot(slot),
            ItemAt::Jaws => rest = step.placing_from_jaws(),
        }
        attempt += 1;
    }
}

fn take_once(
    step: &Step,
    (index, attempt): (usize, u32),
    cell: &mut dyn TakesSteps,
    hooks: &mut RunHooks<'_>,
    attempts: &mut Vec<StepAttempt>,
) -> StepOutcome {
    (hooks.progress)(ProtocolEvent::Begins { step, attempt });
    let begun = (hooks.clock)();
    let outcome = cell.take(step);
    let seconds = (hooks.clock)().saturating_sub(begun).as_secs_f64();
    let (name, from) = (step.name.clone(), step.from.clone());
    let ended = StepAttempt {
        step: name,
        number: index + 1,
        attempt,
        from,
        outcome: outcome.clone(),
        seconds,
    };
    (hooks.progress)(ProtocolEvent::Ended(&ended));
    attempts.push(ended);
    outcome
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    /// A cell whose attempts end as a list says, and then are all done.
    struct Listed {
        outcomes: VecDeque<StepOutcome>,
        taken: Vec<Step>,
    }

    impl TakesSteps for Listed {
        fn take(&mut self, step: &Step) -> StepOutcome {
            self.taken.push(step.clone());
            self.outcomes.pop_front().unwrap_or_else(done)
        }
    }

    fn done() -> StepOutcome {
        StepOutcome::Done { error: None, interval_m: Some(0.001) }
    }

    fn not_done(item: ItemAt) -> StepOutcome {
        StepOutcome::NotDone { item, reason: "it slipped".to_string() }
    }

    /// Where an item was put down in between.
    fn between() -> ItemAt {
        ItemAt::Slot("bench:2".parse().unwrap())
    }

    fn unknown() -> StepOutcome {
        StepOutcome::Unknown { ask: "where is it?".to_string(), reason: "power cut".to_string() }
    }

    /// Three steps `a`, `b`, `c`; the second begins in the jaws if `from_jaws`.
    fn protocol(retries: [u32; 3], on_failure: [&str; 3], from_jaws: bool) -> Protocol {
        let second = if from_jaws { "jaws" } else { "reader" };
        let places = [("bench", "reader"), (second, "hotel"), ("hotel", "bench")];
        let mut text = "name = \"p\"\n".to_string();
        for (index, (from, to)) in places.into_iter().enumerate() {
            let (name, retries, failure) =
                (["a", "b", "c"][index], retries[index], on_failure[index]);
            text += &format!(
                "[[steps]]\nname = \"{name}\"\ntransfer = \"{from}\"\nto = \"{to}\"\nretries = {retries}\n\
                 on_failure = \"{failure}\"\n"
            );
        }
        Protocol::parse(&text, "p.toml", |_| true).unwrap()
    }

    /// Runs with a clock that advances by 1.5 s at each reading and stops before the attempt `stop_before`, counted from 0.
    fn run(
        protocol: &Protocol,
        outcomes: &[StepOutcome],
        stop_before: usize,
    ) -> (ProtocolReport, Vec<Step>) {
        let mut cell = Listed { outcomes: outcomes.iter().cloned().collect(), taken: Vec::new() };
        let (mut asked, mut readings, mut events) = (0, 0, Vec::new());
        let mut hooks = RunHooks {
            stop_requested: &mut || {
                asked += 1;
                asked > stop_before
            },
            clock: &mut || {
                readings += 1;
                Duration::from_millis(1500 * readings)
            },
            progress: &mut |event| {
                events.push(match event {
                    ProtocolEvent::Begins { step, attempt } => (step.name.clone(), attempt, false),
                    ProtocolEvent::Ended(ended) => (ended.step.clone(), ended.attempt, true),
                });
            },
        };
        let report = run_protocol(protocol, &mut cell, &mut hooks);
        let reported: Vec<_> = report
            .attempts
            .iter()
            .flat_map(|one| [false, true].map(|ended| (one.step.clone(), one.attempt, ended)))
            .collect();
        assert_eq!(events, reported, "each attempt is reported when it begins and when it ends");
        assert!(report.attempts.iter().all(|attempt| attempt.seconds == 1.5));
        (report, cell.taken)
    }

    fn froms(taken: &[Step]) -> Vec<String> {
        taken.iter().map(|step| format!("{} {}", step.name, step.from)).collect()
    }

    #[test]
    fn a_step_is_tried_again_from_where_its_item_is() {
        let protocol = protocol([3, 0, 0], ["stop"; 3], false);
        let outcomes = [ItemAt::From, ItemAt::Jaws, ItemAt::From].map(not_done);
        let (report, taken) = run(&protocol, &outcomes, 99);
        // The last `From` is that of a placing from the jaws: there the item was.
        assert_eq!(
            froms(&taken),
            ["a bench", "a bench", "a jaws", "a jaws", "b reader", "c hotel"]
        );
        assert!(report.succeeded() && report.ended_by().is_none());
        let attempts: Vec<u32> = report.attempts.iter().map(|one| one.attempt).collect();
        assert_eq!(attempts, [1, 2, 3, 4, 1, 1]);

        let outcomes = [between(), ItemAt::From, ItemAt::Jaws, between()].map(not_done);
        let (report, taken) = run(&protocol, &outcomes, 99);
        assert_eq!(froms(&taken)[..4], ["a bench", "a bench:2", "a bench:2", "a jaws"]);
        let end = ProtocolEnd::Failed {
            step: "a".to_string(),
            item: between(),
            reason: "it slipped".to_string(),
        };
        assert_eq!(report.end, end);
    }

    #[test]
    fn what_follows_a_failure_is_what_the_step_says() {
        let skips = protocol([0; 3], ["skip", "stop", "stop"], false);
        let (report, taken) = run(&skips, &[not_done(ItemAt::From)], 99);
        assert_eq!(froms(&taken), ["a bench", "b reader", "c hotel"]);
        assert_eq!((report.succeeded(), &report.end), (false, &ProtocolEnd::Completed));

        let jumps = protocol([0; 3], ["c", "stop", "stop"], false);
        let (report, taken) = run(&jumps, &[not_done(ItemAt::From)], 99);
        assert_eq!(froms(&taken), ["a bench", "c hotel"]);
        assert_eq!((report.succeeded(), report.ended_by()), (false, None));

        let stops = protocol([1, 0, 0], ["stop"; 3], false);
        let (report, taken) = run(&stops, &[not_done(ItemAt::From), not_done(ItemAt::From)], 99);
        assert_eq!(froms(&taken), ["a bench", "a bench"]);
        assert_eq!(report.ended_by(), Some("a"));
    }

    #[test]
    fn with_an_item_in_the_jaws_only_a_step_from_the_jaws_follows() {
        let in_jaws = [not_done(ItemAt::Jaws)];
        let (report, taken) = run(&protocol([0; 3], ["skip"; 3], false), &in_jaws, 99);
        assert_eq!(froms(&taken), ["a bench"]);
        let next = Some("b".to_string());
        let (step, reason) = ("a".to_string(), "it slipped".to_string());
        assert_eq!(report.end, ProtocolEnd::JawsFull { step, reason, next });

        let (report, taken) = run(&protocol([0; 3], ["skip"; 3], true), &in_jaws, 99);
        assert_eq!(froms(&taken), ["a bench", "b jaws", "c hotel"]);
        assert_eq!(report.end, ProtocolEnd::Completed);

        let last = [done(), done(), not_done(ItemAt::Jaws)];
        let (report, _) = run(&protocol([0; 3], ["skip"; 3], true), &last, 99);
        assert!(matches!(&report.end, ProtocolEnd::JawsFull { next: None, .. }));
    }

    #[test]
    fn an_item_that_nobody_knows_of_and_a_stop_end_the_protocol() {
        let protocol = protocol([5; 3], ["skip"; 3], false);
        let (report, taken) = run(&protocol, &[done(), unknown()], 99);
        assert_eq!((taken.len(), report.ended_by()), (2, Some("b")));
        for stop_before in 0..4 {
            let (report, taken) = run(&protocol, &[not_done(ItemAt::From)], stop_before);
            assert_eq!(taken.len(), stop_before);
            assert!(report.was_stopped() && !report.succeeded());
        }
        let (report, _) = run(&protocol, &[not_done(ItemAt::From)], 4);
        assert!(report.succeeded());
    }

    fn any_outcome() -> impl Strategy<Value = StepOutcome> {
        prop_oneof![
            5 => Just(done()),
            4 => Just(not_done(ItemAt::From)),
            4 => Just(not_done(ItemAt::Jaws)),
            2 => Just(not_done(between())),
            1 => Just(unknown()),
        ]
    }

    proptest! {
        /// Whatever happens: the arm never goes for an item while it holds one, never moves after an item was lost or a stop
        /// was requested, and tries no step more often than it may.
        #[test]
        fn no_sequence_of_failures_breaks_the_rules(
            outcomes in prop::collection::vec(any_outcome(), 0..14),
            retries in prop::array::uniform3(0u32..4),
            failure in prop::array::uniform2(0usize..3),
            from_jaws: bool,
            stop_before in 0usize..14,
        ) {
            let on_failure = [["stop", "skip", "c"][failure[0]], ["stop", "skip", "c"][failure[1]], "skip"];
            let protocol = protocol(retries, on_failure, from_jaws);
            let (report, taken) = run(&protocol, &outcomes, stop_before);
            prop_assert!(taken.len() <= stop_before);
            let ended = outcomes.iter().cloned().chain(std::iter::repeat_with(done));
            let mut holds = false;
            for (index, (step, outcome)) in taken.iter().zip(ended).enumerate() {
                prop_assert!(!holds || step.from == Place::Jaws, "{taken:?}");
                let is_last = index + 1 == taken.len();
                let is_lost = matches!(outcome, StepOutcome::Unknown { .. });
                prop_assert!(is_last || !is_lost);
                let began_in_jaws = step.from == Place::Jaws;
                holds = matches!(outcome, StepOutcome::NotDone { item, .. }
                    if item == ItemAt::Jaws || (item == ItemAt::From && began_in_jaws));
            }
            for (step, most) in protocol.steps().iter().zip(retries) {
                let tries = taken.iter().filter(|taken| taken.name == step.name).count();
                prop_assert!(tries <= 1 + most as usize);
            }
            prop_assert!(report.attempts.is_sorted_by_key(|attempt| (attempt.number, attempt.attempt)));
            let text = serde_json::to_string(&report).unwrap();
            prop_assert_eq!(serde_json::from_str::<ProtocolReport>(&text).unwrap(), report);
        }
    }
}
