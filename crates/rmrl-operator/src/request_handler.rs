//! Turns HTTP requests into responses.

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

use crate::guard::{Guard, HttpError};
use crate::published_state::PublishedState;
use crate::token::random_hex;
use crate::{OnStop, Request, StopStatus};

/// The page; `{{nonce}}` is replaced by the number that allows its style and script.
const PAGE: &str = include_str!("page.html");

/// A request's body is one line of JSON; no valid one is longer.
const LARGEST_BODY_BYTES: usize = 1024;

/// Time for a body to arrive: one line takes milliseconds.
const BODY_TIMEOUT: Duration = Duration::from_secs(5);

/// Answers HTTP requests.
pub(crate) struct RequestHandler {
    pub(crate) state: Arc<PublishedState>,
    pub(crate) guard: Guard,
    pub(crate) on_stop: Option<Arc<OnStop>>,
    /// Part of every ETag: distinguishes this server from an earlier one at the same address.
    pub(crate) instance_id: String,
}

/// The body of a POST to `/requests`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RequestBody {
    request: Request,
    /// For an answer: the number of the question that the operator read.
    question: Option<u64>,
}

type HttpResponse = Response<Full<Bytes>>;

impl RequestHandler {
    /// Responds to a request; errors become responses, too.
    pub(crate) async fn respond(&self, request: hyper::Request<Incoming>) -> HttpResponse {
        let (parts, body) = request.into_parts();
        let mut response = self.route(&parts, body).await.unwrap_or_else(|(status, reason)| {
            let mut response = text(status, reason);
            if status == StatusCode::UNAUTHORIZED {
                let scheme = HeaderValue::from_static("Bearer");
                response.headers_mut().insert(WWW_AUTHENTICATE, scheme);
            }
            response
        });
        protect(response.headers_mut());
        response
    }

    async fn route(&self, parts: &Parts, body: Incoming) -> Result<HttpResponse, HttpError> {
        self.guard.check_host(parts)?;
        let is_reading = parts.method == Method::GET || parts.method == Method::HEAD;
        match parts.uri.path() {
            "/" if is_reading => self.page(),
            "/status" if is_reading => {
                self.guard.check_reader(&parts.headers)?;
                self.status(&parts.headers)
            }
            "/image" if is_reading => {
                self.guard.check_reader(&parts.headers)?;
                self.image(&parts.headers)
            }
            "/requests" if parts.method == Method::POST => {
                self.guard.check_actor(&parts.headers)?;
                let body = read_body(&parts.headers, body).await?;
                self.handle(body).await
            }
            "/" | "/status" | "/image" => Ok(wrong_method("GET, HEAD")),
            "/requests" => Ok(wrong_method("POST")),
            _ => Err((StatusCode::NOT_FOUND, "there is no such page")),
        }
    }

