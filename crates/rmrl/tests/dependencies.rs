//! Licenses, sources and banned crates of what this project depends on, by the lists of deny.toml.
//!
//! `cargo deny` knows more, such as the texts of licenses and advisories. This test needs no program besides cargo,
//! and looks at the crates for this platform, which are on this computer.

#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use toml::Table;

fn root() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn rules() -> Table {
    std::fs::read_to_string(root().join("deny.toml")).unwrap().parse().unwrap()
}

/// All packages that cargo would build here, without optional features, whose crates may not be on this computer.
fn packages() -> Vec<Value> {
    let platform = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--offline"])
        .args(["--filter-platform", &platform])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

fn texts<'a>(list: &'a toml::Value, key: Option<&str>) -> Vec<&'a str> {
    let text = |entry: &'a toml::Value| match key {
        Some(key) => entry[key].as_str().unwrap(),
        None => entry.as_str().unwrap(),
    };
    list.as_array().unwrap().iter().map(text).collect()
}

/// Whether a license expression can be met with the allowed licenses: alternatives of parts of names. A slash is an
/// older way to write `OR`.
fn is_met(expression: &str, allowed: &[&str]) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = words.as_slice();
    let met = alternatives(&mut rest, allowed);
    assert!(rest.is_empty(), "{expression:?} is no license expression");
    met
}

fn alternatives(words: &mut &[&str], allowed: &[&str]) -> bool {
    let mut met = parts(words, allowed);
    while let Some(("OR", rest)) = words.split_first().map(|(word, rest)| (*word, rest)) {
        *words = rest;
        met |= parts(words, allowed);
    }
    met
}

fn parts(words: &mut &[&str], allowed: &[&str]) -> bool {
    let mut met = name(words, allowed);
    while let Some(("AND", rest)) = words.split_first().map(|(word, rest)| (*word, rest)) {
        *words = rest;
        met &= name(words, allowed);
    }
    met
}

fn name(words: &mut &[&str], allowed: &[&str]) -> bool {
    let (first, rest) = words.split_first().expect("a license expression ends too early");
    *words = rest;
    if *first == "(" {
        let met = alternatives(words, allowed);
        let (close, rest) = words.split_first().expect("a bracket is open");
        assert_eq!(*close, ")");
        *words = rest;
        return met;
    }
    match **words {
        ["WITH", exception, ..] => {
            *words = &words[2..];
            allowed.contains(&format!("{first} WITH {exception}").as_str())
        }
        _ => allowed.contains(first),
    }
}

#[test]
fn license_expressions_are_read_as_they_are_meant() {
    let allowed = ["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"];
    for (expression, met) in [
        ("MIT", true),
        ("GPL-3.0", false),
        ("GPL-3.0 OR MIT", true),
        ("GPL-3.0/MIT", true),
        ("GPL-3.0 AND MIT", false),
        ("(GPL-3.0 OR MIT) AND ISC", true),
        ("(GPL-3.0 OR MIT) AND Zlib", false),
        ("Apache-2.0 WITH LLVM-exception", true),
        ("Apache-2.0", false),
        ("MIT OR GPL-3.0 AND GPL-2.0", true),
    ] {
        assert_eq!(is_met(expression, &allowed), met, "{expression}");
    }
}

#[test]
fn every_dependency_has_an_allowed_license_and_source_and_none_is_banned() {
    let (rules, packages) = (rules(), packages());
    let licenses = &rules["licenses"];
    let allowed = texts(&licenses["allow"], None);
    let mut more: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for exception in licenses["exceptions"].as_array().unwrap() {
        more.insert(exception["crate"].as_str().unwrap(), texts(&exception["allow"], None));
    }
    let clarified: BTreeMap<&str, &str> = licenses["clarify"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["crate"].as_str().unwrap(), one["expression"].as_str().unwrap()))
        .collect();
    let registries = texts(&rules["sources"]["allow-registry"], None);
    let banned = texts(&rules["bans"]["deny"], Some("crate"));
    let mut faults = Vec::new();
    for package in &packages {
        let name = package["name"].as_str().unwrap();
        let license = package["license"].as_str().or_else(|| clarified.get(name).copied());
        let own: Vec<&str> =
            allowed.iter().chain(more.get(name).into_iter().flatten()).copied().collect();
        if !license.is_some_and(|license| is_met(license, &own)) {
            faults.push(format!("{name}: the license {license:?} is not allowed"));
        }
        // What has no source is in this repository.
        let source =
            package["source"].as_str().map(|source| source.trim_start_matches("registry+"));
        if source.is_some_and(|source| !registries.contains(&source)) {
            faults.push(format!("{name}: the source {source:?} is not allowed"));
        }
        if banned.contains(&name) {
            faults.push(format!("{name} is banned"));
        }
    }
    assert!(packages.len() > 300, "only {} packages were found", packages.len());
    assert_eq!(faults, Vec::<String>::new(), "see deny.toml");
}
