//! The latest status and image: the run writes them, readers read them.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::{PageImage, ReadStop, Request, Requests, RunStatus, StopStatus};

/// What the run published last. The lock is held only while pointers are copied, so neither side waits for the
/// other: the run serializes before it takes the lock, and responses are sent after it is released.
pub(crate) struct PublishedState {
    latest: Mutex<Latest>,
    requests: Requests,
    read_stop: Option<ReadStop>,
}

#[derive(Debug, Clone)]
struct Latest {
    /// Increases with everything that is published.
    version: u64,
    at: Instant,
    status: Bytes,
    time_left_s: Option<f64>,
    /// The open question and its number.
    question: Option<(u64, String)>,
    /// How many times the question has changed.
    questions: u64,
    /// The latest image and its number.
    image: Option<(u64, PageImage)>,
}

/// All that a reader gets, except the bytes of the image.
#[derive(Serialize)]
struct Snapshot<'a> {
    age_s: f64,
    time_left_s: Option<f64>,
    /// The number of the question in [`RunStatus::confirm`].
    question: Option<u64>,
    /// The requests that the run has not taken yet.
    pending: &'a [Request],
    image: Option<ImageSummary<'a>>,
    /// Whether a stop has arrived; `None` if nobody has stopped the arm.
    stop: Option<StopStatus>,
    status: &'a RawValue,
}

#[derive(Serialize)]
struct ImageSummary<'a> {
    number: u64,
    caption: &'a str,
}

impl PublishedState {
    pub(crate) fn new(requests: Requests, read_stop: Option<ReadStop>) -> Self {
        let latest = Latest {
            version: 0,
            at: Instant::now(),
            status: json(&RunStatus::default()),
            time_left_s: None,
            question: None,
            questions: 0,
            image: None,
        };
        Self { latest: Mutex::new(latest), requests, read_stop }
    }

    pub(crate) fn publish(&self, status: &RunStatus) {
        let (written, time_left_s) = (json(status), status.time_left_s());
        let mut latest = self.lock();
        latest.version += 1;
        latest.at = Instant::now();
        latest.status = written;
        latest.time_left_s = time_left_s;
        if latest.question.as_ref().map(|(_, question)| question) != status.confirm.as_ref() {
            // An answer to the last question is no answer to this one.
            self.requests.discard(Request::ConfirmTrial);
            self.requests.discard(Request::Decline);
            latest.questions += 1;
            latest.question = status.confirm.clone().map(|text| (latest.questions, text));
        }
    }

    pub(crate) fn show(&self, image: PageImage) {
        let mut latest = self.lock();
        latest.version += 1;
        latest.at = Instant::now();
        latest.image = Some((latest.version, image));
    }

    /// A text that changes whenever [`status_json`](Self::status_json) does, apart from the status's age.
    pub(crate) fn version(&self) -> String {
        let version = self.lock().version;
        let pending: u32 = self.requests.all().iter().map(|request| 1 << (*request as u32)).sum();
        let mut hasher = DefaultHasher::new();
        self.stop().hash(&mut hasher);
        format!("{version}.{pending}.{:x}", hasher.finish())
    }

    fn stop(&self) -> Option<StopStatus> {
        self.read_stop.as_ref().and_then(|read| read())
    }

    /// What a reader gets, as JSON.
    pub(crate) fn status_json(&self) -> Result<Bytes, serde_json::Error> {
        let latest = self.lock().clone();
        let snapshot = Snapshot {
            age_s: latest.at.elapsed().as_secs_f64(),
            time_left_s: latest.time_left_s,
            question: latest.question.map(|(number, _)| number),
            pending: &self.requests.all(),
            image: latest
                .image
                .as_ref()
                .map(|(number, image)| ImageSummary { number: *number, caption: &image.caption }),
            stop: self.stop(),
            status: serde_json::from_slice(&latest.status)?,
        };
        serde_json::to_vec(&snapshot).map(Bytes::from)
    }

    /// The latest image and its number.
    pub(crate) fn image(&self) -> Option<(u64, PageImage)> {
        self.lock().image.clone()
    }

    /// Queues an answer to the question with this number: a confirmation or a refusal. Returns whether that
    /// question is still open.
    pub(crate) fn answer(&self, number: u64, answer: Request) -> bool {
        let latest = self.lock();
        let is_open = latest.question.as_ref().is_some_and(|(open, _)| *open == number);
        if is_open {
            self.requests.push(answer);
        }
        is_open
    }

