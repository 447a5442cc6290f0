//! The configuration's keys and their ranges.

#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

use rmrl_clearance::{ClearanceConfig, HeldPlate};

#[test]
fn a_file_states_boxes_and_margins() {
    let text = r#"
        margin_m = 0.015
        table_m = -0.01

        [[keep_outs]]
        name = "reader"
        center_m = [0.5, 0.1, 0.1]
        size_m = [0.2, 0.3, 0.2]
        yaw_deg = 30.0
    "#;
    let config: ClearanceConfig = toml::from_str(text).unwrap();
    config.validate().unwrap();
    assert_eq!((config.margin_m, config.self_margin_m), (0.015, 0.01));
    assert_eq!(config.keep_outs[0].yaw_deg, 30.0);
    let again: ClearanceConfig = toml::from_str(&toml::to_string(&config).unwrap()).unwrap();
    assert_eq!(again, config);
}

#[test]
fn slips_are_refused_by_name() {
    for (text, named) in [
        ("margin = 0.01", "margin"),
        ("[[keep_outs]]\nname = \"a\"\ncenter_m = [0, 0, 0]\nsize_m = [1, 1, 1]\nyaw = 3", "yaw"),
    ] {
        let refused = toml::from_str::<ClearanceConfig>(text).unwrap_err().to_string();
        assert!(refused.contains(named), "{refused}");
    }
    let keep_out = |name: &str, size_m: f64| {
        format!(
            "[[keep_outs]]\nname = \"{name}\"\ncenter_m = [0, 0, 0]\nsize_m = [1, 1, {size_m:?}]"
        )
    };
    for (text, named) in [
        ("margin_m = 0.0".to_string(), "margin_m"),
        ("margin_m = 20.0".to_string(), "margin_m"),
        ("self_margin_m = 0.03".to_string(), "self_margin_m"),
        ("table_m = nan".to_string(), "table_m"),
        (keep_out("a", 0.0), "keep_outs[0].size_m[2]"),
        (keep_out("table", 1.0), "keep_outs[0].name"),
        (keep_out(" ", 1.0), "keep_outs[0].name"),
    ] {
        let config: ClearanceConfig = toml::from_str(&text).unwrap();
        let refused = config.validate().unwrap_err();
        assert!(refused.key.starts_with(named), "{refused}");
    }
}

#[test]
fn a_plate_states_its_size() {
    let text = "along_fingers_m = 0.12776\nacross_fingers_m = 0.08548\nheight_m = 0.0144\ngrip_height_m = 0.003";
    let plate: HeldPlate = toml::from_str(text).unwrap();
    plate.validate().unwrap();
    assert_eq!((plate.lid_m, plate.beyond_tips_m), (0.0, 0.0));
    assert!(HeldPlate { height_m: 0.0, ..plate }.validate().is_err());
}
