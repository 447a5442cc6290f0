//! Today's commands report, evaluate, localize and resume the runs of an earlier version.
//! `fixtures/runs-0.1-8be983f/README.md` describes these.

#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

mod binary;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use binary::{copy_folder, json, rmrl, stderr, stdout};
use rmrl_data::CLOCK_KEYS;
use serde_json::Value;

/// A run that a crash interrupts.
struct Earlier {
    name: &'static str,
    /// How many lines of its log the crash leaves. Its checkpoint, if there is one, was made after the last of them.
    lines_left: usize,
}

const fn earlier(name: &'static str, lines_left: usize) -> Earlier {
    Earlier { name, lines_left }
}

/// Runs in a simulated cell that can be resumed.
const RESUMED: [Earlier; 11] = [
    earlier("rm-rl", 2),
    earlier("replay-similarity", 6),
    earlier("reinforce", 6),
    earlier("ppo-rm-rl", 6),
    earlier("actor-critic", 6),
    earlier("hindsight", 10),
    earlier("pretrained", 3),
    earlier("constant-shelf", 3),
    earlier("random-drift", 2),
    earlier("oracle", 2),
    earlier("fault", 5),
];

/// Keys of the log that have another name today.
const RENAMED: [(&str, &str); 1] = [("whereabouts", "plate_location")];

/// Far above what another processor rounds otherwise, far below any change of a trial.
const TOLERANCE: f64 = 1e-6;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/runs-0.1-8be983f")
}

/// A copy of a run, as `run` in a folder of its own.
fn copy_of(name: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    copy_folder(&fixtures().join(name), &dir.path().join("run"));
    dir
}

fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Keeps the first lines of a file.
fn cut(path: &Path, lines: usize) {
    let text = fs::read_to_string(path).unwrap();
    fs::write(path, text.split_inclusive('\n').take(lines).collect::<String>()).unwrap();
}

/// A line of a log by today's names, without its version, what later versions add and what a clock decides.
fn by_todays_names(mut record: Value) -> Value {
    let fields = record.as_object_mut().unwrap();
    for (old, new) in RENAMED {
        if let Some(value) = fields.remove(old) {
            fields.insert(new.to_string(), value);
        }
    }
    // Since version 3.
    let added = ["carries", "place_pose", "plate_seen", "put_by_person"];
    for key in ["schema"].iter().chain(&added).chain(&CLOCK_KEYS) {
        fields.remove(*key);
    }
    record
}

/// Where two values differ; numbers by more than the tolerance.
fn difference(expected: &Value, found: &Value) -> Option<String> {
    let differ = || Some(format!(": {expected}, now {found}"));
    match (expected, found) {
        (Value::Number(one), Value::Number(other)) => {
            let off = (one.as_f64().unwrap() - other.as_f64().unwrap()).abs();
            if off < TOLERANCE { None } else { differ() }
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            let mut pairs = one.iter().zip(other).enumerate();
            pairs.find_map(|(at, (one, other))| Some(format!("[{at}]{}", difference(one, other)?)))
        }
        (Value::Object(one), Value::Object(other)) => {
            let added = other.keys().find(|key| !one.contains_key(*key));
            if let Some(key) = added {
                return Some(format!(".{key} is new"));
            }
            one.iter().find_map(|(key, value)| {
                let found = other.get(key).unwrap_or(&Value::Null);
                Some(format!(".{key}{}", difference(value, found)?))
            })
        }
        _ if expected == found => None,
        _ => differ(),
    }
}

fn assert_same(name: &str, expected: &[Value], found: &[Value]) {
    assert_eq!(expected.len(), found.len(), "{name}");
    for (line, (expected, found)) in expected.iter().zip(found).enumerate() {
        let [expected, found] = [expected, found].map(|line| by_todays_names(line.clone()));
        let difference = difference(&expected, &found);
        assert_eq!(difference, None, "{name}, line {}", line + 1);
    }
}

/// The numbers of all tensors of a `.safetensors` file, in the file's order.
fn weights(path: &Path) -> Vec<f32> {
    let bytes = fs::read(path).unwrap();
    let header = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let words = bytes[8 + header..].chunks_exact(4);
    words.map(|word| f32::from_le_bytes(word.try_into().unwrap())).collect()
}

#[test]
fn they_are_resumed_and_make_the_trials_that_they_made() {
    for Earlier { name, lines_left } in RESUMED {
        let dir = copy_of(name);
        let run = dir.path().join("run");
        let expected = lines(&run.join("trials.jsonl"));
        cut(&run.join("trials.jsonl"), lines_left);
        cut(&run.join("simulator.jsonl"), lines_left + 1);
        let policy = run.join("policy.safetensors");
        let learned = policy.exists().then(|| weights(&policy));
        let _ = fs::remove_file(&policy);

        let output = rmrl(dir.path(), &["train", "--resume", "run"]).output().unwrap();
        assert!(output.status.success(), "{name}: {}", stderr(&output));
        let trials = |records: Vec<Value>| -> Vec<Value> {
            records.into_iter().map(by_todays_names).collect()
        };
        let found = lines(&run.join("trials.jsonl"));
        assert!(expected.len() > lines_left, "{name}");
        assert_same(name, &trials(expected), &trials(found));
        let world = lines(&fixtures().join(name).join("simulator.jsonl"));
        assert_same(name, &world, &lines(&run.join("simulator.jsonl")));
        if let Some(learned) = learned {
            let again = weights(&policy);
            assert_eq!(learned.len(), again.len(), "{name}");
            let off = learned.iter().zip(&again).map(|(one, other)| (one - other).abs());
            assert!(off.fold(0.0, f32::max) < 1e-4, "{name} learns something else");
        }
    }
}

