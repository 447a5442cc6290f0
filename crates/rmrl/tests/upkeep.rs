//! What documents and configurations say, held against what is there.

#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rmrl::{Layers, RunConfig};
use rmrl_cell::TaskKind;
use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Arrows between crates point down only, and the leaves do not know each other.
#[test]
fn crates_depend_on_each_other_as_the_architecture_says() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for package in metadata["packages"].as_array().unwrap() {
        let name = package["name"].as_str().unwrap().to_string();
        let ours = package["dependencies"]
            .as_array()
            .unwrap()
            .iter()
            .map(|dependency| dependency["name"].as_str().unwrap().to_string())
            .filter(|dependency| dependency.starts_with("rmrl"))
            .collect();
        found.insert(name, ours);
    }
    let leaves = [
        "rmrl-calibration",
        "rmrl-grounded-sam",
        "rmrl-realsense",
        "rmrl-sim",
        "rmrl-learn",
        "rmrl-data",
        "rmrl-operator",
        "rmrl-xarm",
    ];
    let mut allowed: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::from([
        ("rmrl-conv", BTreeSet::new()),
        ("rmrl-core", BTreeSet::new()),
        ("rmrl-operator", BTreeSet::new()),
        ("rmrl-vision", BTreeSet::from(["rmrl-core"])),
        ("rmrl-grounded-sam", BTreeSet::from(["rmrl-vision"])),
        ("rmrl-cell", BTreeSet::from(["rmrl-core", "rmrl-vision"])),
        ("rmrl-sim", BTreeSet::from(["rmrl-core", "rmrl-vision", "rmrl-cell"])),
        ("rmrl-learn", BTreeSet::from(["rmrl-conv", "rmrl-core"])),
        ("rmrl-data", BTreeSet::from(["rmrl-core"])),
        ("rmrl-calibration", BTreeSet::from(["rmrl-vision"])),
        ("rmrl-grounded-sam", BTreeSet::from(["rmrl-vision"])),
        ("rmrl-realsense", BTreeSet::from(["rmrl-vision", "rmrl-cell"])),
        ("rmrl-xarm", BTreeSet::from(["rmrl-core", "rmrl-cell"])),
    ]);
    allowed.insert("rmrl", allowed.keys().copied().collect());
    assert_eq!(
        found.keys().map(String::as_str).collect::<Vec<_>>(),
        allowed.keys().copied().collect::<Vec<_>>(),
        "a crate came or went: say here and in ARCHITECTURE.md where it stands"
    );
    for (name, dependencies) in &found {
        for dependency in dependencies {
            assert!(allowed[name.as_str()].contains(dependency.as_str()), "{name} -> {dependency}");
        }
        if name != "rmrl" {
            let leaf = dependencies.iter().find(|one| leaves.contains(&one.as_str()));
            assert_eq!(leaf, None, "{name} knows a leaf");
        }
    }
}

/// Everything between backticks and in links that looks like a path of this repository.
fn paths_in(text: &str) -> Vec<String> {
    let quoted = text.split('`').skip(1).step_by(2);
    let linked = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let is_ours = |word: &&str| {
        let first = word.split('/').next().unwrap_or_default();
        ["crates", "configs", "docs", "examples", "tools", ".ci"].contains(&first)
            && word.contains('/')
            || (word.ends_with(".md") && !word.contains(':'))
    };
    quoted.chain(linked).filter(is_ours).map(str::to_string).collect()
}

#[test]
fn documents_name_only_paths_that_exist() {
    for document in ["README.md", "ARCHITECTURE.md", "PARITY.md", "CONTRIBUTING.md", "CHANGELOG.md"]
    {
        let text = read(document);
        let paths = paths_in(&text);
        for path in &paths {
            let file = path.split("::").next().unwrap().split('#').next().unwrap();
            assert!(root().join(file).exists(), "{document} names {path}, which does not exist");
        }
        assert!(
            document != "ARCHITECTURE.md" || paths.len() > 30,
            "the code map has {}",
            paths.len()
        );
    }
    // Placeholders are filled in.
    let readme = read("README.md");
    let is_placeholder = |line: &&str| {
        line.contains('_') && line.chars().all(|c| c.is_ascii_uppercase() || c == '_')
    };
    assert_eq!(readme.lines().find(is_placeholder), None);
    // And the other way round: the code map leaves no crate out.
    for entry in fs::read_dir(root().join("crates")).unwrap() {
        let name = format!("crates/{}", entry.unwrap().file_name().to_string_lossy());
        assert!(read("ARCHITECTURE.md").contains(&name), "ARCHITECTURE.md does not name {name}");
    }
}

