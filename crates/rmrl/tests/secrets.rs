//! Secrets of a start of the command: who may read them, and that no run directory keeps, executes or serves them.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

mod binary;
mod emulated;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use binary::{failure, json, notify_into, rmrl, small, stderr, stdout};
use emulated::EmulatedCell;
use serde_json::Value;

const SECRET: &str = "T0SECRET0B0";

fn write(path: &Path, text: &str, mode: u32) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// All files under a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

/// The files under a folder that contain the secret.
fn leaks(folder: &Path) -> Vec<PathBuf> {
    let contains = |path: &PathBuf| {
        let bytes = fs::read(path).unwrap();
        bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes())
    };
    files(folder).into_iter().filter(contains).collect()
}

/// A command that appends its notices to a file, and a web hook at which nobody listens.
fn notify(notified: &Path) -> String {
    let command = notify_into(notified);
    let command = command.strip_prefix("notify.").unwrap();
    format!(
        "[notify]\n{command}\nwebhook = \"http://me:{SECRET}@127.0.0.1:9/{SECRET}\"\ntimeout_secs = 5\n"
    )
}

#[test]
fn nothing_that_a_run_leaves_behind_or_prints_has_a_secret() {
    let dir = tempfile::tempdir().unwrap();
    let (cell, runs) = (dir.path().join("cell.toml"), dir.path().join("runs"));
    let notified = dir.path().join("notified");
    write(&cell, &notify(&notified), 0o600);
    let train = ["train", "--method", "rm-rl-pretrained", "--trials", "3", "--out", "runs/one"];
    let configured = ["--config", "cell.toml", "--serve", "0"];
    let mut command = small(dir.path(), &[&train[..], &configured].concat());
    // Messages of libraries, too: one of them sends to the web hook.
    let output = command.env("RMRL_LOG", "trace").output().unwrap();
    let (printed, said) = (stdout(&output), stderr(&output));
    assert!(output.status.success(), "{said}");
    assert!(fs::read_to_string(&notified).unwrap().contains("run_ended"));
    // The warning that nobody listens at the web hook names its host only.
    assert!(said.contains("notify.webhook (http://127.0.0.1:9/...)"), "{said}");
    assert!(!said.contains(SECRET) && !printed.contains(SECRET), "{said}{printed}");
    for arguments in [&["report", "runs/one"][..], &["eval", "runs/one", "--trials", "1"]] {
        assert!(rmrl(dir.path(), arguments).output().unwrap().status.success());
    }
    assert_eq!(leaks(&runs), Vec::<PathBuf>::new());
    for config in ["runs/one/config.toml", "runs/one/earlier-run/config.toml"] {
        let text = fs::read_to_string(dir.path().join(config)).unwrap();
        assert!(!text.contains("notify") && !text.contains("page"), "{config}: {text}");
    }
    let printed = rmrl(dir.path(), &["config", "--config", "cell.toml"]).output().unwrap();
    assert!(!stdout(&printed).contains(SECRET) && stdout(&printed).contains("# webhook ="));
    assert!(stderr(&printed).contains("notify.command and notify.webhook"), "{}", stderr(&printed));
}

/// Somebody else's run, or one of an earlier version, which kept these sections.
#[test]
fn a_run_directory_executes_sends_and_serves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let notified = dir.path().join("notified");
    let hidden = format!("{}\n[page]\nserve = \"127.0.0.1:1\"\n", notify(&notified));
    let add = |path: &Path| {
        let text = fs::read_to_string(path).unwrap();
        fs::write(path, format!("{text}\n{hidden}")).unwrap();
    };
    let train = ["train", "--method", "rm-rl-pretrained", "--trials", "3", "--out", "run"];
    json(&mut small(dir.path(), &train));
    add(&run.join("config.toml"));
    add(&run.join("earlier-run/config.toml"));
    for arguments in [
        &["train", "--resume", "run"][..],
        &["eval", "run", "--trials", "1"],
        &["report", "run"],
        &["pretrain", "--from", "run/earlier-run", "--out", "p.safetensors"],
    ] {
        let output = rmrl(dir.path(), arguments).output().unwrap();
        let said = stderr(&output);
        assert!(output.status.success(), "{said}");
        let ignored = "notify.command, notify.webhook, page.serve ignored";
        assert!(said.contains(ignored) && said.contains("--config FILE"), "{said}");
        assert!(!said.contains(SECRET) && !said.contains("watch the run"), "{said}");
        assert!(!notified.exists(), "{arguments:?}");
    }
    // What this start gives counts.
    write(&dir.path().join("me.toml"), &notify(&notified), 0o600);
    json(&mut rmrl(dir.path(), &["train", "--resume", "run", "--config", "me.toml"]));
    let told: Value = binary::last_notification(&notified);
    assert_eq!(told["event"], "run_ended");
}

