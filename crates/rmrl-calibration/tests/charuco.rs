//! ChArUco boards, against OpenCV on the same images: `tools/charuco_images.py` made them, with the true corners and
//! those that OpenCV finds.

#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

use std::collections::BTreeMap;
use std::path::PathBuf;

use image::GrayImage;
use nalgebra::Point2;
use rmrl_calibration::{Board, BoardMissing, CharucoBoard};
use rmrl_vision::Chessboard;

type Corners = BTreeMap<usize, Point2<f64>>;

fn board(corners: &str, dictionary: &str) -> Board {
    let corners = Chessboard { corners: corners.parse().unwrap(), square_m: 0.025 };
    CharucoBoard { corners, marker_m: 0.018, dictionary: dictionary.parse().unwrap() }.into()
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/charuco")
}

fn image(name: &str) -> GrayImage {
    image::open(folder().join(name)).unwrap().into_luma8()
}

/// Root mean square distance from the true corners.
fn rms(found: &Corners, truth: &Corners) -> f64 {
    let squares = found.iter().map(|(id, pixel)| (pixel - truth[id]).norm_squared());
    (squares.sum::<f64>() / found.len() as f64).sqrt()
}

#[test]
fn corners_are_as_exact_as_opencvs_and_as_many() {
    let text = std::fs::read_to_string(folder().join("corners.json")).unwrap();
    let set: serde_json::Value = serde_json::from_str(&text).unwrap();
    for entry in set["images"].as_array().unwrap() {
        let name = entry["name"].as_str().unwrap();
        let corners = |key: &str| -> Corners {
            let read: BTreeMap<usize, [f64; 2]> =
                serde_json::from_value(entry[key].clone()).unwrap();
            read.into_iter().map(|(id, pixel)| (id, Point2::from(pixel))).collect()
        };
        let found = board("9x6", "5x5_100").look(&image(name)).unwrap();
        let ours: Corners =
            found.corners.iter().map(|corner| (corner.index, corner.pixel)).collect();
        assert_eq!(ours.len(), found.corners.len());
        let truth = corners("true");
        let ours_px = rms(&ours, &truth);
        for key in ["opencv_default", "opencv_refined"] {
            let opencv = corners(key);
            let opencv_px = rms(&opencv, &truth);
            println!(
                "{name}: {} of {} corners at {ours_px:.3} px, {key} {} at {opencv_px:.3} px",
                ours.len(),
                truth.len(),
                opencv.len()
            );
            assert!(ours_px < opencv_px + 0.05, "{name}: {ours_px} against {opencv_px}");
            assert!(ours.len() + 2 >= opencv.len(), "{name}: {} of {}", ours.len(), opencv.len());
        }
    }
}

#[test]
fn a_board_with_other_markers_is_refused_by_its_reason() {
    let image = image("00.png");
    for (corners, dictionary, expected) in
        [("9x6", "DICT_7X7_50", "DICT_7X7_50"), ("6x9", "5x5_100", "--corners")]
    {
        let missing = board(corners, dictionary).look(&image).unwrap_err();
        assert!(missing.to_string().contains(expected), "{missing:?}: {missing}");
    }
    let gray = GrayImage::from_pixel(640, 480, image::Luma([128]));
    assert_eq!(board("9x6", "5x5_100").look(&gray), Err(BoardMissing::Nothing));
}

#[test]
fn impossible_boards_are_refused_by_key() {
    for (board, key) in [
        (board("2x6", "5x5_100"), "corners"),
        (board("40x40", "4x4_50"), "dictionary"),
        (
            match board("9x6", "5x5_100") {
                Board::Charuco(board) => CharucoBoard { marker_m: 0.026, ..board }.into(),
                other => other,
            },
            "marker_m",
        ),
    ] {
        assert_eq!(board.validate().unwrap_err().key, key);
    }
    assert!("5x5_1".parse::<rmrl_calibration::MarkerDictionary>().is_err());
    // An even number of corners each way is fine: the markers tell the ends apart.
    assert!(board("8x6", "DICT_APRILTAG_36h11").validate().is_ok());
}
