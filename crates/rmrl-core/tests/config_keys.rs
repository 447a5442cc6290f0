//! The derive macro of configuration keys: every kind of field, every bound, every name.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use rmrl_core::{Check, ConfigKeys, InvalidKey, KeyDescription, RewardFunction};
use serde::Deserialize;

const MOST_RETRIES: u8 = 8;

/// One field of every kind.
#[derive(Debug, Clone, PartialEq, Deserialize, ConfigKeys)]
#[config(rules = Self::check_together)]
struct Config {
    /// A share (Sec. 3). Default 0.5.
    #[key(at_least = 0.0, below = 1.0, why = "all of it leaves nothing")]
    share: f64,
    /// Seconds.
    #[key(above = 0, at_most = 60)]
    timeout_secs: f32,
    /// Retries.
    #[key(at_least = 0, at_most = MOST_RETRIES)]
    retries: u8,
    /// Any offset.
    #[key(at_least = i64::MIN, at_most = i64::MAX)]
    offset: i64,
    /// Epochs.
    #[key(at_least = 1, limit = 100_000)]
    epochs: usize,
    /// Hours, see [`Config::share`].
    ///
    /// Not part of the meaning.
    #[key(above = 0, limit = 2000)]
    max_hours: Option<f64>,
    /// Threads.
    #[key(at_least = 1, at_most = 1024)]
    threads: Option<NonZeroUsize>,
    /// The depth of the encoder.
    #[key(at_least = 10, at_most = 34, valid = is_depth, expected = "10, 18 or 34")]
    depth: usize,
    /// The tool's offset, in
    /// millimeters.
    #[key(at_least = -1000, at_most = 1000)]
    offset_mm: [f64; 3],
    /// Weights.
    #[key(at_least = 0.0, at_most = 1.0, min_len = 1, max_len = 3)]
    weights: Vec<f64>,
    /// Where plates start.
    #[key(interval, at_least = -1.0, at_most = 1.0)]
    start_m: [f64; 2],
    /// The fence.
    #[key(interval(strict), at_least = -2, at_most = Self::FENCE_M)]
    fence_m: [[f64; 2]; 3],
    /// The ranges of the joints.
    #[key(interval, at_least = -360, at_most = 360, max_len = 7)]
    joint_range_deg: Vec<[i32; 2]>,
    /// A serial number.
    #[key(valid = is_serial_number, expected = "letters and digits", kind = "serial number")]
    serial_number: Option<String>,
    /// A recording.
    playback: Option<PathBuf>,
    /// Whether to record.
    record: bool,
    /// Names.
    #[key(max_len = 2)]
    names: Vec<String>,
    /// Never set by a file.
    #[serde(skip)]
    cached: f64,
    /// A part.
    #[key(nested)]
    part: Part,
    /// A part that may be missing.
    #[key(nested)]
    other: Option<Part>,
    /// Many parts.
    #[key(nested, max_len = 4)]
    parts: Vec<Part>,
    /// Two parts.
    #[key(nested)]
    pair: [Part; 2],
    /// Parts beside the others.
    #[serde(flatten)]
    flat: Flat,
}

/// A section whose names differ.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, ConfigKeys)]
#[serde(rename_all = "kebab-case")]
struct Part {
    /// Its width.
    #[serde(rename = "breadth_m", alias = "old", default, skip_serializing_if = "is_zero")]
    #[key(above = 0.0, at_most = 0.2)]
    width_m: f64,
    /// Its height.
    #[serde(rename(serialize = "tall_m", deserialize = "high_m"))]
    #[key(above = 0.0, at_most = 0.2)]
    height_m: f64,
    /// Its many colors.
    #[key(at_least = 1, at_most = 256)]
    color_count: u16,
}

/// A section without a name.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, ConfigKeys)]
#[config(own_validate)]
struct Flat {
    /// A level.
    #[key(at_least = 0, at_most = 5)]
    level: u8,
}

impl Config {
    const FENCE_M: f64 = 2.0;

