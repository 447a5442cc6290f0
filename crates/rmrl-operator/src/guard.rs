//! Who may read and who may act.

use std::net::IpAddr;

use hyper::StatusCode;
use hyper::header::{AUTHORIZATION, HOST, HeaderMap, HeaderName, ORIGIN};
use hyper::http::request::Parts;
use hyper::http::uri::Authority;

use crate::Token;

/// Why a request is refused: the status of the response and its text.
pub(crate) type HttpError = (StatusCode, &'static str);

/// Decides which requests reach the run.
#[derive(Debug)]
pub(crate) struct Guard {
    pub(crate) token: Token,
    /// Whether reading needs no token.
    pub(crate) reading_is_free: bool,
    /// Further names of this machine, besides `localhost`.
    pub(crate) host_names: Vec<String>,
}

impl Guard {
    /// Refuses requests that were meant for another host. With DNS rebinding the name of a foreign site
    /// resolves to this machine; its requests still carry that name. Numeric addresses are always ours.
    pub(crate) fn check_host(&self, parts: &Parts) -> Result<(), HttpError> {
        let host = host_of(&parts.headers)?;
        if parts.uri.authority().is_some_and(|requested| *requested != host) {
            return Err((StatusCode::BAD_REQUEST, "this server is no proxy"));
        }
        let name = host.host();
        let is_number = || {
            let bare = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
            bare.unwrap_or(name).parse::<IpAddr>().is_ok()
        };
        let is_ours = name.eq_ignore_ascii_case("localhost")
            || self.host_names.iter().any(|ours| ours.eq_ignore_ascii_case(name));
        if is_ours || is_number() {
            return Ok(());
        }
        Err((StatusCode::MISDIRECTED_REQUEST, "the page is not served under this host name"))
    }

    /// Refuses readers without a token where reading needs one.
    pub(crate) fn check_reader(&self, headers: &HeaderMap) -> Result<(), HttpError> {
        if self.reading_is_free { Ok(()) } else { self.check_token(headers) }
    }

    /// Refuses clients that may not act.
    pub(crate) fn check_actor(&self, headers: &HeaderMap) -> Result<(), HttpError> {
        self.check_token(headers)?;
        // Browsers send the origin of a POST; other programs do not.
        let Some(origin) = only(headers, ORIGIN)? else { return Ok(()) };
        let host = host_of(headers)?;
        let from = ["http://", "https://"].iter().find_map(|scheme| origin.strip_prefix(scheme));
        if from.is_some_and(|from| from.eq_ignore_ascii_case(host.as_str())) {
            return Ok(());
        }
        Err((StatusCode::FORBIDDEN, "the request comes from another site's page"))
    }

    fn check_token(&self, headers: &HeaderMap) -> Result<(), HttpError> {
        let bearer = only(headers, AUTHORIZATION)?.and_then(|value| {
            let (scheme, claimed) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("Bearer").then(|| claimed.trim_start())
        });
        match bearer {
            Some(claimed) if self.token.is(claimed.as_bytes()) => Ok(()),
            Some(_) => Err((StatusCode::UNAUTHORIZED, "the token is wrong")),
            None => Err((StatusCode::UNAUTHORIZED, "a token is needed: Authorization: Bearer ...")),
        }
    }
}

fn host_of(headers: &HeaderMap) -> Result<Authority, HttpError> {
    let host =
        only(headers, HOST)?.ok_or((StatusCode::BAD_REQUEST, "the Host header is missing"))?;
    let malformed = (StatusCode::BAD_REQUEST, "the Host header is malformed");
    if host.contains('@') {
        return Err(malformed);
    }
    host.parse().map_err(|_| malformed)
}

/// The text of a header that may occur once.
fn only(headers: &HeaderMap, name: HeaderName) -> Result<Option<&str>, HttpError> {
    let mut values = headers.get_all(name).iter();
    let (first, second) = (values.next(), values.next());
    if second.is_some() {
        return Err((StatusCode::BAD_REQUEST, "a header that may occur once occurs twice"));
    }
    let text = first.map(|value| value.to_str());
    text.transpose().map_err(|_| (StatusCode::BAD_REQUEST, "a header is not text"))
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::*;

    const TOKEN: &str = "0123456789012345678901";

    fn guard(reading_is_free: bool) -> Guard {
        let token = TOKEN.parse().unwrap();
        Guard { token, reading_is_free, host_names: vec!["arm.lab.example".to_string()] }
    }

    fn parts(uri: &str, headers: &[(&str, &str)]) -> Parts {
        let request = headers.iter().fold(Request::builder().uri(uri), |request, (name, value)| {
            request.header(*name, *value)
        });
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn requests_for_other_hosts_are_refused() {
        let cases = [
            ("127.0.0.1:8080", 200),
            // Through a tunnel ports differ.
            ("localhost:9000", 200),
            ("LOCALHOST", 200),
            ("[::1]:8080", 200),
            ("192.168.1.7:8080", 200),
            ("Arm.Lab.Example:8080", 200),
            ("evil.example:8080", 421),
            ("localhost.evil.example", 421),
            ("127.0.0.1.evil.example", 421),
            ("someone@localhost", 400),
            ("", 400),
            ("a b", 400),
        ];
        for (host, expected) in cases {
            let answer = guard(true).check_host(&parts("/", &[("host", host)]));
            assert_eq!(answer.err().map_or(200, |error| error.0.as_u16()), expected, "{host}");
        }
        assert!(guard(true).check_host(&parts("/", &[])).is_err());
        let twice = [("host", "localhost"), ("host", "localhost")];
        assert!(guard(true).check_host(&parts("/", &twice)).is_err());
        let proxied = parts("http://evil.example/", &[("host", "localhost")]);
        assert!(guard(true).check_host(&proxied).is_err());
    }

    #[test]
    fn acting_needs_the_token_and_our_own_page() {
        let right = format!("Bearer {TOKEN}");
        let cases: [(&[(&str, &str)], u16); 9] = [
            (&[("authorization", &right)], 200),
            (&[("authorization", &right), ("origin", "http://localhost:8080")], 200),
            (&[("authorization", &right), ("origin", "http://localhost:9")], 403),
            (&[("authorization", &right), ("origin", "http://evil.example")], 403),
            (&[("authorization", &right), ("origin", "null")], 403),
            (&[("authorization", &right), ("authorization", &right)], 400),
            (&[("authorization", TOKEN)], 401),
            (&[("authorization", "Bearer 1123456789012345678901")], 401),
            (&[], 401),
        ];
        for (headers, expected) in cases {
            let mut headers = headers.to_vec();
            headers.push(("host", "localhost:8080"));
            let answer = guard(true).check_actor(&parts("/", &headers).headers);
            let status = answer.err().map_or(200, |error| error.0.as_u16());
            assert_eq!(status, expected, "{headers:?}");
        }
    }

    #[test]
    fn reading_needs_the_token_from_other_machines_only() {
        let right = format!("Bearer {TOKEN}");
        let (without, with) = (parts("/", &[]), parts("/", &[("authorization", &right)]));
        assert!(guard(true).check_reader(&without.headers).is_ok());
        assert!(guard(false).check_reader(&without.headers).is_err());
        assert!(guard(false).check_reader(&with.headers).is_ok());
    }
}
