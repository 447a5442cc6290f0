//! Intrinsics from corners that were found in public pictures, by OpenCV's finders. The expected numbers are those of
//! OpenCV 5.1.0's `calibrateCamera` on the same corners with `CALIB_FIX_K3`.
//!
//! With all five coefficients OpenCV gives 0.245 and 0.107 px, but distortions that turn back inside the image, where no
//! corner was seen. These sets were once refused for that.

#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

use nalgebra::Point2;
use rmrl_calibration::{Board, IntrinsicsCalibration, LensModel, Unusable, View, intrinsics};
use rmrl_vision::Chessboard;

fn calibrated(json: &str) -> IntrinsicsCalibration {
    let set: serde_json::Value = serde_json::from_str(json).unwrap();
    let corners = set["corners"].as_str().unwrap().parse().unwrap();
    let square_m = 0.001 * set["square_mm"].as_f64().unwrap();
    let board: Board = Chessboard { corners, square_m }.into();
    let size: [u32; 2] = serde_json::from_value(set["size"].clone()).unwrap();
    let views: Vec<Vec<[f64; 2]>> = serde_json::from_value(set["views"].clone()).unwrap();
    let views: Vec<View> = views
        .into_iter()
        .enumerate()
        .map(|(number, view)| View::whole(number.to_string(), size, view.map_points(), 0.5))
        .collect();
    intrinsics(&views, &board).unwrap()
}

trait MapPoints {
    fn map_points(self) -> Vec<Point2<f64>>;
}

impl MapPoints for Vec<[f64; 2]> {
    fn map_points(self) -> Vec<Point2<f64>> {
        self.into_iter().map(Point2::from).collect()
    }
}

#[test]
fn lenses_are_fitted_as_far_as_the_corners_determine_them() {
    for (json, fx, reprojection_px, limit_px, unseen) in [
        (include_str!("data/realsense-640x480.json"), 601.6, 0.2537, 340.0, 4),
        (include_str!("data/overhead-1920x1080.json"), 1046.9, 0.1090, 857.0, 6),
    ] {
        let found = calibrated(json);
        let got = found.intrinsics;
        println!("{got:?}\n{:#?}\n{:?}", found.lens, found.unseen_regions);
        assert!((got.fx / fx - 1.0).abs() < 0.005, "{got:?}");
        assert!(
            (found.reprojection_px - reprojection_px).abs() < 0.001,
            "{}",
            found.reprojection_px
        );
        assert_eq!(found.lens.model, LensModel::Radial2Tangential);
        // The model with all coefficients fits better, but has no inverse where its polynomial turns back.
        let [all] = found.lens.passed_over[..] else { panic!("{:?}", found.lens) };
        assert!(all.reprojection_px < found.reprojection_px, "{all:?}");
        let Unusable::Folds { limit } = all.reason else { panic!("{all:?}") };
        assert!((limit.radius_px - limit_px).abs() < 5.0, "{limit}");
        assert!(found.unseen_regions.len() >= unseen, "{:?}", found.unseen_regions);
        assert!(found.warnings.is_empty(), "{:?}", found.warnings);
        assert!(found.lens.border_px > 2.0 * found.reprojection_px);
        // Every pixel of the border has a ray that leads back to it.
        let (right, bottom) = (f64::from(got.width - 1), f64::from(got.height - 1));
        let along = |size: u32| (0..size).map(f64::from);
        let border = along(got.width)
            .flat_map(|u| [[u, 0.0], [u, bottom]])
            .chain(along(got.height).flat_map(|v| [[0.0, v], [right, v]]));
        for pixel in border.map(Point2::from) {
            let back = got.project(got.unproject(pixel, 1.0).unwrap()).unwrap();
            assert!((back - pixel).norm() < 1e-6, "{pixel}");
        }
    }
}
