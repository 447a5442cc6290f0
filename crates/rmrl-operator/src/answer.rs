//! What is answered to a request.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderMap, HeaderName,
    HeaderValue, IF_NONE_MATCH, REFERRER_POLICY, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use hyper::http::request::Parts;
use hyper::{Method, Response, StatusCode};
use serde::Deserialize;

use crate::board::Board;
use crate::guard::{Guard, Refusal};
use crate::page::OnStop;
use crate::token::random_hex;
use crate::{Request, StopStatus};

/// The page itself; `{{nonce}}` stands where its style and script are allowed.
const PAGE: &str = include_str!("page.html");

/// A request's body is one line of JSON; nothing that we understand is longer.
const LARGEST_BODY_BYTES: usize = 1024;

/// Time for a body to arrive: a line takes milliseconds, and who sends slower sends something else.
const BODY_TIMEOUT: Duration = Duration::from_secs(5);

/// What every answer needs.
pub(crate) struct Desk {
    pub(crate) board: Arc<Board>,
    pub(crate) guard: Guard,
    pub(crate) on_stop: Option<Arc<OnStop>>,
    /// Tells this server's news from those of one before it at the same address.
    pub(crate) edition: String,
}

/// The body of a POST to `/requests`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ask {
    request: Request,
    /// For an answer: which question was read.
    question: Option<u64>,
}

type Answer = Response<Full<Bytes>>;

impl Desk {
    /// The answer; a refusal is one, too.
    pub(crate) async fn answer(&self, request: hyper::Request<Incoming>) -> Answer {
        let (parts, body) = request.into_parts();
        let mut answer = self.route(&parts, body).await.unwrap_or_else(|(status, reason)| {
            let mut refusal = text(status, reason);
            if status == StatusCode::UNAUTHORIZED {
                let scheme = HeaderValue::from_static("Bearer");
                refusal.headers_mut().insert(WWW_AUTHENTICATE, scheme);
            }
            refusal
        });
        protect(answer.headers_mut());
        answer
    }

    async fn route(&self, parts: &Parts, body: Incoming) -> Result<Answer, Refusal> {
        self.guard.check_host(parts)?;
        let is_reading = parts.method == Method::GET || parts.method == Method::HEAD;
        match parts.uri.path() {
            "/" if is_reading => self.page(),
            "/status" if is_reading => {
                self.guard.check_reader(&parts.headers)?;
                self.status(&parts.headers)
            }
            "/picture" if is_reading => {
                self.guard.check_reader(&parts.headers)?;
                self.picture(&parts.headers)
            }
            "/requests" if parts.method == Method::POST => {
                self.guard.check_actor(&parts.headers)?;
                let ask = read(&parts.headers, body).await?;
                self.ask(ask).await
            }
            "/" | "/status" | "/picture" => Ok(wrong_method("GET, HEAD")),
            "/requests" => Ok(wrong_method("POST")),
            _ => Err((StatusCode::NOT_FOUND, "there is nothing here")),
        }
    }

    /// The page. It has nothing of the run in it, so that a browser may load it without a token.
    fn page(&self) -> Result<Answer, Refusal> {
        let failed = (StatusCode::INTERNAL_SERVER_ERROR, "no random numbers for the page's policy");
        let nonce = random_hex().map_err(|_| failed)?;
        let policy = format!(
            "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; \
             img-src blob: data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
             frame-ancestors 'none'; require-trusted-types-for 'script'"
        );
        let mut answer = Response::new(Full::from(PAGE.replace("{{nonce}}", &nonce)));
        let headers = answer.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::try_from(policy).map_err(|_| failed)?);
        Ok(answer)
    }

    fn status(&self, headers: &HeaderMap) -> Result<Answer, Refusal> {
        let tag = format!("\"{}.{}\"", self.edition, self.board.version());
        unless_known(headers, &tag, || {
            let failed = (StatusCode::INTERNAL_SERVER_ERROR, "the status cannot be written");
            let mut answer = Response::new(Full::from(self.board.news().map_err(|_| failed)?));
            let json = HeaderValue::from_static("application/json");
            answer.headers_mut().insert(CONTENT_TYPE, json);
            Ok(answer)
        })
    }

    fn picture(&self, headers: &HeaderMap) -> Result<Answer, Refusal> {
        let none = (StatusCode::NOT_FOUND, "there is no picture yet");
        let (number, picture) = self.board.picture().ok_or(none)?;
        unless_known(headers, &format!("\"{}.{number}\"", self.edition), || {
            let mime = HeaderValue::from_static(picture.format.mime());
            let mut answer = Response::new(Full::from(Bytes::from_owner(picture.bytes)));
            answer.headers_mut().insert(CONTENT_TYPE, mime);
            Ok(answer)
        })
    }

    async fn ask(&self, Ask { request, question }: Ask) -> Result<Answer, Refusal> {
        match (request, question) {
            (Request::ConfirmTrial | Request::Decline, None) => {
                return Err((StatusCode::BAD_REQUEST, "an answer needs its question's number"));
            }
            (Request::ConfirmTrial | Request::Decline, Some(number)) => {
                if !self.board.answer(number, request) {
                    return Err((StatusCode::CONFLICT, "this is not asked, or not any more"));
                }
            }
            (_, Some(_)) => {
                return Err((StatusCode::BAD_REQUEST, "only an answer has a question"));
            }
            (request, None) => self.board.ask(request),
        }
        match (request, &self.on_stop) {
            (Request::StopNow, Some(on_stop)) => Ok(stop(Arc::clone(on_stop)).await),
            _ => Ok(text(StatusCode::ACCEPTED, "the run will hear of it")),
        }
    }
}

