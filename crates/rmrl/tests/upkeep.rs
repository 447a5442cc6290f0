//! What documents and configurations say, held against what is there.

#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rmrl::{Layers, RunConfig};
use rmrl_cell::TaskKind;
use rmrl_sim::CellDistribution;
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
            // Tests may use the simulated cell.
            .filter(|dependency| dependency["kind"].is_null())
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
        "rmrl-lerobot",
        "rmrl-operator",
        "rmrl-transfer",
        "rmrl-xarm",
    ];
    let mut allowed: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::from([
        ("rmrl-conv", BTreeSet::new()),
        ("rmrl-config-derive", BTreeSet::new()),
        ("rmrl-files", BTreeSet::new()),
        ("rmrl-inventory", BTreeSet::from(["rmrl-files"])),
        ("rmrl-core", BTreeSet::from(["rmrl-config-derive"])),
        ("rmrl-operator", BTreeSet::new()),
        ("rmrl-vision", BTreeSet::from(["rmrl-core", "rmrl-files"])),
        ("rmrl-cell", BTreeSet::from(["rmrl-core", "rmrl-vision"])),
        ("rmrl-belief", BTreeSet::from(["rmrl-core"])),
        ("rmrl-kinematics", BTreeSet::from(["rmrl-core", "rmrl-cell"])),
        ("rmrl-labware", BTreeSet::from(["rmrl-core", "rmrl-files"])),
        ("rmrl-clearance", BTreeSet::from(["rmrl-core", "rmrl-cell", "rmrl-kinematics"])),
        ("rmrl-sim", BTreeSet::from(["rmrl-core", "rmrl-vision", "rmrl-cell", "rmrl-kinematics"])),
        ("rmrl-learn", BTreeSet::from(["rmrl-belief", "rmrl-conv", "rmrl-core", "rmrl-files"])),
        ("rmrl-data", BTreeSet::from(["rmrl-core", "rmrl-files"])),
        ("rmrl-lerobot", BTreeSet::from(["rmrl-core", "rmrl-data", "rmrl-files"])),
        ("rmrl-calibration", BTreeSet::from(["rmrl-core", "rmrl-vision"])),
        ("rmrl-grounded-sam", BTreeSet::from(["rmrl-core", "rmrl-files", "rmrl-vision"])),
        ("rmrl-onnx", BTreeSet::from(["rmrl-core", "rmrl-learn", "rmrl-vision"])),
        ("rmrl-realsense", BTreeSet::from(["rmrl-core", "rmrl-vision", "rmrl-cell"])),
        (
            "rmrl-transfer",
            BTreeSet::from([
                "rmrl-belief",
                "rmrl-cell",
                "rmrl-core",
                "rmrl-files",
                "rmrl-inventory",
                "rmrl-labware",
                "rmrl-vision",
            ]),
        ),
        ("rmrl-xarm", BTreeSet::from(["rmrl-core", "rmrl-cell", "rmrl-kinematics"])),
    ]);
    allowed.insert("rmrl", allowed.keys().copied().collect());
    allowed.insert("rmrl-python", BTreeSet::from(["rmrl"]));
    assert_eq!(
        found.keys().map(String::as_str).collect::<Vec<_>>(),
        allowed.keys().copied().collect::<Vec<_>>(),
        "a crate came or went: say here and in ARCHITECTURE.md where it stands"
    );
    for (name, dependencies) in &found {
        for dependency in dependencies {
            assert!(allowed[name.as_str()].contains(dependency.as_str()), "{name} -> {dependency}");
        }
        // A model of a policy knows policies.
        if !["rmrl", "rmrl-onnx"].contains(&name.as_str()) {
            let leaf = dependencies.iter().find(|one| leaves.contains(&one.as_str()));
            assert_eq!(leaf, None, "{name} knows a leaf");
        }
    }
}

/// Files that commands and readers make; this repository has none of them.
const MADE_BY_USERS: [&str; 33] = [
    // In a run's directory.
    "RUN/camera.toml",
    "belief.json",
    "camera.toml",
    "config.toml",
    "encoder.safetensors",
    "metrics.csv",
    "policy.safetensors",
    "pretrained.safetensors",
    "report.html",
    "run.json",
    "simulator.jsonl",
    "target.json",
    "trials.jsonl",
    // In the folder of a laboratory.
    "knowledge.json",
    "policies.json",
    "simulated-laboratory.json",
    "snapshot.json",
    "transfers.jsonl",
    // Of a log of `rmrl_robot.method`.
    "method.json",
    // Of a LeRobot dataset.
    "meta/stats.json",
    "rmrl/export.json",
    // Of a reproduction.
    "reproduction.html",
    "greedy.csv",
    "results.csv",
    "tables.md",
    // Of a recording.
    "frames.csv",
    // Of a calibration.
    "overhead.toml",
    "pairs.csv",
    "poses.csv",
    // Of a reader.
    "bench/.venv",
    "models/grounding-dino/tokenizer.json",
    "tokenizer.json",
    "my-cell.toml",
];

/// Where paths of this repository begin.
const TOP_FOLDERS: [&str; 7] = ["crates", "configs", "docs", "examples", "tools", "bench", ".ci"];

const EXTENSIONS: [&str; 14] = [
    "rs",
    "md",
    "toml",
    "py",
    "sh",
    "json",
    "jsonl",
    "html",
    "css",
    "js",
    "csv",
    "svg",
    "png",
    "safetensors",
];

