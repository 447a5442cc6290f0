//! The supervisor of an unattended run: its limits, its page, its notifications, and its operator.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rmrl_cell::{CellEvent, PickPlace, StopSwitch};
use rmrl_core::{Decision, TrialId};
use rmrl_data::TrialRecord;
use rmrl_learn::{StopReason, TrialPlan};
use rmrl_operator::{Phase, Request, Requests};

use crate::analysis::proof_summary::ProofSummary;
use crate::cell::external::ExternalDevices;
use crate::cell::first_motion::{Start, confirmation_at_end};
use crate::cell::terminal::{HANG_UP, Typed, drain_stdin, poll_line, press_and_say, say};
use crate::config::{CellKind, OperatorKind, RunConfig, UnattendedConfig};
use crate::run::observer::RunObserver;
use crate::run::outcome::RunOutcome;
use crate::run::run_log::plan_after;
use crate::supervision::notify::{Event, Notice, Notifier};
use crate::supervision::run_page::{BY_PAGE, RunPage};
use crate::supervision::waiting::Waiting;

/// Supervises a run. Between two attempts it may pause or end it; during an attempt it only reports.
pub struct Supervisor {
    name: String,
    stop: StopSwitch,
    /// Whether the arm makes its first motion without a question, and whether an operator has permitted it.
    is_unasked: bool,
    is_permitted: bool,
    /// The devices that the program brings.
    devices: Option<Arc<dyn ExternalDevices>>,
    config: UnattendedConfig,
    began: Instant,
    faults: u32,
    trial: u32,
    /// The plan after the trials so far, once the run has begun.
    plan: Option<TrialPlan>,
    page: Option<RunPage>,
    /// Whether an answer may come from standard input.
    has_input: bool,
    notifier: Notifier,
}

/// The interval at which a waiting run looks for answers.
const POLL: Duration = Duration::from_millis(100);

impl Supervisor {
    /// A supervisor of the run of this name, which the switch of `start` stops.
    pub fn new(
        name: String,
        config: UnattendedConfig,
        start: Start,
        page: Option<RunPage>,
        notifier: Notifier,
    ) -> Self {
        let Start { stop, is_unasked, is_permitted, devices, .. } = start;
        Self {
            name,
            stop,
            is_unasked,
            is_permitted,
            devices,
            config,
            began: Instant::now(),
            faults: 0,
            trial: 0,
            plan: None,
            page,
            has_input: true,
            notifier,
        }
    }

    /// Reports on page and by notification how the run ended, or why it failed. Waits a while for the confirmation
    /// of a stop, and reports that, too.
    pub fn finish(self, end: Result<&RunOutcome, String>) -> Option<RunPage> {
        let confirmation = confirmation_at_end(&self.stop);
        let (event, phase, message) = match end {
            Ok(end) => {
                let event = match end {
                    end if end.is_stop() => Event::Stopped,
                    RunOutcome::Early(StopReason::Faults { .. }) => Event::StoppedAfterFaults,
                    RunOutcome::Early(
                        StopReason::NotConfirmed { .. } | StopReason::NobodyToConfirm,
                    ) => Event::NeedsOperator,
                    _ => Event::RunEnded,
                };
                let message = end.to_string();
                (event, Phase::Ended { message: message.clone() }, message)
            }
            Err(message) => {
                let phase = Phase::NeedsOperator { message: message.clone() };
                (Event::StoppedAfterFaults, phase, message)
            }
        };
        // The page shows it separately, and changes when the arm confirms it.
        match confirmation {
            Some(missing) if missing.is_missing() => {
                self.notify(Event::NeedsOperator, &format!("{missing}; {message}"));
            }
            Some(confirmation) => self.notify(event, &format!("{message}; {confirmation}")),
            None => self.notify(event, &message),
        }
        let Self { page, notifier, .. } = self;
        if let Some(page) = &page {
            page.question(None);
            page.phase(phase);
        }
        notifier.finish();
        page
    }