    fn check_together(&self, check: &Check) -> Result<(), InvalidKey> {
        check.exclude(&[
            ("serial_number", self.serial_number.is_some()),
            ("playback", self.playback.is_some()),
        ])?;
        check.require("retries", self.retries, self.retries < 8 || !self.record, "below 8")
    }
}

impl Flat {
    fn validate(&self) -> bool {
        self.check_keys("flat").is_ok()
    }
}

#[expect(dead_code, reason = "named by a serde attribute of a type that only reads")]
fn is_zero(value: &f64) -> bool {
    *value == 0.0
}

fn is_depth(depth: usize) -> bool {
    [10, 18, 34].contains(&depth)
}

fn is_serial_number(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric())
}

const PART: Part = Part { width_m: 0.1, height_m: 0.05, color_count: 3 };

fn sound() -> Config {
    Config {
        share: 0.5,
        timeout_secs: 2.0,
        retries: 3,
        offset: 0,
        epochs: 10,
        max_hours: Some(10.0),
        threads: NonZeroUsize::new(2),
        depth: 18,
        offset_mm: [0.0; 3],
        weights: vec![0.5; 2],
        start_m: [0.1, 0.4],
        fence_m: [[-1.0, 1.0]; 3],
        joint_range_deg: vec![[-90, 90]; 6],
        serial_number: Some("935322072654".to_string()),
        playback: None,
        record: true,
        names: Vec::new(),
        cached: f64::NAN,
        part: PART,
        other: Some(PART),
        parts: vec![PART; 3],
        pair: [PART; 2],
        flat: Flat { level: 3 },
    }
}

/// What the check says to a sound configuration with one change.
fn refusal(change: impl FnOnce(&mut Config)) -> Option<String> {
    let mut config = sound();
    change(&mut config);
    config.validate().err().map(|error| error.to_string())
}

#[test]
fn a_sound_configuration_is_valid() {
    assert_eq!(sound().validate(), Ok(()));
    assert!(sound().flat.validate());
}

#[test]
fn bounds_hold_or_not_as_they_say() {
    assert_eq!(refusal(|config| config.share = 0.0), None);
    assert_eq!(refusal(|config| config.share = 1.0_f64.next_down()), None);
    let expected = "expected from 0 to below 1: all of it leaves nothing";
    for (share, value) in
        [(1.0, "1"), (-1e-9, "-0.000000001"), (f64::NAN, "NaN"), (f64::INFINITY, "inf")]
    {
        let message = refusal(|config| config.share = share);
        assert_eq!(message, Some(format!("share is {value}, {expected}")));
    }
    assert_eq!(refusal(|config| config.timeout_secs = 60.0), None);
    assert_eq!(refusal(|config| config.timeout_secs = f32::MIN_POSITIVE), None);
    for secs in [0.0, -1.0, 60.000_004, f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let message = refusal(|config| config.timeout_secs = secs);
        let expected = "expected above 0 and at most 60";
        assert_eq!(message, Some(format!("timeout_secs is {secs}, {expected}")));
    }
    assert_eq!(refusal(|config| config.epochs = 100_000), None);
    for epochs in [0, 100_001, usize::MAX] {
        let message = refusal(|config| config.epochs = epochs);
        let expected = "expected 1 or more (up to 100_000)";
        assert_eq!(message, Some(format!("epochs is {epochs}, {expected}")));
    }
}

#[test]
fn integers_may_use_their_whole_type() {
    for offset in [i64::MIN, -1, 0, i64::MAX] {
        assert_eq!(refusal(|config| config.offset = offset), None);
    }
    assert_eq!(refusal(|config| (config.retries, config.record) = (8, false)), None);
    assert_eq!(refusal(|config| config.retries = 9).unwrap(), "retries is 9, expected from 0 to 8");
}

