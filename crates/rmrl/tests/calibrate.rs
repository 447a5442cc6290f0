//! `rmrl calibrate`, on simulated images and on damaged ones.

#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

mod binary;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use binary::{failure, json, rmrl};
use jiff::Timestamp;
use nalgebra::Point3;
use rayon::prelude::*;
use rmrl::CameraConfig;
use rmrl::admit;
use rmrl_calibration::{
    Board, ChessboardFinder, Placement, PoseNoise, PosedView, View, WristCamera, check, hand_eye,
    intrinsics, overhead,
};
use rmrl_cell::TaskConfig;
use rmrl_sim::{
    ChessboardView, PairViews, SimulatedCalibration, SimulatedCalibrationConfig, SimulatedCell,
    SimulationConfig, WristView,
};
use rmrl_vision::{CameraFile, CameraModel, Chessboard};
use serde_json::Value;

/// A simulated calibration session, which all tests share.
fn session() -> &'static Path {
    static SESSION: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = SESSION.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        let arguments = "calibrate simulate --seed 5 --out session --views 10 --pairs 4 --checks 4";
        let made = json(&mut rmrl(dir.path(), &arguments.split(' ').collect::<Vec<_>>()));
        assert_eq!(made["pictures"], 10 + 10 + 4 * 3 + 4 * 3);
        let path = dir.path().join("session");
        (dir, path)
    });
    path
}

/// The largest and the mean distance over the workspace between where a camera sees points of the table and where they
/// are, in millimeters.
fn workspace_error_mm(camera: &CameraModel, truth: &CameraModel) -> [f64; 2] {
    let mut errors = Vec::new();
    for column in 0..=8 {
        for row in 0..=8 {
            let point =
                Point3::new(0.20 + 0.04 * f64::from(column), -0.24 + 0.06 * f64::from(row), 0.0);
            let pixel = truth.project(point).unwrap();
            errors.push(1000.0 * (camera.intersect_plane(pixel, 0.0).unwrap() - point).norm());
        }
    }
    [errors.iter().copied().fold(0.0, f64::max), errors.iter().sum::<f64>() / errors.len() as f64]
}