    fn notify(&self, event: Event, message: &str) {
        let (run, trial) = (self.name.clone(), self.trial);
        self.notifier.send(Notice { event, run, trial, message: message.to_string() });
    }

    /// Whether the run may continue at all.
    fn check_limits(&self) -> Result<(), StopReason> {
        self.stop.check().map_err(|stopped| StopReason::Stopped { by: stopped.by })?;
        if let Some(hours) = self.config.max_hours
            && self.began.elapsed().as_secs_f64() >= 3600.0 * hours
        {
            return Err(StopReason::TimeIsUp { hours });
        }
        match self.config.max_faults {
            Some(most) if self.faults >= most => Err(StopReason::Faults { faults: self.faults }),
            _ => Ok(()),
        }
    }

    /// Waits while the run is paused, and until an operator has answered `question`, if there is one.
    fn wait_for_operator(&mut self, question: Option<&str>) -> Result<(), StopReason> {
        let mut waiting = Waiting::No;
        if let Some(question) = question {
            self.ask(question);
            waiting = Waiting::Asked(Instant::now());
        }
        let ended = self.wait_until_it_may_begin(waiting);
        if let Some(page) = &self.page {
            page.question(None);
        }
        ended
    }

    fn wait_until_it_may_begin(&mut self, mut waiting: Waiting) -> Result<(), StopReason> {
        let requests = self.page.as_ref().map(|page| page.page().requests());
        let minutes = self.config.confirm_minutes;
        loop {
            self.check_limits()?;
            if let Some(request) = next_request(requests.as_ref(), waiting != Waiting::No) {
                let before = waiting;
                waiting = waiting.after(request, Instant::now())?;
                self.show(before, waiting, request);
                continue;
            }
            match waiting {
                Waiting::No => return Ok(()),
                Waiting::Paused => continue,
                Waiting::Asked(_) | Waiting::PausedAndAsked => {}
            }
            if let Some(answer) = self.answer(requests.is_some()) {
                answer?;
                waiting = waiting.confirmed();
            }
            if waiting.is_overdue(Duration::from_secs_f64(60.0 * minutes), Instant::now()) {
                return Err(StopReason::NotConfirmed { minutes });
            }
        }
    }

    /// Shows what a request has changed, and passes a stop on.
    fn show(&self, before: Waiting, after: Waiting, request: Request) {
        // The page has pressed the switch already, unless it could not.
        if request == Request::StopNow && !self.stop.is_pressed() {
            press_and_say(&self.stop, BY_PAGE);
        }
        match (before.is_paused(), after.is_paused()) {
            (false, true) => {
                self.show_phase(Phase::Paused);
                self.notify(Event::Paused, "the run is paused; resume it on its page");
            }
            (true, false) => self.show_phase(Phase::Preparing),
            (false, false) | (true, true) => {}
        }
    }

    /// Asks the operator on page and terminal.
    fn ask(&self, question: &str) {
        if self.has_input {
            drain_stdin();
            say(format_args!("{question} Enter lets it; n and Enter ends the run."));
        }
        if let Some(page) = &self.page {
            page.question(Some(question));
        }
        self.notify(Event::NeedsOperator, question);
    }

    /// The answer from standard input, if there is one.
    fn answer(&mut self, has_page: bool) -> Option<Result<(), StopReason>> {
        if !self.has_input {
            return None;
        }
        match poll_line() {
            Typed::Line(line) => {
                let yes = matches!(line.trim(), "" | "y" | "yes");
                Some(if yes { Ok(()) } else { Err(StopReason::Declined) })
            }
            Typed::Nothing => {
                if !has_page {
                    thread::sleep(POLL);
                }
                None
            }
            Typed::End if has_page => {
                self.has_input = false;
                None
            }
            // Unless the session was lost, which a signal says.
            Typed::End => Some(Err(match self.stop.wait(HANG_UP) {
                Ok(()) => StopReason::NobodyToConfirm,
                Err(stopped) => StopReason::Stopped { by: stopped.by },
            })),
        }
    }