    pub(crate) fn push_request(&self, request: Request) {
        self.requests.push(request);
    }

    fn lock(&self) -> MutexGuard<'_, Latest> {
        // A poisoned lock still holds valid data: no code panics halfway through a change.
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn json(status: &RunStatus) -> Bytes {
    let written = serde_json::to_vec(status).expect("a status has string keys only");
    Bytes::from(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> (PublishedState, Requests) {
        let requests = Requests::default();
        (PublishedState::new(requests.clone(), None), requests)
    }

    fn with_question(question: Option<&str>) -> RunStatus {
        RunStatus { confirm: question.map(str::to_string), ..Default::default() }
    }

    fn number(state: &PublishedState) -> Option<u64> {
        let json: serde_json::Value =
            serde_json::from_slice(&state.status_json().unwrap()).unwrap();
        json["question"].as_u64()
    }

    #[test]
    fn a_confirmation_counts_for_the_question_that_was_read() {
        let (state, requests) = state();
        assert!(!state.answer(0, Request::ConfirmTrial) && !state.answer(1, Request::ConfirmTrial));
        state.publish(&with_question(Some("trial 1?")));
        let first = number(&state).unwrap();
        // Other changes leave the question as it is.
        state.publish(&RunStatus { trial: 1, ..with_question(Some("trial 1?")) });
        assert_eq!(number(&state), Some(first));
        assert!(state.answer(first, Request::ConfirmTrial));
        assert_eq!(requests.take(), Some(Request::ConfirmTrial));
        // The same words again are a new question: the trial is another attempt.
        state.publish(&with_question(None));
        state.publish(&with_question(Some("trial 1?")));
        assert!(!state.answer(first, Request::ConfirmTrial));
        assert_eq!(requests.take(), None);
    }

    #[test]
    fn a_no_counts_for_its_question_and_is_not_replaced_by_a_yes() {
        let (state, requests) = state();
        state.publish(&with_question(Some("trial 1?")));
        let first = number(&state).unwrap();
        assert!(state.answer(first, Request::Decline));
        assert!(state.answer(first, Request::ConfirmTrial));
        assert_eq!(requests.all(), [Request::Decline]);
        state.publish(&with_question(Some("trial 2?")));
        assert_eq!(requests.take(), None);
        assert!(!state.answer(first, Request::Decline));
    }

    #[test]
    fn the_version_changes_with_the_state_of_a_stop() {
        let answer = std::sync::Arc::new(Mutex::new(None));
        let read = std::sync::Arc::clone(&answer);
        let read_stop: ReadStop = Box::new(move || read.lock().unwrap().clone());
        let state = PublishedState::new(Requests::default(), Some(read_stop));
        let mut versions = vec![state.version()];
        for is_confirmed in [false, true] {
            let message = "as it is".to_string();
            *answer.lock().unwrap() = Some(StopStatus { is_confirmed, message });
            versions.push(state.version());
            let json: serde_json::Value =
                serde_json::from_slice(&state.status_json().unwrap()).unwrap();
            assert_eq!(json["stop"]["is_confirmed"], is_confirmed);
        }
        versions.dedup();
        assert_eq!(versions.len(), 3, "{versions:?}");
    }

    #[test]
    fn a_confirmation_that_nobody_took_is_discarded_with_its_question() {
        let (state, requests) = state();
        state.publish(&with_question(Some("trial 1?")));
        assert!(state.answer(number(&state).unwrap(), Request::ConfirmTrial));
        state.publish(&with_question(Some("trial 2?")));
        assert_eq!(requests.take(), None);
    }

    #[test]
    fn the_version_changes_with_statuses_images_and_requests() {
        let (state, requests) = state();
        let mut versions = vec![state.version()];
        state.publish(&RunStatus::default());
        versions.push(state.version());
        let bytes = std::sync::Arc::from([0_u8; 4]);
        let format = crate::PageImageFormat::Png;
        state.show(PageImage { bytes, format, caption: String::new() });
        versions.push(state.version());
        requests.push(Request::StopNow);
        versions.push(state.version());
        requests.push(Request::Resume);
        versions.push(state.version());
        let count = versions.len();
        versions.sort();
        versions.dedup();
        assert_eq!(versions.len(), count, "{versions:?}");
    }
}