/// Time for the arm to confirm a stop before the answer says that it has not: readers wait longer.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// Stops the arm, and answers whether it has confirmed that it stands.
async fn stop(on_stop: Arc<OnStop>) -> Answer {
    // Not here: what stops an arm may take its time, and others read meanwhile.
    let stopping = tokio::task::spawn_blocking(move || on_stop());
    let unknown = |reason| {
        let message = format!("NOT CONFIRMED: press the red button ({reason})");
        StopStatus { is_confirmed: false, message }
    };
    let status = match tokio::time::timeout(STOP_TIMEOUT, stopping).await {
        Ok(Ok(status)) => status,
        Ok(Err(_)) => unknown("stopping failed"),
        Err(_) => unknown("no answer yet"),
    };
    // Whoever looks at the code alone must not take the arm to stand.
    let code = if status.is_confirmed { StatusCode::ACCEPTED } else { StatusCode::BAD_GATEWAY };
    text(code, status.message)
}

async fn read(headers: &HeaderMap, body: Incoming) -> Result<Ask, Refusal> {
    // Pages of other sites cannot send this type without asking first, which nobody answers.
    if headers.get(CONTENT_TYPE).is_none_or(|value| value != "application/json") {
        return Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, "the body has to be application/json"));
    }
    let limited = Limited::new(body, LARGEST_BODY_BYTES).collect();
    let collected = tokio::time::timeout(BODY_TIMEOUT, limited)
        .await
        .map_err(|_| (StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time"))?
        .map_err(|error| match error.downcast_ref::<LengthLimitError>() {
            Some(_) => (StatusCode::PAYLOAD_TOO_LARGE, "the body is longer than any request"),
            None => (StatusCode::BAD_REQUEST, "the body is malformed"),
        })?;
    serde_json::from_slice(&collected.to_bytes())
        .map_err(|_| (StatusCode::BAD_REQUEST, "the body is no request that is known here"))
}

/// The answer with its tag; without its body if the reader has it.
fn unless_known(
    headers: &HeaderMap,
    tag: &str,
    make: impl FnOnce() -> Result<Answer, Refusal>,
) -> Result<Answer, Refusal> {
    let mut answer = match headers.get(IF_NONE_MATCH) {
        Some(known) if known == tag => {
            let mut unchanged = Response::new(Full::default());
            *unchanged.status_mut() = StatusCode::NOT_MODIFIED;
            unchanged
        }
        _ => make()?,
    };
    let failed = (StatusCode::INTERNAL_SERVER_ERROR, "the tag is no header");
    answer.headers_mut().insert(ETAG, HeaderValue::try_from(tag).map_err(|_| failed)?);
    Ok(answer)
}

fn wrong_method(allowed: &'static str) -> Answer {
    let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, "not this way");
    answer.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    answer
}

fn text(status: StatusCode, text: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::from(text.into()));
    *answer.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    answer.headers_mut().insert(CONTENT_TYPE, plain);
    answer
}

/// What every answer tells a browser: to keep it to itself.
fn protect(headers: &mut HeaderMap) {
    let fixed = [
        (CACHE_CONTROL, "no-store"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers
        .entry(CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"));
}