    fn show_phase(&self, phase: Phase) {
        if let Some(page) = &self.page {
            page.phase(phase);
        }
    }
}

/// The next request from the page. Waits a while for one where the run has to wait anyway.
fn next_request(requests: Option<&Requests>, is_waiting: bool) -> Option<Request> {
    let requests = requests?;
    if is_waiting { requests.wait(POLL) } else { requests.take() }
}

impl RunObserver for Supervisor {
    fn begin(&mut self, config: &RunConfig, records: &[TrialRecord]) -> Start {
        let plan = plan_after(config, records);
        self.trial = plan.made();
        if let Some(page) = &mut self.page {
            page.begin(&self.name, config, records, ProofSummary::of(&plan).as_ref());
        }
        self.plan = Some(plan);
        let is_asked = config.cell.kind != CellKind::Simulated && !self.is_unasked;
        if is_asked && config.cell.operator == OperatorKind::Page && !self.is_permitted {
            self.notify(Event::NeedsOperator, "say on the page whether the arm may move");
        }
        Start {
            stop: self.stop.clone(),
            is_unasked: self.is_unasked,
            is_calibration: false,
            is_permitted: self.is_permitted,
            notes: Vec::new(),
            // A run knows no sites.
            sites: None,
            page: self.page.as_ref().map(|page| Arc::clone(page.page())),
            operator: None,
            devices: self.devices.clone(),
        }
    }

    fn on_start(
        &mut self,
        cell: &mut PickPlace,
        records: &[TrialRecord],
    ) -> Result<(), StopReason> {
        self.is_permitted = true;
        let (notice_name, notify) = (self.name.clone(), self.notifier.sender());
        let mut show = self.page.as_ref().map(|page| page.watch(cell));
        cell.watch(move |news| {
            if let Some(show) = &mut show {
                show(news);
            }
            if let CellEvent::NeedsOperator(what) = news {
                let (event, run) = (Event::NeedsOperator, notice_name.clone());
                notify(Notice { event, run, trial: 0, message: format!("please {what}") });
            }
        });
        if records.is_empty() {
            let question = "The arm is about to move, to have its target recorded.";
            self.wait_for_operator(self.config.confirm_trials.then_some(question))?;
        }
        Ok(())
    }

    fn before_attempt(&mut self, next: TrialId) -> Result<(), StopReason> {
        self.trial = next.trial;
        if let Some(page) = &self.page {
            page.attempt(next);
        }
        let question =
            self.config.confirm_trials.then(|| format!("The arm is about to move, for {next}."));
        self.wait_for_operator(question.as_deref())
    }

    fn before_action(&mut self, id: TrialId, decision: &Decision) -> Result<(), StopReason> {
        if !(self.config.confirm_abstained && decision.abstained) {
            return Ok(());
        }
        let known = match decision.interval_m {
            Some(interval_m) => format!("knows this place only to ± {:.1} mm", 1e3 * interval_m),
            None => "has seen too little that is like this".to_string(),
        };
        self.wait_for_operator(Some(&format!(
            "The policy {known}, and the arm is about to pick the plate, for {id}."
        )))
    }

    fn noticed(&mut self, id: TrialId, what: &str) {
        if let Some(page) = &self.page {
            page.noticed(id.trial, what);
        }
        self.notify(Event::CameraMoved, what);
    }

    fn after_attempt(&mut self, record: &TrialRecord) {
        let mut proof = None;
        if let Some(plan) = self.plan.as_mut().filter(|_| !record.is_fault()) {
            plan.note(record.id(), record.e_trans_m);
            proof = ProofSummary::of(plan);
        }
        if let Some(page) = &mut self.page {
            page.record(record, proof.as_ref());
        }
        if record.is_fault() {
            self.faults += 1;
        } else if let Some(proof) = proof.filter(|proof| proof.proven_at.is_some()) {
            self.notify(Event::ProofReached, &format!("{} is proven", proof.claim));
        }
    }
}
