//! Tells the program what it was built from, so that every run can say so.

use std::path::Path;
use std::process::Command;

fn main() {
    let root = Path::new("../..");
    let commit = Command::new("git")
        .args(["rev-parse", "--short=12", "HEAD"])
        .output()
        .ok()
        .filter(|output| output.status.success())
        .and_then(|output| String::from_utf8(output.stdout).ok());
    set("RMRL_COMMIT", commit.as_deref().map(str::trim));
    // Changes with every commit and checkout.
    watch(&root.join(".git/logs/HEAD"));

    // The crates that decide the bits of a run.
    let lock = root.join("Cargo.lock");
    let locked = std::fs::read_to_string(&lock).unwrap_or_default();
    for (variable, name) in [("RMRL_BURN", "burn"), ("RMRL_RAPIER", "rapier3d")] {
        let entry = format!("name = \"{name}\"\nversion = \"");
        let version = locked.split_once(&entry).and_then(|(_, rest)| rest.split('"').next());
        set(variable, version);
    }
    watch(&lock);
}

fn set(variable: &str, value: Option<&str>) {
    println!("cargo:rustc-env={variable}={}", value.unwrap_or("unknown"));
}

fn watch(path: &Path) {
    if path.exists() {
        println!("cargo:rerun-if-changed={}", path.display());
    }
    println!("cargo:rerun-if-changed=build.rs");
}
