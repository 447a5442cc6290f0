//! Where the run leaves its news, and readers find them.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::page::ReadStop;
use crate::{Picture, Request, Requests, RunStatus, StopStatus};

/// The latest news. The lock is held for copying pointers only, so that neither side waits for the other:
/// the run writes JSON before it takes the lock, readers get theirs sent after.
pub(crate) struct Board {
    latest: Mutex<Latest>,
    requests: Requests,
    read_stop: Option<ReadStop>,
}

#[derive(Debug, Clone)]
struct Latest {
    /// Counts everything that was published.
    version: u64,
    at: Instant,
    status: Bytes,
    time_left_s: Option<f64>,
    /// What is asked, and how many questions there were before it.
    question: Option<(u64, String)>,
    questions: u64,
    picture: Option<(u64, Picture)>,
}

/// All that a reader gets but the picture itself.
#[derive(Serialize)]
struct News<'a> {
    age_s: f64,
    time_left_s: Option<f64>,
    /// The number of the question that [`RunStatus::confirm`] asks.
    question: Option<u64>,
    /// What was asked and not heard yet.
    pending: &'a [Request],
    picture: Option<PictureNews<'a>>,
    /// Whether a stop has arrived; `None` if nobody has stopped.
    stop: Option<StopStatus>,
    status: &'a RawValue,
}

#[derive(Serialize)]
struct PictureNews<'a> {
    number: u64,
    caption: &'a str,
}

