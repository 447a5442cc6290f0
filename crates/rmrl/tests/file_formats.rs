//! The page of file formats and its schemas, held against the files of real runs and of a laboratory, and against the source.

#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

mod binary;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use binary::{json, rmrl, small};
use serde_json::{Map, Value};

/// Files by how their names begin and end, with their schema.
const FILES: [(&str, &str, &str); 14] = [
    ("trials", ".jsonl", "trial"),
    ("simulator", ".jsonl", "world"),
    ("target", ".json", "target"),
    ("run", ".json", "run"),
    ("camera", ".toml", "camera"),
    ("belief", ".json", "belief"),
    ("policy", ".safetensors", "policy"),
    ("trial-", ".safetensors", "checkpoint"),
    ("journal-", ".jsonl", "inventory-event"),
    ("snapshot", ".json", "inventory-snapshot"),
    ("transfers", ".jsonl", "transfer"),
    ("knowledge", ".json", "knowledge"),
    ("policies", ".json", "policies"),
    ("simulated-laboratory", ".json", "simulated-laboratory"),
];

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").canonicalize().unwrap()
}

fn page() -> String {
    fs::read_to_string(docs().join("file-formats.md")).unwrap()
}

fn schema(name: &str) -> Value {
    let path = docs().join(format!("schemas/{name}.json"));
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// What does not fit: the part of JSON Schema that these schemas use. A keyword that is not here ends the test.
fn misfit(value: &Value, schema: &Value, root: &Value, at: &str) -> Option<String> {
    let of = |key: &str| schema.get(key);
    let number = |key: &str| of(key).and_then(Value::as_f64);
    let is_kind = |kind: &str| match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        other => panic!("{at}: the schema has the type {other}"),
    };
    for (keyword, argument) in schema.as_object().unwrap() {
        let long = |text: &str| text.chars().count() as f64;
        let fits = match keyword.as_str() {
            // Patterns are for the Python check.
            "$schema" | "title" | "description" | "$defs" | "pattern" | "properties" => true,
            "type" => is_kind(argument.as_str().unwrap()),
            "const" => value == argument,
            "enum" => argument.as_array().unwrap().contains(value),
            "minimum" => value.as_f64().is_none_or(|one| one >= number("minimum").unwrap()),
            "maximum" => value.as_f64().is_none_or(|one| one <= number("maximum").unwrap()),
            "exclusiveMinimum" => value.as_f64().is_none_or(|one| one > argument.as_f64().unwrap()),
            "exclusiveMaximum" => value.as_f64().is_none_or(|one| one < argument.as_f64().unwrap()),
            "minLength" => value.as_str().is_none_or(|one| long(one) >= argument.as_f64().unwrap()),
            "maxLength" => value.as_str().is_none_or(|one| long(one) <= argument.as_f64().unwrap()),
            "minItems" => {
                value.as_array().is_none_or(|all| all.len() as u64 >= argument.as_u64().unwrap())
            }
            "maxItems" => {
                value.as_array().is_none_or(|all| all.len() as u64 <= argument.as_u64().unwrap())
            }
            "required" => value.as_object().is_none_or(|all| {
                argument
                    .as_array()
                    .unwrap()
                    .iter()
                    .all(|key| all.contains_key(key.as_str().unwrap()))
            }),
            "anyOf" => {
                let all = argument.as_array().unwrap();
                all.iter().any(|one| misfit(value, one, root, at).is_none())
            }
            "$ref" => {
                let name = argument.as_str().unwrap().rsplit('/').next().unwrap();
                return misfit(value, &root["$defs"][name], root, at);
            }
            "items" => {
                let inner = value.as_array().into_iter().flatten().enumerate();
                let mut wrong =
                    inner.filter_map(|(n, one)| misfit(one, argument, root, &format!("{at}[{n}]")));
                match wrong.next() {
                    Some(wrong) => return Some(wrong),
                    None => true,
                }
            }
            "additionalProperties" => {
                let empty = Map::new();
                let known = of("properties").and_then(Value::as_object).unwrap_or(&empty);
                for (key, one) in value.as_object().into_iter().flatten() {
                    let at = format!("{at}.{key}");
                    let wrong = match (known.get(key), argument) {
                        (Some(inner), _) => misfit(one, inner, root, &at),
                        (None, Value::Bool(false)) => Some(format!("{at} is not described")),
                        (None, inner) => misfit(one, inner, root, &at),
                    };
                    if wrong.is_some() {
                        return wrong;
                    }
                }
                true
            }
            other => panic!("{at}: this test does not know the keyword {other}"),
        };
        if !fits {
            return Some(format!("{at} is {value}, expected {keyword} {argument}"));
        }
    }
    None
}

/// What a file says: its lines, or all of it.
fn parts(path: &Path) -> Vec<Value> {
    let bytes = fs::read(path).unwrap();
    match path.extension().and_then(|extension| extension.to_str()).unwrap() {
        "jsonl" => {
            let text = String::from_utf8(bytes).unwrap();
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
        }
        "toml" => vec![toml::from_slice(&bytes).unwrap()],
        "safetensors" => {
            let (length, rest) = bytes.split_first_chunk::<8>().unwrap();
            let header = &rest[..u64::from_le_bytes(*length) as usize];
            let header: Value = serde_json::from_slice(header).unwrap();
            let entry = header["__metadata__"]["rmrl"].as_str().unwrap();
            vec![serde_json::from_str(entry).unwrap()]
        }
        _ => vec![serde_json::from_slice(&bytes).unwrap()],
    }
}