#[test]
fn the_commands_in_order_calibrate_a_cell_to_a_millimeter() {
    let session = session();
    let dir = tempfile::tempdir().unwrap();
    let run = |arguments: &str| {
        let arguments = arguments.replace("SESSION", session.to_str().unwrap());
        json(&mut rmrl(
            dir.path(),
            &[&["calibrate"], &arguments.split(' ').collect::<Vec<_>>()[..]].concat(),
        ))
    };
    let wrist = run("intrinsics --images SESSION/wrist --out wrist.toml --json");
    assert!(wrist["reprojection_px"].as_f64().unwrap() < 0.05, "{wrist}");
    let hand_eye = run(
        "hand-eye --images SESSION/wrist --poses SESSION/poses.csv --camera wrist.toml --out wrist.toml",
    );
    assert_eq!(hand_eye["rejected"].as_array().unwrap().len(), 0, "{hand_eye}");
    run("intrinsics --images SESSION/overhead --out overhead.toml");
    run("overhead --session SESSION --wrist wrist.toml --camera overhead.toml --out overhead.toml");

    // Years later, no run starts with this calibration. A new check, as the error proposes, once did not help, because
    // the age counted from when the calibration was made.
    let path = dir.path().join("overhead.toml");
    let mut aged = CameraFile::read(&path).unwrap();
    let record = aged.calibration.as_mut().unwrap();
    (record.made, record.residual_mm) = ("2020-01-01T00:00:00Z".parse().unwrap(), Some(0.5));
    fs::write(&path, aged.to_toml()).unwrap();
    let admitted = || admit(&path, &CameraConfig::default(), Timestamp::now());
    let refusal = admitted().unwrap_err().to_string();
    assert!(refusal.contains("days ago") && refusal.contains("check --camera"), "{refusal}");
    // Not enough for a check: views that the calibration was made from, and three placements.
    let checked = "calibrate check --wrist wrist.toml --camera overhead.toml --write --pairs";
    let refused = |pairs: &Path| {
        let arguments = checked.split(' ').chain([pairs.to_str().unwrap()]);
        failure(&mut rmrl(dir.path(), &arguments.collect::<Vec<_>>()), 2)
    };
    let message = refused(&session.join("pairs.csv"));
    assert!(message.contains("calibrated with it") && message.contains("00-overhead"), "{message}");
    let table = fs::read_to_string(session.join("check.csv")).unwrap();
    let last = table.lines().last().unwrap().split(',').next().unwrap();
    let mut fewer: Vec<&str> = table.lines().filter(|line| !line.starts_with(last)).collect();
    let pairs = fs::read_to_string(session.join("pairs.csv")).unwrap();
    fewer.extend(pairs.lines().nth(1));
    let fewer_path = session.join("fewer.csv");
    fs::write(&fewer_path, fewer.join("\n")).unwrap();
    let message = refused(&fewer_path);
    assert!(message.contains("nothing was written: 3 of 3 placements"), "{message}");
    assert!(message.contains("calibrated with it"), "{message}");
    assert_eq!(
        CameraFile::read(&path).unwrap(),
        CameraFile::parse(&aged.to_toml(), &path).unwrap()
    );

    let checked = run(
        "check --pairs SESSION/check.csv --wrist wrist.toml --camera overhead.toml --svg map.svg --write",
    );
    admitted().unwrap();
    let residual_mm = checked["residual_mm"].as_f64().unwrap();
    assert!((0.05..1.5).contains(&residual_mm), "{residual_mm}");
    let map = fs::read_to_string(dir.path().join("map.svg")).unwrap();
    assert!(map.starts_with("<svg") && map.contains("root mean square"));

    let truth: Value =
        serde_json::from_slice(&fs::read(session.join("truth.json")).unwrap()).unwrap();
    let truth = |camera: &str| serde_json::from_value::<CameraFile>(truth[camera].clone()).unwrap();
    let read = |name: &str| CameraFile::read(&dir.path().join(name)).unwrap();
    let (got, expected) = (read("wrist.toml"), truth("wrist"));
    let off = got.flange_from_camera.unwrap().inverse() * expected.flange_from_camera.unwrap();
    let (off_m, off_deg) = (off.translation.vector.norm(), off.rotation.angle().to_degrees());
    assert!(off_m < 0.000_5 && off_deg < 0.1, "{off_m} m, {off_deg} degrees");
    let got = read("overhead.toml");
    assert_eq!(got.calibration.as_ref().unwrap().residual_mm, Some(residual_mm));
    let path = Path::new("overhead.toml");
    let [worst_mm, _] = workspace_error_mm(
        &got.overhead(path).unwrap(),
        &truth("overhead").overhead(path).unwrap(),
    );
    assert!(worst_mm < 1.0, "{worst_mm} mm");
}

/// The images of a session as views, without files.
struct Views<'a>(&'a SimulatedCalibration);

impl Views<'_> {
    fn view(&self, name: String, image: &ChessboardView) -> View {
        let image = image::imageops::grayscale(&self.0.render(image));
        let found = ChessboardFinder.look(&image, &self.0.board()).unwrap();
        View::new(name, [image.width(), image.height()], found)
    }

    fn all(&self, views: &[ChessboardView]) -> Vec<View> {
        views
            .par_iter()
            .enumerate()
            .map(|(number, one)| self.view(number.to_string(), one))
            .collect()
    }

    fn posed(&self, views: &[WristView]) -> Vec<PosedView> {
        let posed = views.par_iter().enumerate().map(|(number, one)| PosedView {
            view: self.view(number.to_string(), &one.view),
            world_from_flange: one.reported_world_from_flange,
        });
        posed.collect()
    }

    fn placements(&self, pairs: &[PairViews]) -> Vec<Placement> {
        let placements = pairs.par_iter().enumerate().map(|(number, pair)| Placement {
            overhead: self.view(number.to_string(), &pair.overhead),
            wrist: self.posed(&pair.wrist),
        });
        placements.collect()
    }
}