#[test]
fn another_start_of_a_run_takes_its_own_sections_and_no_other_key() {
    let dir = tempfile::tempdir().unwrap();
    json(&mut small(dir.path(), &["train", "--trials", "3", "--out", "run"]));
    let resume = |more: &[&str]| rmrl(dir.path(), &[&["train", "--resume", "run"], more].concat());
    write(&dir.path().join("cell.toml"), "trials = 3\n[schedule]\nbatch_size = 7\n", 0o644);
    let refused = failure(&mut resume(&["--config", "cell.toml"]), 2);
    for part in ["cell.toml: schedule.batch_size is 7", "Remove schedule.batch_size"] {
        assert!(refused.contains(part), "{refused}");
    }
    let refused = failure(&mut resume(&["--set", "trials=4"]), 2);
    assert!(refused.contains("--set trials=4: trials is 4, and 3 in the run"), "{refused}");
    write(&dir.path().join("cell.toml"), "trials = 3\n[page]\nhost_names = [\"arm\"]\n", 0o644);
    json(&mut resume(&["--config", "cell.toml", "--set", "page.stay_open=false"]));
}

#[test]
fn a_file_with_a_secret_that_others_can_read_is_refused_with_the_command_that_mends_it() {
    let dir = tempfile::tempdir().unwrap();
    let (cell, token) = (dir.path().join("my cell.toml"), dir.path().join("token"));
    let train = ["train", "--trials", "1", "--out", "run", "--config", "my cell.toml"];
    let with_secret = [
        "[notify]\ncommand = [\"true\"]".to_string(),
        format!("[notify]\nwebhook = \"http://127.0.0.1:9/{SECRET}\""),
        format!("[remote]\naddress = \"http://me:{SECRET}@127.0.0.1:9\""),
    ];
    for text in &with_secret {
        for exposed in [0o644, 0o640, 0o602, 0o620] {
            write(&cell, text, exposed);
            let refused = failure(&mut small(dir.path(), &train), 2);
            assert!(refused.contains("chmod 600 -- 'my cell.toml'"), "{exposed:o}: {refused}");
            assert!(!refused.contains(SECRET), "{refused}");
        }
    }
    // Nothing is refused to a stop.
    let stop = ["cell", "stop", "--config", "my cell.toml", "--host", "127.0.0.1", "--port", "9"];
    let refused = failure(&mut rmrl(dir.path(), &stop), 1);
    assert!(!refused.contains("chmod"), "{refused}");
    write(&cell, &format!("[page]\nserve = 0\ntoken_file = \"{}\"", token.display()), 0o644);
    write(&token, "0123456789012345678901", 0o644);
    let refused = failure(&mut small(dir.path(), &train), 2);
    let advice = format!("chmod 600 {}", token.display());
    assert!(refused.contains(&advice) && refused.contains("the token of the page"), "{refused}");
    assert!(!dir.path().join("run").exists());
    write(&token, "0123456789012345678901", 0o600);
    json(&mut small(dir.path(), &train));
}

#[test]
fn errors_do_not_repeat_what_may_be_secret() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("cell.toml");
    for (text, named) in [
        (format!("[notify]\nwebhook = http://{SECRET}"), "line 2, column"),
        (format!("[notify]\nwebhok = \"{SECRET}\""), "`webhok`"),
        (format!("[notify]\nwebhook = \"https:/{SECRET}\""), "notify.webhook"),
        (format!("[notify]\ncommand = \"{SECRET}\""), "expected a sequence"),
    ] {
        write(&file, &text, 0o600);
        let message = failure(&mut rmrl(dir.path(), &["train", "--config", "cell.toml"]), 2);
        assert!(message.contains(named), "{message}");
        assert!(!message.contains(SECRET), "{message}");
        let doctor = rmrl(dir.path(), &["cell", "doctor", "--config", "cell.toml"]);
        let output = { doctor }.output().unwrap();
        assert!(!stdout(&output).contains(SECRET) && !stderr(&output).contains(SECRET));
    }
    for set in [format!("notify.webhook=x/{SECRET}"), format!("notify.command={SECRET}")] {
        let message = failure(&mut rmrl(dir.path(), &["train", "--set", &set]), 2);
        assert!(!message.contains(SECRET), "{message}");
    }
}

/// `rmrl cell teach` writes the configuration of the user, with the secret in it.
#[test]
fn a_copy_of_a_configuration_with_a_secret_is_as_private_as_the_first() {
    let cell = EmulatedCell::start(11);
    let (file, copy) = (cell.dir.path().join("cell.toml"), cell.dir.path().join("copy.toml"));
    for (text, is_secret) in [(notify(Path::new("notified")), true), (String::new(), false)] {
        write(&file, &text, 0o600);
        let teach = ["cell", "teach", "home", "--config", "cell.toml"];
        json(
            &mut cell
                .with_keys(rmrl(cell.dir.path(), &[&teach[..], &["--out", "copy.toml"]].concat())),
        );
        assert_eq!(mode(&copy) & 0o077 == 0, is_secret, "{:o}", mode(&copy));
        json(&mut cell.with_keys(rmrl(cell.dir.path(), &[&teach[..], &["--write"]].concat())));
        assert_eq!(mode(&file), 0o600);
        fs::remove_file(&copy).unwrap();
    }
}

/// `rmrl cell teach --write` replaces a configuration, which may hold a secret.
#[test]
fn a_file_that_is_replaced_keeps_its_permissions() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cell.toml");
    for kept in [0o600, 0o640, 0o644] {
        write(&path, "before", kept);
        rmrl_data::write_atomically(&path, b"after").unwrap();
        assert_eq!((fs::read(&path).unwrap(), mode(&path)), (b"after".to_vec(), kept));
    }
}