/// Every file in a folder and in those that it has.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let of = |path: PathBuf| if path.is_dir() { files(&path) } else { vec![path] };
    entries.flat_map(of).collect()
}

/// Two runs, a laboratory in which a plate was carried, and a policy that was offered there.
fn real_files(dir: &Path) {
    json(small(dir, &["train", "--trials", "6", "--out", "run"]).args(["--set", "seed=3"]));
    let calibrates = ["train", "--method", "self-calibration", "--trials", "3"];
    json(small(dir, &calibrates).args(["--out", "calibrated"]));
    let config = docs().join("../configs/laboratory.toml");
    let inventory = format!("inventory.dir=\"{}\"", dir.join("inventory").display());
    let there = ["--config", config.to_str().unwrap(), "--set", &inventory];
    json(rmrl(dir, &["cell", "transfer", "hotel:1", "reader", "--json"]).args(there));
    json(rmrl(dir, &["cell", "transfer", "reader", "bench", "--json"]).args(there));
    json(rmrl(dir, &["policy", "use", "run", "bench", "reader"]).args(there));
}

#[test]
fn files_of_runs_and_laboratories_are_as_the_schemas_say() {
    let folder = tempfile::tempdir().unwrap();
    real_files(folder.path());
    let mut checked = BTreeSet::new();
    for path in files(folder.path()) {
        let name = path.file_name().unwrap().to_str().unwrap();
        let found = FILES.iter().find(|(begin, end, _)| {
            name.strip_prefix(begin).is_some_and(|rest| rest.ends_with(end))
        });
        let Some((_, _, schema_name)) = found else { continue };
        let root = schema(schema_name);
        for part in parts(&path) {
            assert_eq!(misfit(&part, &root, &root, name), None);
            // A key more or less is noticed.
            let mut more = part.clone();
            more["nobody_knows"] = Value::from(1);
            assert!(misfit(&more, &root, &root, name).is_some(), "{name}");
            for key in root["required"].as_array().into_iter().flatten() {
                let mut less = part.clone();
                less.as_object_mut().unwrap().remove(key.as_str().unwrap());
                assert!(misfit(&less, &root, &root, name).is_some(), "{name} without {key}");
            }
        }
        checked.insert(*schema_name);
    }
    // A snapshot is made after 256 events; the inventory's own tests make them.
    let expected: BTreeSet<&str> = FILES
        .iter()
        .map(|(_, _, name)| *name)
        .filter(|name| *name != "inventory-snapshot")
        .collect();
    assert_eq!(checked, expected);

    // Every file that is there is on the page.
    let page = page();
    for path in files(folder.path()) {
        let inside = path.strip_prefix(folder.path()).unwrap();
        let name = inside.file_name().unwrap().to_str().unwrap();
        let is_shown = page.contains(&format!("`{name}`"))
            || ["images", "checkpoints"].iter().any(|one| inside.iter().any(|part| part == *one))
            || name.starts_with("journal-");
        assert!(is_shown, "docs/file-formats.md does not name {}", inside.display());
    }
}

/// The keys of a schema and of everything in it.
fn keys(schema: &Value, found: &mut BTreeSet<String>) {
    match schema {
        Value::Object(map) => {
            for (key, inner) in map {
                if key == "properties" {
                    found.extend(inner.as_object().unwrap().keys().cloned());
                }
                keys(inner, found);
            }
        }
        Value::Array(all) => all.iter().for_each(|one| keys(one, found)),
        _ => {}
    }
}

#[test]
fn every_key_of_a_schema_is_on_the_page_and_in_the_source() {
    let page = page();
    let mut source = String::new();
    for path in files(&docs().join("../crates")) {
        let is_source = path.iter().any(|part| part == "src");
        if is_source && path.extension().is_some_and(|extension| extension == "rs") {
            source.push_str(&fs::read_to_string(path).unwrap());
        }
    }
    let words: BTreeSet<&str> =
        source.split(|one: char| !one.is_alphanumeric() && one != '_').collect();
    let mut checked = 0;
    for path in files(&docs().join("schemas")) {
        let name = path.file_stem().unwrap().to_str().unwrap();
        assert!(FILES.iter().any(|(_, _, one)| *one == name), "{name} is of no file");
        assert!(page.contains(&format!("<!-- table {name} -->")), "{name} is not on the page");
        let mut found = BTreeSet::new();
        keys(&schema(name), &mut found);
        for key in &found {
            let on_page =
                [format!("`{key}`"), format!(".{key}`"), format!("`{key}."), format!(".{key}.")];
            let on_page =
                on_page.iter().any(|one| page.contains(one)) || page.contains(&format!("{key}[]"));
            assert!(
                on_page,
                "{key} of {name} is not on the page; run tools/file_formats.py --write"
            );
            assert!(words.contains(key.as_str()), "{key} of {name} is in no source");
        }
        checked += found.len();
    }
    assert!(checked > 200, "only {checked} keys were checked");
}