#[test]
fn the_whole_chain_stays_within_a_millimeter_in_several_cells() {
    let printed = Chessboard { corners: "9x6".parse().unwrap(), square_m: 0.025 };
    let board = Board::from(printed);
    let (mut worst, mut mean) = (0.0_f64, 0.0);
    const CELLS: u64 = 3;
    for seed in 0..CELLS {
        let simulation = SimulationConfig::default();
        let cell = SimulatedCell::new(&simulation, &TaskConfig::table(), seed, 0).unwrap();
        // Smaller images than in a laboratory, to save time.
        let config = SimulatedCalibrationConfig {
            wrist_width_px: 800,
            checks: 2,
            ..SimulatedCalibrationConfig::new(printed)
        };
        let session = SimulatedCalibration::new(&simulation, &cell, config, seed);
        let (all, views) = (session.views(), Views(&session));
        let posed = views.posed(&all.wrist);
        let plain: Vec<View> = posed.iter().map(|posed| posed.view.clone()).collect();
        let wrist = intrinsics(&plain, &board).unwrap().intrinsics;
        let noise = PoseNoise::default();
        let flange_from_camera =
            hand_eye(&posed, &wrist, &board, noise).unwrap().flange_from_camera;
        let wrist = WristCamera { intrinsics: wrist, flange_from_camera };
        let above = intrinsics(&views.all(&all.overhead), &board).unwrap().intrinsics;
        let pairs = views.placements(&all.pairs);
        let found = overhead(&pairs, &above, &wrist, &board, noise).unwrap();
        let camera =
            CameraModel { intrinsics: above, world_from_camera: found.world_from_overhead };
        let [largest, average] = workspace_error_mm(&camera, &session.overhead);
        let checks = views.placements(&all.checks);
        let checked = check(&checks, &camera, &wrist, &board, noise).unwrap();
        println!(
            "cell {seed}: mean {average:.2} mm, worst {largest:.2} mm, checked {:.2} mm",
            checked.residual_mm
        );
        worst = worst.max(largest);
        mean += average / CELLS as f64;
    }
    println!("all cells: mean {mean:.2} mm, worst {worst:.2} mm");
    assert!(worst < 1.0, "{worst} mm");
}

/// A folder with some images from the wrist camera and their poses, for a test to damage.
fn copy_of_wrist_images(count: usize) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let table = fs::read_to_string(session().join("poses.csv")).unwrap();
    fs::create_dir(dir.path().join("wrist")).unwrap();
    for number in 0..count {
        let name = format!("wrist/{number:02}.png");
        fs::copy(session().join(&name), dir.path().join(&name)).unwrap();
    }
    let lines: Vec<&str> = table.lines().take(count + 1).collect();
    fs::write(dir.path().join("poses.csv"), lines.join("\n")).unwrap();
    fs::write(dir.path().join("camera.toml"), CAMERA).unwrap();
    dir
}

const CAMERA: &str =
    "[intrinsics]\nwidth = 1280\nheight = 720\nfx = 915.0\nfy = 915.0\ncx = 640.0\ncy = 360.0\n";
const INTRINSICS: [&str; 6] = ["calibrate", "intrinsics", "--images", "wrist", "--out", "out.toml"];
const HAND_EYE: [&str; 10] = [
    "calibrate",
    "hand-eye",
    "--images",
    "wrist",
    "--poses",
    "poses.csv",
    "--camera",
    "camera.toml",
    "--out",
    "out.toml",
];