    /// The page. It contains nothing of the run, so a browser may load it without a token.
    fn page(&self) -> Result<HttpResponse, HttpError> {
        let failed =
            (StatusCode::INTERNAL_SERVER_ERROR, "no random numbers for the page's security policy");
        let nonce = random_hex().map_err(|_| failed)?;
        let policy = format!(
            "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; \
             img-src blob: data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
             frame-ancestors 'none'; require-trusted-types-for 'script'"
        );
        let mut response = Response::new(Full::from(PAGE.replace("{{nonce}}", &nonce)));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::try_from(policy).map_err(|_| failed)?);
        Ok(response)
    }

    fn status(&self, headers: &HeaderMap) -> Result<HttpResponse, HttpError> {
        let tag = format!("\"{}.{}\"", self.instance_id, self.state.version());
        unless_cached(headers, &tag, || {
            let failed = (StatusCode::INTERNAL_SERVER_ERROR, "the status cannot be serialized");
            let status = self.state.status_json().map_err(|_| failed)?;
            let mut response = Response::new(Full::from(status));
            let json = HeaderValue::from_static("application/json");
            response.headers_mut().insert(CONTENT_TYPE, json);
            Ok(response)
        })
    }

    fn image(&self, headers: &HeaderMap) -> Result<HttpResponse, HttpError> {
        let none = (StatusCode::NOT_FOUND, "there is no image yet");
        let (number, image) = self.state.image().ok_or(none)?;
        unless_cached(headers, &format!("\"{}.{number}\"", self.instance_id), || {
            let mime = HeaderValue::from_static(image.format.mime());
            let mut response = Response::new(Full::from(Bytes::from_owner(image.bytes)));
            response.headers_mut().insert(CONTENT_TYPE, mime);
            Ok(response)
        })
    }

    /// Queues a valid request for the run; a request to stop is also carried out at once.
    async fn handle(
        &self,
        RequestBody { request, question }: RequestBody,
    ) -> Result<HttpResponse, HttpError> {
        match (request, question) {
            (Request::ConfirmTrial | Request::Decline, None) => {
                return Err((StatusCode::BAD_REQUEST, "an answer needs its question's number"));
            }
            (Request::ConfirmTrial | Request::Decline, Some(number)) => {
                if !self.state.answer(number, request) {
                    return Err((
                        StatusCode::CONFLICT,
                        "this question is not open, or not any more",
                    ));
                }
            }
            (_, Some(_)) => {
                return Err((StatusCode::BAD_REQUEST, "only an answer has a question's number"));
            }
            (request, None) => self.state.push_request(request),
        }
        match (request, &self.on_stop) {
            (Request::StopNow, Some(on_stop)) => Ok(stop(Arc::clone(on_stop)).await),
            _ => Ok(text(StatusCode::ACCEPTED, "the run will receive the request")),
        }
    }
}

/// Time for the arm to confirm a stop. After it, the response reports that the arm has not; the page waits longer.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// Stops the arm and responds whether the arm has confirmed that it stands.
async fn stop(on_stop: Arc<OnStop>) -> HttpResponse {
    // On another thread, because the callback may take long and others read meanwhile.
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
    // A client that reads only the code must not believe that the arm stands.
    let code = if status.is_confirmed { StatusCode::ACCEPTED } else { StatusCode::BAD_GATEWAY };
    text(code, status.message)
}

async fn read_body(headers: &HeaderMap, body: Incoming) -> Result<RequestBody, HttpError> {
    // Pages of other sites cannot send this type without a preflight request, which we never grant.
    if headers.get(CONTENT_TYPE).is_none_or(|value| value != "application/json") {
        return Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, "the body must be application/json"));
    }
    let limited = Limited::new(body, LARGEST_BODY_BYTES).collect();
    let collected = tokio::time::timeout(BODY_TIMEOUT, limited)
        .await
        .map_err(|_| (StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time"))?
        .map_err(|error| match error.downcast_ref::<LengthLimitError>() {
            Some(_) => (StatusCode::PAYLOAD_TOO_LARGE, "the body is longer than any valid request"),
            None => (StatusCode::BAD_REQUEST, "the body is malformed"),
        })?;
    serde_json::from_slice(&collected.to_bytes())
        .map_err(|_| (StatusCode::BAD_REQUEST, "the body is no known request"))
}

/// The response with its tag; without its body if the reader already has it.
fn unless_cached(
    headers: &HeaderMap,
    tag: &str,
    respond: impl FnOnce() -> Result<HttpResponse, HttpError>,
) -> Result<HttpResponse, HttpError> {
    let mut response = match headers.get(IF_NONE_MATCH) {
        Some(cached) if cached == tag => {
            let mut unchanged = Response::new(Full::default());
            *unchanged.status_mut() = StatusCode::NOT_MODIFIED;
            unchanged
        }
        _ => respond()?,
    };
    let failed = (StatusCode::INTERNAL_SERVER_ERROR, "the tag is no valid header");
    response.headers_mut().insert(ETAG, HeaderValue::try_from(tag).map_err(|_| failed)?);
    Ok(response)
}

fn wrong_method(allowed: &'static str) -> HttpResponse {
    let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "this method is not allowed");
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    response
}

fn text(status: StatusCode, text: impl Into<Bytes>) -> HttpResponse {
    let mut response = Response::new(Full::from(text.into()));
    *response.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, plain);
    response
}

/// Adds the headers that keep a response private to the browser.
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
