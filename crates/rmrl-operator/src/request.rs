//! What operators ask of a run.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What an operator asks of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// To finish the trial under way, and to wait before the next.
    PauseAfterTrial,
    /// To go on after a pause.
    Resume,
    /// To stop at once, and to end.
    StopNow,
    /// To go on with what [`RunStatus::confirm`](crate::RunStatus::confirm) asks about: yes.
    ConfirmTrial,
    /// Not to go on with it: no.
    Decline,
}

/// What was answered to a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// [`Request::ConfirmTrial`].
    Yes,
    /// [`Request::Decline`].
    No,
}

/// What operators have asked and the run has not heard yet: one handle of many to the same requests.
///
/// However often a button is pressed, its request is there once. Pausing and resuming cancel each other:
/// the later stays. A no cancels a yes, and no yes a no. An answer goes when its question does. To stop comes
/// before all else.
#[derive(Debug, Clone, Default)]
pub struct Requests {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    pending: Mutex<VecDeque<Request>>,
    came: Condvar,
}

impl Requests {
    /// The next request, if there is one.
    pub fn take(&self) -> Option<Request> {
        self.pending().pop_front()
    }

    /// The next request; waits for it, `None` if there is none within `timeout`.
    pub fn wait(&self, timeout: Duration) -> Option<Request> {
        let (mut pending, _) = self
            .shared
            .came
            .wait_timeout_while(self.pending(), timeout, |pending| pending.is_empty())
            .unwrap_or_else(PoisonError::into_inner);
        pending.pop_front()
    }

    /// The answer to the present question; waits for it, `None` if there is none within `timeout`. Other
    /// requests stay.
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
            .came
            .wait_timeout_while(self.pending(), timeout, |pending| answer(pending).is_none())
            .unwrap_or_else(PoisonError::into_inner);
        let (index, answer) = answer(&pending)?;
        pending.remove(index);
        Some(answer)
    }

    pub(crate) fn ask(&self, request: Request) {
        let mut pending = self.pending();
        if request == Request::ConfirmTrial && pending.contains(&Request::Decline) {
            return;
        }
        let takes_its_place = |one: Request| {
            one == request
                || matches!(
                    (one, request),
                    (Request::PauseAfterTrial, Request::Resume)
                        | (Request::Resume, Request::PauseAfterTrial)
                        | (Request::ConfirmTrial, Request::Decline)
                )
        };
        pending.retain(|one| !takes_its_place(*one));
        match request {
            Request::StopNow => pending.push_front(request),
            _ => pending.push_back(request),
        }
        self.shared.came.notify_one();
    }

    pub(crate) fn forget(&self, request: Request) {
        self.pending().retain(|one| *one != request);
    }

    pub(crate) fn all(&self) -> Vec<Request> {
        self.pending().iter().copied().collect()
    }

    fn pending(&self) -> std::sync::MutexGuard<'_, VecDeque<Request>> {
        // Whoever panicked left the queue whole: nothing between locking and unlocking can.
        self.shared.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Request::{ConfirmTrial, Decline, PauseAfterTrial, Resume, StopNow};

    #[test]
    fn what_is_asked_comes_once_and_the_last_word_counts() {
        let cases: [(&[Request], &[Request]); 7] = [
            (&[], &[]),
            (&[PauseAfterTrial, PauseAfterTrial], &[PauseAfterTrial]),
            (&[PauseAfterTrial, Resume], &[Resume]),
            (&[Resume, ConfirmTrial, PauseAfterTrial], &[ConfirmTrial, PauseAfterTrial]),
            (&[ConfirmTrial, StopNow, PauseAfterTrial], &[StopNow, ConfirmTrial, PauseAfterTrial]),
            (&[ConfirmTrial, Decline], &[Decline]),
            (&[Decline, ConfirmTrial], &[Decline]),
        ];
        for (asked, expected) in cases {
            let requests = Requests::default();
            asked.iter().for_each(|request| requests.ask(*request));
            assert_eq!(requests.all(), expected, "{asked:?}");
            let taken: Vec<Request> = std::iter::from_fn(|| requests.take()).collect();
            assert_eq!(taken, expected, "{asked:?}");
        }
    }

    #[test]
    fn an_answer_is_waited_for_past_other_requests_which_stay() {
        let requests = Requests::default();
        requests.ask(PauseAfterTrial);
        assert_eq!(requests.wait_for_answer(Duration::from_millis(1)), None);
        for (request, answer) in [(ConfirmTrial, Answer::Yes), (Decline, Answer::No)] {
            let asking = requests.clone();
            let thread = std::thread::spawn(move || asking.ask(request));
            assert_eq!(requests.wait_for_answer(Duration::from_secs(20)), Some(answer));
            thread.join().unwrap();
        }
        assert_eq!(requests.all(), [PauseAfterTrial]);
    }

    #[test]
    fn waiting_ends_with_a_request_or_with_the_time() {
        let requests = Requests::default();
        assert_eq!(requests.wait(Duration::from_millis(1)), None);
        let asking = requests.clone();
        let thread = std::thread::spawn(move || asking.ask(Resume));
        assert_eq!(requests.wait(Duration::from_secs(20)), Some(Resume));
        thread.join().unwrap();
    }
}
