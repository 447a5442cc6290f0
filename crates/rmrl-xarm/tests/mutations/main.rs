//! Valid frames, reports and Modbus requests, mutated by a seeded generator.
//!
//! Seconds of it run with the other tests. Ten minutes of it, where there is no `cargo fuzz`:
//!
//!     RMRL_FUZZ_SECS=600 cargo test --release -p rmrl-xarm --test mutations -- --ignored --nocapture

#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

mod checks;

use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// Bytes that real programs have sent.
fn corpus() -> Vec<Vec<u8>> {
    let mut corpus: Vec<Vec<u8>> = [
        "00010002000101",
        "0005000300030b0801",
        "0014000300050c5000010000010002000101",
        "00140002002c1500009b430000a04100003443db0f4940000000000000003f0000c84200007a440000000000\
         0080bf000000",
        "001400030008ff0002150007000000000000000000",
        "0000000100020000",
        "000100030008 7c09080601000001",
        "0810070000020400000096",
        "08100c0000050a000105dc00320000005f",
        "080300000001",
        "0803020a0a",
        "088302",
        "362c362c5849313330342c4143313330342c76322e352e3000",
        "3458020000960000005e010000a2feffff9001000001000000",
    ]
    .iter()
    .map(|hex| bytes(hex))
    .collect();
    for length in [87_u32, 135, 145, 245, 417, 587] {
        let mut report = vec![0; length as usize];
        report[..4].copy_from_slice(&length.to_be_bytes());
        corpus.push(report);
    }
    corpus
}

fn bytes(hex: &str) -> Vec<u8> {
    let hex: String = hex.split_whitespace().collect();
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
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
        checks::frame(&bytes);
        checks::report(&bytes);
        checks::command(&bytes);
        tried += 1;
    }
    tried
}

#[test]
fn no_bytes_make_it_panic_or_hang() {
    for bytes in corpus() {
        checks::frame(&bytes);
        checks::report(&bytes);
        checks::command(&bytes);
    }
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