/// Runs a command that has to fail, name all of `named`, and write nothing.
fn assert_rejected(dir: &Path, arguments: &[&str], named: &[&str]) {
    let message = failure(&mut rmrl(dir, arguments), 2);
    for name in named {
        assert!(message.contains(name), "{name}: {message}");
    }
    assert!(!dir.join("out.toml").exists());
}

#[test]
fn damaged_and_odd_images_are_named() {
    let truncated = copy_of_wrist_images(2);
    let path = truncated.path().join("wrist/01.png");
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    assert_rejected(truncated.path(), &INTRINSICS, &["wrist/01.png", "not a complete image"]);

    // An image of another size is left out by name. Without it, there are too few.
    let odd = copy_of_wrist_images(5);
    let path = odd.path().join("wrist/03.png");
    let whole = image::open(&path).unwrap();
    let smaller = whole.resize_exact(1024, 576, image::imageops::FilterType::Triangle);
    smaller.save(&path).unwrap();
    let named = ["4 of 5 views", "03.png", "1024 x 576", "1280 x 720"];
    assert_rejected(odd.path(), &INTRINSICS, &named);
    assert_rejected(odd.path(), &HAND_EYE, &["03.png", "1024 x 576", "camera.toml"]);

    let empty = tempfile::tempdir().unwrap();
    fs::create_dir(empty.path().join("wrist")).unwrap();
    assert_rejected(empty.path(), &INTRINSICS, &["wrist", "no image (.png"]);
}

#[test]
fn damaged_tables_are_named_with_line_and_column() {
    let dir = copy_of_wrist_images(2);
    let path = dir.path().join("poses.csv");
    let good = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = good.lines().collect();
    let second_with = |column: usize, value: &str| {
        let mut values: Vec<&str> = lines[2].split(',').collect();
        values[column] = value;
        format!("{}\n{}\n{}\n", lines[0], lines[1], values.join(","))
    };
    for (text, named) in [
        (good.replace(",yaw_deg", ""), ["poses.csv", "line 2 has 7 cells"]),
        (good.replace("yaw_deg", "time"), ["time, expected image,x_mm", "yaw_deg"]),
        (good.replace("yaw_deg", "yaw"), ["poses.csv", "yaw_deg"]),
        (second_with(4, "abc"), ["poses.csv line 3", "roll_deg is \"abc\""]),
        (second_with(1, ""), ["poses.csv line 3", "x_mm is \"\""]),
        (second_with(3, "nan"), ["poses.csv line 3", "z_mm"]),
        (second_with(0, "99.png"), ["poses.csv line 3", "99.png"]),
        (second_with(0, "00.png"), ["poses.csv line 3", "line 2 already"]),
        (format!("{good}\n01.png,1,2\n"), ["poses.csv", "line 4 has 3 cells"]),
        (lines[0].to_string(), ["poses.csv", "no row"]),
    ] {
        fs::write(&path, text).unwrap();
        assert_rejected(dir.path(), &HAND_EYE, &named);
    }
}

#[test]
fn too_few_views_and_boards_without_a_frame_are_refused() {
    let dir = copy_of_wrist_images(3);
    assert_rejected(dir.path(), &INTRINSICS, &["3 of 3 views", "at least 5"]);
    assert_rejected(dir.path(), &HAND_EYE, &["3 of 3 views", "at least 5"]);
    let symmetric = [&HAND_EYE[..], &["--corners", "8x6"]].concat();
    assert_rejected(dir.path(), &symmetric, &["8x6", "half a turn"]);
    let other = [&INTRINSICS[..], &["--corners", "8x5"]].concat();
    assert_rejected(dir.path(), &other, &["00.png", "9x6", "expected 8x5"]);
    // A camera without a pose on the flange.
    fs::write(dir.path().join("pairs.csv"), "").unwrap();
    let arguments =
        "calibrate overhead --session . --wrist camera.toml --camera camera.toml --out out.toml";
    let arguments: Vec<&str> = arguments.split(' ').collect();
    assert_rejected(dir.path(), &arguments, &["camera.toml", "flange_from_camera"]);
}
