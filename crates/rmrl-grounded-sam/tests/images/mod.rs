//! The images of `tools/grounded_sam_fixture.py`, and its results for them.
#![allow(dead_code, reason = "no test uses all of it")]
#![allow(clippy::unwrap_used, reason = "a test without its fixture fails")]

use std::path::{Path, PathBuf};

use image::{Rgb, RgbImage};
use safetensors::SafeTensors;

pub const NAMES: [&str; 2] = ["landscape", "portrait"];

pub fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// An image of shapes, a gradient and grain, by integer arithmetic.
pub fn image(name: &str) -> RgbImage {
    let (width, height) = if name == "landscape" { (641, 479) } else { (333, 517) };
    RgbImage::from_fn(width, height, |u, v| {
        let [u, v, w, h] = [u, v, width, height].map(i64::from);
        let mut rgb = [150 + u * 60 / w, 140 + v * 70 / h, 170 - (u + v) * 50 / (w + h)];
        let (du, dv) = (4 * u - 2 * w, 4 * v - 2 * h);
        let plate = (3 * du + dv).abs() < 2 * w && (3 * dv - du).abs() < 2 * h;
        if plate {
            let well = (u % 14 - 7).pow(2) + (v % 14 - 7).pow(2) < 20;
            rgb = if well { [60, 64, 72] } else { [22, 24, 30] };
        }
        if (u * h - (v * w).div_euclid(2)).div_euclid(h).rem_euclid(211) < 6 {
            rgb = [200, 60, 40];
        }
        let grain = ((u * 73_856_093) ^ (v * 19_349_663)) >> 4;
        Rgb(rgb.map(|value| (value + grain % 17 - 8).clamp(0, 255) as u8))
    })
}

/// The FNV-1a hash in hexadecimal digits.
pub fn fnv(bytes: &[u8]) -> String {
    format!("{:016x}", rmrl_core::fnv1a(bytes.iter().copied()))
}

/// A file of tensors.
pub struct Tensors(Vec<u8>);

impl Tensors {
    pub fn open(name: &str) -> Self {
        Self(std::fs::read(fixtures().join(name)).unwrap())
    }

    pub fn floats(&self, key: &str) -> Vec<f32> {
        let bytes = self.bytes(key);
        bytes.as_chunks::<4>().0.iter().map(|chunk| f32::from_le_bytes(*chunk)).collect()
    }

    pub fn ints(&self, key: &str) -> Vec<i32> {
        let bytes = self.bytes(key);
        bytes.as_chunks::<4>().0.iter().map(|chunk| i32::from_le_bytes(*chunk)).collect()
    }

    pub fn bytes(&self, key: &str) -> Vec<u8> {
        SafeTensors::deserialize(&self.0).unwrap().tensor(key).unwrap().data().to_vec()
    }

    /// Whether each pixel of a mask is set; a pixel is one bit.
    pub fn mask(&self, key: &str) -> Vec<bool> {
        let bits = |byte: u8| (0..8).rev().map(move |bit| byte >> bit & 1 == 1);
        self.bytes(key).into_iter().flat_map(bits).collect()
    }
}

pub fn expected() -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(fixtures().join("expected.json")).unwrap()).unwrap()
}

/// The largest difference; equal infinities count as equal.
pub fn difference(ours: &[f32], theirs: &[f32]) -> f32 {
    assert_eq!(ours.len(), theirs.len());
    let pairs = ours.iter().zip(theirs).filter(|(ours, theirs)| ours != theirs);
    pairs.map(|(ours, theirs)| (ours - theirs).abs()).fold(0.0, f32::max)
}

/// Intersection over union of two masks.
pub fn iou(ours: &[bool], theirs: &[bool]) -> f64 {
    let both = ours.iter().zip(theirs).filter(|(ours, theirs)| **ours && **theirs).count();
    let either = ours.iter().zip(theirs).filter(|(ours, theirs)| **ours || **theirs).count();
    both as f64 / either as f64
}

/// A copy of a fixture directory, for tests that damage it.
pub fn copied(name: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(fixtures().join(name)).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
    }
    folder
}
