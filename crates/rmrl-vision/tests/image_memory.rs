//! Small files do not make their reader take much memory.

#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

use std::io::Cursor;
use std::path::Path;

use image::{GrayImage, ImageFormat, Rgb, RgbImage};
use rmrl_vision::{read_color_image, read_gray_image};

fn png(image: impl Into<image::DynamicImage>) -> Vec<u8> {
    let mut png = Vec::new();
    image.into().write_to(&mut Cursor::new(&mut png), ImageFormat::Png).unwrap();
    png
}

/// The chunks of a PNG: kind and content.
fn chunks(png: &[u8]) -> Vec<([u8; 4], &[u8])> {
    let mut rest = &png[8..];
    let mut found = Vec::new();
    while let Some((head, after)) = rest.split_first_chunk::<8>() {
        let length = u32::from_be_bytes(head[..4].try_into().unwrap()) as usize;
        found.push((head[4..].try_into().unwrap(), &after[..length]));
        rest = &after[length + 4..];
    }
    found
}

/// A chunk with its checksum, without which decoders ignore it.
fn chunk(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let named = [&kind[..], content].concat();
    let mut crc = u32::MAX;
    for byte in &named {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { 0xEDB8_8320 ^ (crc >> 1) } else { crc >> 1 };
        }
    }
    [&(content.len() as u32).to_be_bytes()[..], &named, &(!crc).to_be_bytes()].concat()
}

/// The most memory that a function takes at a time, in MB.
fn most_mb(work: impl FnOnce()) -> u64 {
    allocation_counter::measure(work).bytes_max >> 20
}

/// A color profile and texts of a quarter of a megabyte unpack to 256 MB each. Reading three of them once took
/// 960 MB.
#[test]
fn compressed_notes_in_a_png_are_not_unpacked() {
    // Compressed zeros, from an image that is black.
    let black = png(GrayImage::new(16_384, 16_384));
    let of_image = chunks(&black).into_iter().filter(|(kind, _)| kind == b"IDAT");
    let zeros: Vec<u8> = of_image.flat_map(|(_, content)| content.to_vec()).collect();
    assert!(zeros.len() < 2 << 20, "{} bytes", zeros.len());
    let image = RgbImage::from_fn(64, 48, |u, v| Rgb([u as u8, v as u8, 9]));
    let plain = png(image.clone());
    let notes = [
        chunk(b"iCCP", &[&b"a\0\0"[..], &zeros].concat()),
        chunk(b"zTXt", &[&b"a\0\0"[..], &zeros].concat()),
        chunk(b"iTXt", &[&b"a\0\x01\0\0\0"[..], &zeros].concat()),
    ]
    .concat();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("bomb.png");
    // Behind the header, and behind the pixels.
    for at in [33, plain.len() - 12] {
        std::fs::write(&path, [&plain[..at], &notes, &plain[at..]].concat()).unwrap();
        let most = most_mb(|| assert_eq!(read_color_image(&path).unwrap(), image));
        assert!(most < 16, "{most} MB");
        assert!(most_mb(|| drop(read_gray_image(&path).unwrap())) < 16);
    }
}

/// A header may claim any size, whatever follows it.
#[test]
fn images_take_no_more_memory_than_the_largest_that_is_read() {
    const MOST_MB: u64 = 700;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("large");
    let large = GrayImage::new(8192, 8192);
    for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Bmp, ImageFormat::Tiff] {
        large.save_with_format(&path, format).unwrap();
        let most = most_mb(|| assert_eq!(read_gray_image(&path).unwrap().width(), 8192));
        assert!(most < MOST_MB, "{format:?}: {most} MB");
    }
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/progressive.jpg");
    let mut jpeg = std::fs::read(fixture).unwrap();
    let header = jpeg.windows(2).position(|mark| mark == [0xFF, 0xC2]).unwrap();
    for (side, is_read) in [(8192u16, true), (8193, false), (65_500, false)] {
        jpeg[header + 5..header + 7].copy_from_slice(&side.to_be_bytes());
        jpeg[header + 7..header + 9].copy_from_slice(&side.to_be_bytes());
        std::fs::write(&path, &jpeg).unwrap();
        let most = most_mb(|| drop(read_color_image(&path)));
        assert!(most < MOST_MB, "progressive, {side} pixels: {most} MB");
        assert!(
            is_read || most < 8,
            "{side} pixels are decoded before they are refused: {most} MB"
        );
    }
}