/// All Markdown documents, from the repository's root.
fn documents() -> Vec<String> {
    let mut folders = vec![root()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let is_hidden = name.starts_with('.') && name != ".ci";
            if path.is_dir() && !is_hidden && name != "target" && name != "runs" {
                folders.push(path);
            } else if name.ends_with(".md") {
                found.push(path.strip_prefix(root()).unwrap().to_string_lossy().into_owned());
            }
        }
    }
    found.sort();
    found
}

/// A path in a document.
#[derive(Debug)]
struct NamedPath {
    path: String,
    is_link: bool,
}

/// Every path in a Markdown text: the targets of links, words between backticks that have a known extension or
/// begin with one of this repository's folders, and such words in blocks of code if they begin with a folder.
fn paths_in(text: &str) -> Vec<NamedPath> {
    let mut found = Vec::new();
    for (number, part) in text.split("```").enumerate() {
        if number % 2 == 1 {
            let words = part.split_whitespace().filter(|word| begins_with_folder(word));
            found.extend(words.filter_map(path_of));
            continue;
        }
        let targets = part.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        let targets = targets.filter(|target| !target.contains(':') && !target.starts_with('#'));
        let of_link = |path: &str| NamedPath { path: path.to_string(), is_link: true };
        found.extend(targets.map(of_link));
        let quoted = part.split('`').skip(1).step_by(2);
        found.extend(quoted.flat_map(str::split_whitespace).filter_map(path_of));
    }
    found
}

fn begins_with_folder(word: &str) -> bool {
    word.split_once('/').is_some_and(|(first, _)| TOP_FOLDERS.contains(&first))
}

/// The path in a word, with what may follow it after `::`. Addresses, patterns and placeholders are no paths.
fn path_of(word: &str) -> Option<NamedPath> {
    let word = word.rsplit('=').next().unwrap_or(word);
    let word = word.trim_matches(|c: char| !c.is_alphanumeric() && !"./_-".contains(c));
    let word = word.trim_end_matches('.');
    let (path, _) = word.split_once("::").unwrap_or((word, ""));
    let is_name = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    let extension = path.rsplit_once('.').map_or("", |(_, extension)| extension);
    let is_path = EXTENSIONS.contains(&extension) && !path.starts_with('.');
    let is_ours = path.chars().all(is_name) && !path.starts_with('/');
    ((is_path || begins_with_folder(path)) && is_ours)
        .then(|| NamedPath { path: word.to_string(), is_link: false })
}

/// Whether a path leads to a file: from the document's own folder or, except for links, from the repository's
/// root. A folder that holds no file is no path: a clone does not have it.
fn exists(document: &str, named: &NamedPath) -> bool {
    let file = named.path.split("::").next().unwrap().split('#').next().unwrap();
    let here = root().join(document).parent().unwrap().join(file);
    holds_a_file(&here) || !named.is_link && holds_a_file(&root().join(file))
}

fn holds_a_file(path: &Path) -> bool {
    match fs::read_dir(path) {
        Ok(mut entries) => entries.any(|entry| holds_a_file(&entry.unwrap().path())),
        Err(_) => path.is_file(),
    }
}

#[test]
fn documents_name_only_paths_that_exist() {
    let (mut wrong, mut checked, mut made) = (Vec::new(), 0, BTreeSet::new());
    for document in documents() {
        for named in paths_in(&read(&document)) {
            checked += 1;
            // `the_tests_of_how_a_real_cell_is_kept_safe_exist` looks for these.
            let is_test = named.path.contains(".rs::") && !named.path.contains('/');
            if exists(&document, &named) || is_test {
                continue;
            }
            match MADE_BY_USERS.iter().find(|file| **file == named.path && !named.is_link) {
                Some(file) => drop(made.insert(*file)),
                None => wrong.push(format!("{document}: {}", named.path)),
            }
        }
    }
    assert!(wrong.is_empty(), "{} paths do not exist:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(made, BTreeSet::from(MADE_BY_USERS), "these are named no longer");
    assert!(checked > 300, "only {checked} paths were found");
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
    for named in paths_in(&parity) {
        let path = named.path;
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
    let exact = root().join("configs/exact-arm.toml");
    let config = Layers::default().with_file(&exact).unwrap().resolve().unwrap();
    let mut expected = RunConfig::for_task(TaskKind::Table);
    expected.simulation.cells = CellDistribution::EXACT_ARM;
    assert_eq!(config, expected, "exact-arm.toml");
    // Its comments come from where the keys are declared, as errors and `--help` do.
    let printed = Command::new(env!("CARGO_BIN_EXE_rmrl")).arg("config").output().unwrap();
    let table = read("configs/table.toml");
    let (_, keys) = table.split_once("\n\n").unwrap();
    let advice = "write its head and the output of `rmrl config` into configs/table.toml";
    assert_eq!(keys, String::from_utf8(printed.stdout).unwrap(), "{advice}");
    let all: toml::Table = RunConfig::for_task(TaskKind::Table).to_toml().parse().unwrap();
    let shown: toml::Table = table.parse().unwrap();
    assert_eq!(missing_keys(&all, &shown, ""), Vec::<String>::new(), "table.toml shows all keys");
}

/// Each event in the table of decision 22 names the tests that show it, `file.rs::test`.
#[test]
fn the_tests_of_how_a_real_cell_is_kept_safe_exist() {
    let decision = read("docs/decisions/0022-how-a-real-cell-is-kept-safe.md");
    let folders = [
        "crates/rmrl/tests",
        "crates/rmrl-xarm/tests",
        "crates/rmrl-cell/src",
        "crates/rmrl-cell/src/safety",
    ];
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
