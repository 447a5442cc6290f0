//! The kept inputs of the fuzz targets, as they are and mutated by a seeded generator.
//!
//! Seconds of it run with the other tests. Ten minutes of it, where there is no `cargo fuzz`:
//!
//!     RMRL_FUZZ_SECS=600 cargo test --release -p rmrl-xarm --test mutations -- --ignored --nocapture

#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

mod checks;

use std::path::Path;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// What must hold for any bytes.
type Check = fn(&[u8]);

/// The fuzz targets, and what each checks.
const TARGETS: [(&str, Check); 3] =
    [("frame", checks::frame), ("report", checks::report), ("command", checks::command)];

/// The kept inputs of a fuzz target, by name: bytes that real programs have sent, and edges. An input that once made a
/// target fail is kept there, too.
fn kept(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target);
    let mut kept: Vec<(String, Vec<u8>)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.display().to_string(), std::fs::read(&path).unwrap()))
        .collect();
    kept.sort();
    kept
}

fn corpus() -> Vec<Vec<u8>> {
    TARGETS.iter().flat_map(|(target, _)| kept(target)).map(|(_, bytes)| bytes).collect()
}

fn mutate(corpus: &[Vec<u8>], rng: &mut StdRng) -> Vec<u8> {
    let mut bytes = corpus[rng.random_range(0..corpus.len())].clone();
    for _ in 0..rng.random_range(0..6) {
        let at = rng.random_range(0..=bytes.len());
        match rng.random_range(0..7) {
            0 if at < bytes.len() => bytes[at] ^= 1 << rng.random_range(0..8),
            1 if at < bytes.len() => bytes[at] = rng.random(),
            2 if at < bytes.len() => {
                bytes[at] = [0, 1, 4, 0x7f, 0x80, 0xff][rng.random_range(0..6)]
            }
            3 => bytes.truncate(at),
            4 => bytes.insert(at, rng.random()),
            5 => bytes.extend_from_slice(&corpus[rng.random_range(0..corpus.len())]),
            _ => bytes.rotate_left(at),
        }
    }
    bytes
}

fn run(seed: u64, ends: impl Fn(u64) -> bool) -> u64 {
    let (corpus, mut rng) = (corpus(), StdRng::seed_from_u64(seed));
    let mut tried = 0;
    while !ends(tried) {
        let bytes = mutate(&corpus, &mut rng);
        TARGETS.iter().for_each(|(_, check)| check(&bytes));
        tried += 1;
    }
    tried
}

/// What `cargo fuzz` found or began with stays tested where there is no `cargo fuzz`.
#[test]
fn kept_inputs_are_replayed_by_every_target() {
    let mut bytes_kept = 0;
    for (target, _) in TARGETS {
        let kept = kept(target);
        assert!(kept.len() > 10, "{target}: {} inputs", kept.len());
        for (name, bytes) in kept {
            println!("{name}");
            bytes_kept += bytes.len();
            TARGETS.iter().for_each(|(_, check)| check(&bytes));
        }
    }
    assert!(bytes_kept < 100_000, "{bytes_kept} bytes: `cargo fuzz cmin` makes fewer of them");
}

#[test]
fn no_bytes_make_it_panic_or_hang() {
    assert_eq!(run(1, |tried| tried == 200_000), 200_000);
}

#[test]
#[ignore = "runs for RMRL_FUZZ_SECS seconds, 600 by default"]
fn no_bytes_make_it_panic_or_hang_in_ten_minutes() {
    let seconds = std::env::var("RMRL_FUZZ_SECS").map_or(600, |text| text.parse().unwrap());
    let began = Instant::now();
    let tried = run(2, |_| began.elapsed() > Duration::from_secs(seconds));
    println!("{tried} inputs in {seconds} s");
}