/// `path.rs::name` in PARITY.md is a function, type or test of that file.
#[test]
fn parity_names_functions_and_tests_that_exist() {
    let parity = read("PARITY.md");
    let mut checked = 0;
    for path in paths_in(&parity) {
        let Some((file, name)) = path.split_once("::") else { continue };
        let name = name.rsplit("::").next().unwrap();
        let code = read(file);
        let kinds = ["fn", "struct", "enum", "trait", "const", "type"];
        let defines = kinds.iter().any(|kind| {
            code.match_indices(&format!("{kind} {name}")).any(|(at, found)| {
                !code[at + found.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '_')
            })
        });
        assert!(defines, "PARITY.md names {path}, and {file} defines no {name}");
        checked += 1;
    }
    assert!(checked > 30, "only {checked} names");
    let (of_the_paper, _) = parity.split_once("## Beyond the paper").unwrap();
    for line in of_the_paper.lines().filter(|line| line.contains(".rs::")) {
        assert!(line.contains("MATCH") || line.contains("DIVERGENCE"), "no verdict: {line}");
    }
}

/// Every key of `whole` that `part` lacks, with its path.
fn missing_keys(whole: &toml::Table, part: &toml::Table, path: &str) -> Vec<String> {
    let mut missing = Vec::new();
    for (key, value) in whole {
        let path = format!("{path}{key}");
        match (value, part.get(key)) {
            (_, None) => missing.push(path),
            (toml::Value::Table(whole), Some(toml::Value::Table(part))) => {
                missing.extend(missing_keys(whole, part, &format!("{path}.")));
            }
            _ => {}
        }
    }
    missing
}

#[test]
fn the_configurations_are_the_defaults_they_say_they_are() {
    for task in TaskKind::ALL {
        let path = root().join(format!("configs/{task}.toml"));
        let config = Layers::default().with_file(&path).unwrap().resolve().unwrap();
        assert_eq!(config, RunConfig::for_task(task), "{task}");
    }
    let all: toml::Table = RunConfig::for_task(TaskKind::Table).to_toml().parse().unwrap();
    let shown: toml::Table = read("configs/table.toml").parse().unwrap();
    assert_eq!(missing_keys(&all, &shown, ""), Vec::<String>::new(), "table.toml shows all keys");
}

/// Each event in the table of decision 22 names the tests that show it, `file.rs::test`.
#[test]
fn the_tests_of_how_a_real_cell_is_kept_safe_exist() {
    let decision = read("docs/decisions/0022-how-a-real-cell-is-kept-safe.md");
    let folders = ["crates/rmrl/tests", "crates/rmrl-xarm/tests", "crates/rmrl-cell/src"];
    let rows = decision.lines().filter(|line| line.starts_with("| ") && !line.contains("| test |"));
    let mut events = 0;
    for row in rows {
        let tests = row.split('`').skip(1).step_by(2).filter_map(|word| word.split_once(".rs::"));
        let mut named = 0;
        for (file, test) in tests {
            let path = |folder: &&str| root().join(folder).join(format!("{file}.rs"));
            let file = folders.iter().map(path).find(|path| path.exists());
            let file = file.unwrap_or_else(|| panic!("{row} names a file that does not exist"));
            let code = fs::read_to_string(&file).unwrap();
            assert!(code.contains(&format!("fn {test}()")), "{row} names no test");
            named += 1;
        }
        assert!(named > 0, "{row} names no test");
        events += 1;
    }
    assert!(events > 20, "{events} events");
}