#[test]
fn they_are_reported() {
    for name in RESUMED.iter().map(|earlier| earlier.name).chain(["emulated"]) {
        let dir = copy_of(name);
        let output = rmrl(dir.path(), &["report", "run"]).output().unwrap();
        assert!(output.status.success(), "{name}: {}", stderr(&output));
        let report = fs::read_to_string(dir.path().join("run/report.html")).unwrap();
        assert!(report.contains("<svg"), "{name}");
    }
}

/// `evaluation.json` is what the earlier version printed. It took the mean of the depth, whatever it was.
#[test]
fn their_policies_are_evaluated_as_they_were() {
    for name in ["rm-rl", "replay-similarity", "hindsight", "pretrained", "constant-shelf"] {
        let dir = copy_of(name);
        let expected = fs::read_to_string(dir.path().join("run/evaluation.json")).unwrap();
        let config = dir.path().join("run/config.toml");
        let text = fs::read_to_string(&config).unwrap();
        let section = "[vision.localizer]\n";
        assert!(text.contains(section), "{text}");
        fs::write(&config, text.replace(section, &format!("{section}depth = \"mean\"\n"))).unwrap();
        let mut found = json(&mut rmrl(dir.path(), &["eval", "run", "--trials", "2"]));
        assert!(found.as_object_mut().unwrap().remove("next").is_some(), "{name}");
        assert_same(name, &[serde_json::from_str(&expected).unwrap()], &[found]);
    }
}

#[test]
fn their_frames_are_localized_where_they_were() {
    for name in ["rm-rl", "emulated"] {
        let dir = copy_of(name);
        let output = rmrl(dir.path(), &["localize", "--run", "run", "--json"]).output().unwrap();
        assert!(output.status.success(), "{name}: {}", stderr(&output));
        let text = stdout(&output);
        let found: Vec<Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert!(found.len() >= 4, "{name}: {} frames", found.len());
        for line in &found {
            let off_m = line["found"]["from_logged_m"].as_f64().unwrap();
            assert!(off_m < TOLERANCE, "{name}: {line}");
        }
    }
}

/// An emulated arm with its camera and operator, by the configuration of a run. It ends with the test.
struct Emulator(Child);

impl Drop for Emulator {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Emulator {
    /// Starts it, and writes its addresses into the configuration under the names of then.
    fn start(dir: &Path, config: &Path) -> Self {
        let mut command = rmrl(dir, &["xarm", "emulate", "--speed", "0", "--config"]);
        command.arg(config).args(["--port", "0", "--report-port", "0", "--real-time-port", "0"]);
        command.args(["--cell", "127.0.0.1:0"]).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut emulator = Self(command.spawn().unwrap());
        let mut line = String::new();
        BufReader::new(emulator.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let listening: Value = serde_json::from_str(&line).unwrap();
        let port =
            |address: &Value| address.as_str().unwrap().rsplit_once(':').unwrap().1.to_string();

        let text = fs::read_to_string(config).unwrap();
        let mut table: toml::Table = text.parse().unwrap();
        let arm = table["xarm"].as_table_mut().unwrap();
        for (key, address) in
            [("control_port", &listening["control"]), ("report_port", &listening["reports"][1])]
        {
            arm.insert(key.to_string(), port(address).parse::<i64>().unwrap().into());
        }
        arm.insert("standstill_secs".to_string(), 0.2.into());
        let served = listening["cell"].as_str().unwrap();
        table["distant"]["address"] = served.into();
        fs::write(config, table.to_string()).unwrap();
        emulator
    }
}

#[test]
fn a_run_on_an_arm_is_resumed() {
    let dir = copy_of("emulated");
    let run = dir.path().join("run");
    let log = run.join("trials.jsonl");
    cut(&log, 1);
    let first = fs::read_to_string(&log).unwrap();
    let emulator = Emulator::start(dir.path(), &run.join("config.toml"));
    // The emulated gripper was without power, and a plate may be in its jaws.
    let power = ["cell", "doctor", "--power-gripper", "--config", "run/config.toml"];
    json(&mut rmrl(dir.path(), &power));
    let resumed = json(&mut rmrl(dir.path(), &["train", "--resume", "run"]));
    drop(emulator);
    assert_eq!(resumed["trials"], 2, "{resumed}");
    let text = fs::read_to_string(&log).unwrap();
    assert!(text.starts_with(&first), "{text}");
    let records = lines(&log);
    assert_eq!(records.last().unwrap()["trial"], 2);
    assert!(records.last().unwrap()["reward"].as_f64().unwrap() > 0.8, "{text}");
}