impl Board {
    pub(crate) fn new(requests: Requests, read_stop: Option<ReadStop>) -> Self {
        let latest = Latest {
            version: 0,
            at: Instant::now(),
            status: json(&RunStatus::default()),
            time_left_s: None,
            question: None,
            questions: 0,
            picture: None,
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
        if latest.question.as_ref().map(|(_, asked)| asked) != status.confirm.as_ref() {
            // Whoever answered the last question has not seen this one.
            self.requests.forget(Request::ConfirmTrial);
            self.requests.forget(Request::Decline);
            latest.questions += 1;
            latest.question = status.confirm.clone().map(|asked| (latest.questions, asked));
        }
    }

    pub(crate) fn show(&self, picture: Picture) {
        let mut latest = self.lock();
        latest.version += 1;
        latest.at = Instant::now();
        latest.picture = Some((latest.version, picture));
    }

    /// What changes when the news do.
    pub(crate) fn version(&self) -> String {
        let version = self.lock().version;
        let pending: u32 = self.requests.all().iter().map(|one| 1 << (*one as u32)).sum();
        let mut hasher = DefaultHasher::new();
        self.stop().hash(&mut hasher);
        format!("{version}.{pending}.{:x}", hasher.finish())
    }

    fn stop(&self) -> Option<StopStatus> {
        self.read_stop.as_ref().and_then(|read| read())
    }

    /// The news as JSON.
    pub(crate) fn news(&self) -> Result<Bytes, serde_json::Error> {
        let latest = self.lock().clone();
        let news = News {
            age_s: latest.at.elapsed().as_secs_f64(),
            time_left_s: latest.time_left_s,
            question: latest.question.map(|(number, _)| number),
            pending: &self.requests.all(),
            picture: latest.picture.as_ref().map(|(number, picture)| PictureNews {
                number: *number,
                caption: &picture.caption,
            }),
            stop: self.stop(),
            status: serde_json::from_slice(&latest.status)?,
        };
        serde_json::to_vec(&news).map(Bytes::from)
    }

    /// The latest picture and its number.
    pub(crate) fn picture(&self) -> Option<(u64, Picture)> {
        self.lock().picture.clone()
    }

    /// Answers the question of that number, by a confirmation or by declining; whether it is still asked.
    pub(crate) fn answer(&self, number: u64, answer: Request) -> bool {
        let latest = self.lock();
        let is_asked = latest.question.as_ref().is_some_and(|(asked, _)| *asked == number);
        if is_asked {
            self.requests.ask(answer);
        }
        is_asked
    }

    pub(crate) fn ask(&self, request: Request) {
        self.requests.ask(request);
    }

    fn lock(&self) -> MutexGuard<'_, Latest> {
        // Nothing between locking and unlocking can panic half-way.
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

    fn board() -> (Board, Requests) {
        let requests = Requests::default();
        (Board::new(requests.clone(), None), requests)
    }

    fn asking(question: Option<&str>) -> RunStatus {
        RunStatus { confirm: question.map(str::to_string), ..Default::default() }
    }

    fn number(board: &Board) -> Option<u64> {
        let news: serde_json::Value = serde_json::from_slice(&board.news().unwrap()).unwrap();
        news["question"].as_u64()
    }

    #[test]
    fn a_confirmation_is_for_the_question_that_was_read() {
        let (board, requests) = board();
        assert!(!board.answer(0, Request::ConfirmTrial) && !board.answer(1, Request::ConfirmTrial));
        board.publish(&asking(Some("trial 1?")));
        let first = number(&board).unwrap();
        // Other news leave the question as it is.
        board.publish(&RunStatus { trial: 1, ..asking(Some("trial 1?")) });
        assert_eq!(number(&board), Some(first));
        assert!(board.answer(first, Request::ConfirmTrial));
        assert_eq!(requests.take(), Some(Request::ConfirmTrial));
        // The same words again are another question: the trial is another attempt.
        board.publish(&asking(None));
        board.publish(&asking(Some("trial 1?")));
        assert!(!board.answer(first, Request::ConfirmTrial));
        assert_eq!(requests.take(), None);
    }

    #[test]
    fn a_no_is_for_its_question_and_stays_one() {
        let (board, requests) = board();
        board.publish(&asking(Some("trial 1?")));
        let first = number(&board).unwrap();
        assert!(board.answer(first, Request::Decline));
        assert!(board.answer(first, Request::ConfirmTrial));
        assert_eq!(requests.all(), [Request::Decline]);
        board.publish(&asking(Some("trial 2?")));
        assert_eq!(requests.take(), None);
        assert!(!board.answer(first, Request::Decline));
    }

    #[test]
    fn whether_a_stop_has_arrived_is_news_as_it_changes() {
        let answer = std::sync::Arc::new(Mutex::new(None));
        let read = std::sync::Arc::clone(&answer);
        let read_stop: ReadStop = Box::new(move || read.lock().unwrap().clone());
        let board = Board::new(Requests::default(), Some(read_stop));
        let mut versions = vec![board.version()];
        for is_confirmed in [false, true] {
            let message = "as it is".to_string();
            *answer.lock().unwrap() = Some(StopStatus { is_confirmed, message });
            versions.push(board.version());
            let news: serde_json::Value = serde_json::from_slice(&board.news().unwrap()).unwrap();
            assert_eq!(news["stop"]["is_confirmed"], is_confirmed);
        }
        versions.dedup();
        assert_eq!(versions.len(), 3, "{versions:?}");
    }

    #[test]
    fn a_confirmation_that_nobody_heard_goes_with_its_question() {
        let (board, requests) = board();
        board.publish(&asking(Some("trial 1?")));
        assert!(board.answer(number(&board).unwrap(), Request::ConfirmTrial));
        board.publish(&asking(Some("trial 2?")));
        assert_eq!(requests.take(), None);
    }

    #[test]
    fn the_version_changes_with_news_pictures_and_requests() {
        let (board, requests) = board();
        let mut versions = vec![board.version()];
        board.publish(&RunStatus::default());
        versions.push(board.version());
        let bytes = std::sync::Arc::from([0_u8; 4]);
        let format = crate::PictureFormat::Png;
        board.show(Picture { bytes, format, caption: String::new() });
        versions.push(board.version());
        requests.ask(Request::StopNow);
        versions.push(board.version());
        requests.ask(Request::Resume);
        versions.push(board.version());
        let count = versions.len();
        versions.sort();
        versions.dedup();
        assert_eq!(versions.len(), count, "{versions:?}");
    }
}
