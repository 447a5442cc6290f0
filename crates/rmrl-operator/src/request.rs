//! What operators request of a run.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::StopStatus;

/// A callback that stops the arm. It is called at once, on a thread of its own, when an operator requests a
/// stop; possibly again while it still runs. Returns whether the arm has confirmed that it stands.
pub type OnStop = Box<dyn Fn() -> StopStatus + Send + Sync>;

/// A callback that reports, without blocking, whether a stop has arrived at the arm, no matter who requested
/// it; `None` if nobody has stopped the arm.
pub type ReadStop = Box<dyn Fn() -> Option<StopStatus> + Send + Sync>;

/// What an operator requests of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// Finish the current trial, then wait before the next.
    PauseAfterTrial,
    /// Resume after a pause.
    Resume,
    /// Stop at once and end the run.
    StopNow,
    /// Yes to the question in [`RunStatus::confirm`](crate::RunStatus::confirm).
    ConfirmTrial,
    /// No to that question.
    Decline,
}

/// An operator's answer to a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// The operator sent [`Request::ConfirmTrial`].
    Yes,
    /// The operator sent [`Request::Decline`].
    No,
}

/// The requests that the run has not taken yet. Clones share one queue.
///
/// Each request is queued at most once, however often its button is pressed. Pausing and resuming replace each
/// other: the later stays. A no replaces a yes, but a yes never replaces a no. An answer is discarded together
/// with its question. A request to stop comes before all others.
#[derive(Debug, Clone, Default)]
pub struct Requests {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    pending: Mutex<VecDeque<Request>>,
    arrived: Condvar,
}

impl Requests {
    /// Takes the next request, if there is one.
    pub fn take(&self) -> Option<Request> {
        self.lock().pop_front()
    }

    /// Takes the next request and waits for it up to `timeout`; `None` if none arrived by then.
    pub fn wait(&self, timeout: Duration) -> Option<Request> {
        let (mut pending, _) = self
            .shared
            .arrived
            .wait_timeout_while(self.lock(), timeout, |pending| pending.is_empty())
            .unwrap_or_else(PoisonError::into_inner);
        pending.pop_front()
    }

    /// Takes the answer to the current question and waits for it up to `timeout`; `None` if none arrived by
    /// then. Other requests stay.
    pub fn wait_for_answer(&self, timeout: Duration) -> Option<Answer> {
        let answer = |pending: &VecDeque<Request>| {
            pending.iter().enumerate().find_map(|(index, request)| match request {
                Request::ConfirmTrial => Some((index, Answer::Yes)),
                Request::Decline => Some((index, Answer::No)),
                _ => None,
            })
        };
        let (mut pending, _) = self
            .shared
            .arrived
            .wait_timeout_while(self.lock(), timeout, |pending| answer(pending).is_none())
            .unwrap_or_else(PoisonError::into_inner);
        let (index, answer) = answer(&pending)?;
        pending.remove(index);
        Some(answer)
    }

    pub(crate) fn push(&self, request: Request) {
        let mut pending = self.lock();
        if request == Request::ConfirmTrial && pending.contains(&Request::Decline) {
            return;
        }
        let is_replaced = |one: Request| {
            one == request
                || matches!(
                    (one, request),
                    (Request::PauseAfterTrial, Request::Resume)
                        | (Request::Resume, Request::PauseAfterTrial)
                        | (Request::ConfirmTrial, Request::Decline)
                )
        };
        pending.retain(|one| !is_replaced(*one));
        match request {
            Request::StopNow => pending.push_front(request),
            _ => pending.push_back(request),
        }
        self.shared.arrived.notify_one();
    }

    pub(crate) fn discard(&self, request: Request) {
        self.lock().retain(|one| *one != request);
    }

    pub(crate) fn all(&self) -> Vec<Request> {
        self.lock().iter().copied().collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<Request>> {
        // A poisoned lock still holds a valid queue: no code panics halfway through a change.
        self.shared.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Request::{ConfirmTrial, Decline, PauseAfterTrial, Resume, StopNow};

    #[test]
    fn each_request_is_queued_once_and_the_last_one_counts() {
        let cases: [(&[Request], &[Request]); 7] = [
            (&[], &[]),
            (&[PauseAfterTrial, PauseAfterTrial], &[PauseAfterTrial]),
            (&[PauseAfterTrial, Resume], &[Resume]),
            (&[Resume, ConfirmTrial, PauseAfterTrial], &[ConfirmTrial, PauseAfterTrial]),
            (&[ConfirmTrial, StopNow, PauseAfterTrial], &[StopNow, ConfirmTrial, PauseAfterTrial]),
            (&[ConfirmTrial, Decline], &[Decline]),
            (&[Decline, ConfirmTrial], &[Decline]),
        ];
        for (sent, expected) in cases {
            let requests = Requests::default();
            sent.iter().for_each(|request| requests.push(*request));
            assert_eq!(requests.all(), expected, "{sent:?}");
            let taken: Vec<Request> = std::iter::from_fn(|| requests.take()).collect();
            assert_eq!(taken, expected, "{sent:?}");
        }
    }

    #[test]
    fn waiting_for_an_answer_leaves_other_requests_in_the_queue() {
        let requests = Requests::default();
        requests.push(PauseAfterTrial);
        assert_eq!(requests.wait_for_answer(Duration::from_millis(1)), None);
        for (request, answer) in [(ConfirmTrial, Answer::Yes), (Decline, Answer::No)] {
            let sender = requests.clone();
            let thread = std::thread::spawn(move || sender.push(request));
            assert_eq!(requests.wait_for_answer(Duration::from_secs(20)), Some(answer));
            thread.join().unwrap();
        }
        assert_eq!(requests.all(), [PauseAfterTrial]);
    }

    #[test]
    fn waiting_ends_with_a_request_or_at_the_timeout() {
        let requests = Requests::default();
        assert_eq!(requests.wait(Duration::from_millis(1)), None);
        let sender = requests.clone();
        let thread = std::thread::spawn(move || sender.push(Resume));
        assert_eq!(requests.wait(Duration::from_secs(20)), Some(Resume));
        thread.join().unwrap();
    }
}