#[test]
fn options_are_checked_where_they_are_given() {
    assert_eq!(refusal(|config| (config.max_hours, config.threads) = (None, None)), None);
    let message = refusal(|config| config.max_hours = Some(f64::NAN)).unwrap();
    assert_eq!(message, "max_hours is NaN, expected above 0 (up to 2000)");
    let message = refusal(|config| config.threads = NonZeroUsize::new(1025)).unwrap();
    assert_eq!(message, "threads is 1025, expected from 1 to 1024");
}

#[test]
fn a_function_decides_where_bounds_cannot() {
    assert_eq!(refusal(|config| config.depth = 34), None);
    for depth in [9, 20, 35] {
        let message = refusal(|config| config.depth = depth).unwrap();
        assert_eq!(message, format!("depth is {depth}, expected 10, 18 or 34"));
    }
    let message = refusal(|config| config.serial_number = Some("93 5".to_string())).unwrap();
    assert_eq!(message, "serial_number is \"93 5\", expected letters and digits");
}

#[test]
fn each_element_of_an_array_or_a_list_is_checked() {
    let message = refusal(|config| config.offset_mm[2] = f64::NAN).unwrap();
    assert_eq!(message, "offset_mm[2] is NaN, expected from -1000 to 1000");
    let message = refusal(|config| config.weights[1] = 1.5).unwrap();
    assert_eq!(message, "weights[1] is 1.5, expected from 0 to 1");
    let message = refusal(|config| config.weights.clear()).unwrap();
    assert_eq!(message, "weights is a list of 0, expected a list of 1 or more");
    let message = refusal(|config| config.weights = vec![0.5; 4]).unwrap();
    assert_eq!(message, "weights is a list of 4, expected a list of at most 3");
    let message = refusal(|config| config.names = vec![String::new(); 3]).unwrap();
    assert_eq!(message, "names is a list of 3, expected a list of at most 2");
}

#[test]
fn intervals_rise_and_stay_within_their_bounds() {
    assert_eq!(refusal(|config| config.start_m = [0.2, 0.2]), None);
    assert_eq!(refusal(|config| config.start_m = [-1.0, 1.0]), None);
    for start_m in [[0.4, 0.1], [-1.5, 0.0], [0.0, 1.5], [f64::NAN, 0.0], [0.0, f64::INFINITY]] {
        let message = refusal(|config| config.start_m = start_m).unwrap();
        let [least, most] = start_m;
        let expected = "expected two equal or rising numbers, each from -1 to 1";
        assert_eq!(message, format!("start_m is [{least}, {most}], {expected}"));
    }
    let message = refusal(|config| config.fence_m[1] = [0.5, 0.5]).unwrap();
    let expected = "expected two rising numbers, each from -2 to 2";
    assert_eq!(message, format!("fence_m[1] is [0.5, 0.5], {expected}"));
    let message = refusal(|config| config.joint_range_deg[5] = [90, -90]).unwrap();
    assert!(message.starts_with("joint_range_deg[5] is [90, -90], expected"), "{message}");
    let message = refusal(|config| config.joint_range_deg = vec![[0, 1]; 8]).unwrap();
    assert_eq!(message, "joint_range_deg is a list of 8, expected a list of at most 7");
}

#[test]
fn sections_name_the_whole_path_with_the_names_of_files() {
    let flat = Part { width_m: 0.0, ..PART };
    let expected = "expected above 0 and at most 0.2";
    for (message, path) in [
        (refusal(|config| config.part = flat), "part"),
        (refusal(|config| config.other = Some(flat)), "other"),
        (refusal(|config| config.parts[2] = flat), "parts[2]"),
        (refusal(|config| config.pair[1] = flat), "pair[1]"),
    ] {
        assert_eq!(message, Some(format!("{path}.breadth_m is 0, {expected}")));
    }
    assert_eq!(refusal(|config| config.other = None), None);
    let message = refusal(|config| config.parts = vec![PART; 5]).unwrap();
    assert_eq!(message, "parts is a list of 5, expected a list of at most 4");
    let message = refusal(|config| config.part.height_m = -0.1).unwrap();
    assert_eq!(message, format!("part.high_m is -0.1, {expected}"));
    let message = refusal(|config| config.part.color_count = 0).unwrap();
    assert_eq!(message, "part.color-count is 0, expected from 1 to 256");
    let message = refusal(|config| config.flat.level = 6).unwrap();
    assert_eq!(message, "level is 6, expected from 0 to 5");
    // Alone, a section names its own keys.
    assert_eq!(flat.validate().unwrap_err().key, "breadth_m");
}

