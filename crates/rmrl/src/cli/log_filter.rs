//! Which messages the program writes to standard error.

use std::ffi::OsStr;

use tracing_subscriber::EnvFilter;

/// The environment variable that says it.
pub(super) const LOG: &str = "RMRL_LOG";

const LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];

/// How the names of the crates begin that post to web hooks.
const POSTS: &str = "ureq";

/// The filter that the value of [`LOG`] asks for; warnings and errors where it is not set.
///
/// # Errors
/// The value is no level, and no list of levels for modules.
pub(super) fn log_filter(value: Option<&OsStr>) -> Result<EnvFilter, String> {
    let value = value.unwrap_or_default().to_string_lossy();
    let parts = value.split(',').map(str::trim).filter(|part| !part.is_empty());
    for part in parts.clone() {
        let level = part.rsplit_once('=').map_or(part, |(_, level)| level);
        if !LEVELS.contains(&level.to_ascii_lowercase().as_str()) {
            return Err(refusal(&value, &format!("{level:?} is no level")));
        }
    }
    // What is not named keeps its warnings. The crates that post to web hooks would log their secret paths.
    let parts = parts.filter(|part| !part.starts_with(POSTS));
    let silent = ["ureq=off", "ureq_proto=off"];
    let directives: Vec<&str> = ["warn"].into_iter().chain(parts).chain(silent).collect();
    let filter = EnvFilter::builder().parse(directives.join(","));
    filter.map_err(|error| refusal(&value, &error.to_string()))
}

fn refusal(value: &str, reason: &str) -> String {
    format!(
        "{LOG} is {value:?}: {reason}; expected one of {}, or levels of modules such as rmrl_xarm=debug,rmrl::run=info",
        LEVELS.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_and_modules_are_read_and_others_refused_with_what_is_expected() {
        let shown = |filter: EnvFilter| {
            let filter = filter.to_string();
            assert!(filter.contains("ureq=off") && filter.contains("ureq_proto=off"), "{filter}");
            let parts: Vec<&str> =
                filter.split(',').filter(|one| !one.starts_with(POSTS)).collect();
            parts.join(",")
        };
        let read = |value: &str| log_filter(Some(OsStr::new(value))).map(shown);
        assert_eq!(shown(log_filter(None).unwrap()), "warn");
        for (value, filter) in [
            ("", "warn"),
            ("info", "info"),
            ("DEBUG", "debug"),
            ("off", "off"),
            ("rmrl_xarm=debug", "rmrl_xarm=debug,warn"),
            ("trace,ureq::run=trace,ureq=trace", "trace"),
            ("info, rmrl::run=trace", "rmrl::run=trace,info"),
        ] {
            assert_eq!(read(value).as_deref(), Ok(filter), "{value}");
        }
        for value in ["loud", "rmrl_xarm", "rmrl_xarm=loud", "info;debug", "1"] {
            let refused = read(value).unwrap_err();
            assert!(
                refused.contains("RMRL_LOG") && refused.contains("rmrl_xarm=debug"),
                "{refused}"
            );
        }
    }
}