#[test]
fn rules_between_keys_come_after_the_keys() {
    let message = refusal(|config| config.playback = Some("cell.db3".into())).unwrap();
    assert_eq!(message, "playback is given, expected none, because serial_number is given, too");
    assert_eq!(refusal(|config| config.retries = 8).unwrap(), "retries is 8, expected below 8");
    let message = refusal(|config| (config.retries, config.part.width_m) = (8, 0.0)).unwrap();
    assert!(message.starts_with("part.breadth_m"), "{message}");
    let error = Config { retries: 8, ..sound() }.check_keys("a.b").unwrap_err();
    assert_eq!(error.key, "a.b.retries");
}

#[test]
fn all_keys_are_described_in_their_order() {
    let keys = Config::keys();
    let shown: Vec<_> = keys
        .iter()
        .map(|key| (key.path.as_str(), key.kind.as_str(), key.range.as_deref().unwrap_or("-")))
        .collect();
    let part = |path: &str| {
        [("breadth_m", "number"), ("high_m", "number"), ("color-count", "whole number")]
            .map(|(name, kind)| (format!("{path}.{name}"), kind))
    };
    let parts: Vec<_> = ["part", "other", "parts[]", "pair[]"].into_iter().flat_map(part).collect();
    let mut expected = vec![
        ("share", "number", "from 0 to below 1: all of it leaves nothing"),
        ("timeout_secs", "number", "above 0 and at most 60"),
        ("retries", "whole number", "from 0 to 8"),
        ("offset", "whole number", "from -9.223372036854775808e18 to 9.223372036854775807e18"),
        ("epochs", "whole number", "1 or more (up to 100_000)"),
        ("max_hours", "number", "above 0 (up to 2000)"),
        ("threads", "whole number", "from 1 to 1024"),
        ("depth", "whole number", "10, 18 or 34"),
        ("offset_mm", "3 numbers", "from -1000 to 1000"),
        ("weights", "list of numbers", "from 0 to 1"),
        ("start_m", "interval of numbers", "two equal or rising numbers, each from -1 to 1"),
        ("fence_m", "3 intervals of numbers", "two rising numbers, each from -2 to 2"),
        (
            "joint_range_deg",
            "list of intervals of whole numbers",
            "two equal or rising numbers, each from -360 to 360",
        ),
        ("serial_number", "serial number", "letters and digits"),
        ("playback", "path", "-"),
        ("record", "true or false", "-"),
        ("names", "list of texts", "-"),
    ];
    for (path, kind) in &parts {
        let range = if *kind == "number" { "above 0 and at most 0.2" } else { "from 1 to 256" };
        expected.push((path, kind, range));
    }
    expected.push(("level", "whole number", "from 0 to 5"));
    assert_eq!(shown, expected);
    let of = |path: &str| keys.iter().find(|key| key.path == path).unwrap();
    assert_eq!(of("share").meaning, "A share (Sec. 3).");
    assert_eq!(of("max_hours").meaning, "Hours, see `Config::share`.");
    assert_eq!(of("offset_mm").meaning, "The tool's offset, in millimeters.");
    assert!(of("max_hours").is_optional && !of("share").is_optional);
}

#[test]
fn the_reward_states_its_ranges() {
    let shown = |key: &KeyDescription| format!("{}: {}", key.path, key.range.clone().unwrap());
    assert_eq!(
        RewardFunction::keys().iter().map(shown).collect::<Vec<_>>(),
        [
            "translation_scale_m: above 0 and at most 10: a positive length in meters (the paper's is 0.1)",
            "rotation_weight: from 0 to 1000: the paper's is 1",
        ]
    );
}
