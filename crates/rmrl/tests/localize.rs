//! `rmrl localize` and `rmrl snapshot --record`, from the outside.

#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

mod binary;

use std::fs;
use std::path::Path;

use binary::{failure, rmrl, small, stderr, stdout};
use image::{GrayImage, ImageBuffer, Luma, RgbImage};
use serde_json::Value;

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A recording of three frames in `frames`, and what the snapshot said of the first.
fn recorded(dir: &Path) -> Value {
    let snapshot =
        ["snapshot", "--record", "frames", "--frames", "3", "--out", "snapshot.png", "--seed", "2"];
    let output = rmrl(dir, &snapshot).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    serde_json::from_str(&stdout(&output)).unwrap()
}

#[test]
fn a_recording_is_localized_as_the_cell_was() {
    let dir = tempfile::tempdir().unwrap();
    let snapshot = recorded(dir.path());
    let localize =
        ["localize", "--recording", "frames", "--out", "found", "--json", "--seed-is-no-option"];
    // Options that do not exist are refused before anything is written.
    failure(&mut rmrl(dir.path(), &localize), 2);
    assert!(!dir.path().join("found").exists());

    let output = rmrl(dir.path(), &localize[..6]).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let found = lines(&stdout(&output));
    assert_eq!(found.len(), 3);
    // The very frame of the snapshot, from its files, gives the same pose.
    for key in ["x_m", "y_m", "yaw_rad"] {
        let pose = |line: &Value| line["pose"][key].as_f64().unwrap();
        assert!((pose(&found[0]["found"]) - pose(&snapshot)).abs() < 1e-9, "{key}");
    }
    for line in &found {
        let found = &line["found"];
        assert_eq!(line["error"], Value::Null);
        assert!(found["score"].as_f64().unwrap() > 0.8);
        assert!((0.1..1.0).contains(&found["confidence"].as_f64().unwrap()), "{found}");
        assert!((found["depth_m"].as_f64().unwrap() - 0.79).abs() < 0.02);
        let mask = image::open(dir.path().join(found["mask"].as_str().unwrap())).unwrap();
        let set = mask.to_luma8().pixels().filter(|pixel| pixel.0[0] == 255).count();
        assert_eq!(set as u64, found["mask_area_px"].as_u64().unwrap());
        let drawn = image::open(dir.path().join(found["picture"].as_str().unwrap())).unwrap();
        // The outline is drawn in green.
        assert!(drawn.to_rgb8().pixels().any(|pixel| pixel.0 == [40, 220, 90]));
    }
    // A recording is never overwritten.
    let again = rmrl(dir.path(), &["snapshot", "--record", "frames"]).output().unwrap();
    assert_eq!(again.status.code(), Some(2));
    assert!(stderr(&again).contains("frames exists already"));
}

/// Frames as another program on Windows would have recorded them, with a camera of ROS.
#[test]
fn frames_and_cameras_of_other_programs_are_localized_as_ours() {
    let dir = tempfile::tempdir().unwrap();
    let snapshot = recorded(dir.path());
    let path = |name: &str| dir.path().join("frames").join(name);
    let color = image::open(path("000001.png")).unwrap();
    color.save(path("Frame 1.TIFF")).unwrap();
    let depth = image::open(path("000001-depth.png")).unwrap().into_luma16();
    let mut npy = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
    let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (480, 640), }";
    npy.extend_from_slice(format!("{header:<117}\n").as_bytes());
    let meters = depth.as_raw().iter().map(|value| 0.001 * f32::from(*value));
    npy.extend(meters.flat_map(f32::to_le_bytes));
    fs::write(path("Frame 1.npy"), npy).unwrap();
    let list = "\u{FEFF}Color;Depth;depth_unit_m\r\n.\\Frame 1.TIFF;Frame 1.npy;1\r\n";
    fs::write(path("frames.csv"), list).unwrap();
    let own = fs::read_to_string(path("camera.toml")).unwrap();
    let own: toml::Table = own.parse().unwrap();
    let number = |key: &str| own["intrinsics"][key].to_string();
    let ros = format!(
        "image_width: {}\nimage_height: {}\ncamera_name: top\ncamera_matrix:\n  rows: 3\n  cols: 3\n  data: \
         [{}, 0, {}, 0, {}, {}, 0, 0, 1]\ndistortion_model: plumb_bob\ndistortion_coefficients:\n  data: [0, 0, 0, 0, 0]\n",
        number("width"),
        number("height"),
        number("fx"),
        number("cx"),
        number("fy"),
        number("cy"),
    );
    fs::write(dir.path().join("ros.yaml"), ros).unwrap();
    let import = ["calibrate", "import", "ros.yaml", "--out", "top.toml", "--json"];
    let output = rmrl(dir.path(), &import).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(lines(&stdout(&output))[0]["name"], "top");
    // The pose is calibrated here; the intrinsics are those of ROS.
    let mut imported: toml::Table =
        fs::read_to_string(dir.path().join("top.toml")).unwrap().parse().unwrap();
    imported.insert("world_from_camera".to_string(), own["world_from_camera"].clone());
    fs::write(path("camera.toml"), imported.to_string()).unwrap();

    let localize = ["localize", "--recording", "frames", "--json"];
    let output = rmrl(dir.path(), &localize).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let found = lines(&stdout(&output));
    for key in ["x_m", "y_m", "yaw_rad"] {
        let pose = |line: &Value| line["pose"][key].as_f64().unwrap();
        assert!((pose(&found[0]["found"]) - pose(&snapshot)).abs() < 1e-9, "{key}");
    }
    // No file says the unit of this depth.
    let single = ["localize", "--color", "frames/Frame 1.TIFF", "--depth", "frames/Frame 1.npy"];
    let single = [&single[..], &["--camera", "frames/camera.toml", "--json"]].concat();
    let output = rmrl(dir.path(), &single).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stdout(&output).contains("--depth-unit-m"), "{}", stdout(&output));
    // A camera without a pose.
    let without = [&single[..5], &["--camera", "ros.yaml"]].concat();
    failure(&mut rmrl(dir.path(), &without), 2);
}

/// The images of a second frame once replaced those of the first.
#[test]
fn frames_of_one_name_are_not_written_over_each_other() {
    let dir = tempfile::tempdir().unwrap();
    recorded(dir.path());
    fs::create_dir(dir.path().join("other")).unwrap();
    for name in ["000001.png", "000001-depth.png"] {
        fs::copy(dir.path().join("frames").join(name), dir.path().join("other").join(name))
            .unwrap();
    }
    let arguments = "localize --color frames/000001.png other/000001.png --depth frames/000001-depth.png \
                     other/000001-depth.png --camera frames/camera.toml --json --out found";
    let arguments: Vec<&str> = arguments.split_whitespace().collect();
    let message = failure(&mut rmrl(dir.path(), &arguments), 2);
    assert!(
        message.contains("frames/000001.png") && message.contains("other/000001.png"),
        "{message}"
    );
    assert!(!dir.path().join("found").exists());
    // Without images to write, names need not differ.
    let output = rmrl(dir.path(), &arguments[..arguments.len() - 2]).output().unwrap();
    assert_eq!(lines(&stdout(&output)).len(), 2, "{}", stderr(&output));
}

#[test]
fn the_images_of_a_run_give_the_poses_of_its_log() {
    let dir = tempfile::tempdir().unwrap();
    let train = ["train", "--trials", "3", "--method", "none", "--out", "run"];
    let output = small(dir.path(), &train).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let output = rmrl(dir.path(), &["localize", "--run", "run", "--json"]).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let found = lines(&stdout(&output));
    assert_eq!(found.len(), 6);
    for line in &found {
        assert!(line["found"]["from_logged_m"].as_f64().unwrap() < 1e-9, "{line}");
    }
    // Another localizer gives other poses for the same images.
    let paper =
        ["localize", "--run", "run", "--json", "--set", "vision.localizer.fit_outline=false"];
    let output = rmrl(dir.path(), &paper).output().unwrap();
    let distances = lines(&stdout(&output));
    assert!(distances.iter().any(|line| line["found"]["from_logged_m"].as_f64() > Some(1e-4)));
}

#[test]
fn bad_frames_are_named_and_do_not_block_the_others() {
    let dir = tempfile::tempdir().unwrap();
    recorded(dir.path());
    let path = |name: &str| dir.path().join("frames").join(name);
    let whole = fs::read(path("000001.png")).unwrap();
    fs::write(path("torn.png"), &whole[..whole.len() / 3]).unwrap();
    GrayImage::new(640, 480).save(path("depth8.png")).unwrap();
    ImageBuffer::<Luma<u16>, _>::new(640, 480).save(path("zero.png")).unwrap();
    ImageBuffer::<Luma<u16>, _>::from_pixel(320, 240, Luma([800u16]))
        .save(path("half.png"))
        .unwrap();
    RgbImage::from_pixel(640, 480, image::Rgb([150; 3])).save(path("bare.png")).unwrap();
    let mut two = image::open(path("000001.png")).unwrap().to_rgb8();
    // A second copy of the plate, elsewhere in the image.
    let first = two.clone();
    for (u, v, pixel) in two.enumerate_pixels_mut() {
        if u < 320 {
            *pixel = *first.get_pixel(u + 320, v);
        }
    }
    two.save(path("two.png")).unwrap();
    let list = "color,depth\ntorn.png,000001-depth.png\n000001.png,depth8.png\n\
                000001.png,zero.png\n000001.png,half.png\nbare.png,000001-depth.png\n\
                two.png,000001-depth.png\n000001.png,000001-depth.png\n";
    fs::write(path("frames.csv"), list).unwrap();
    let output =
        rmrl(dir.path(), &["localize", "--recording", "frames", "--json"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(stderr(&output).contains("in 6 of 7 frames"), "{}", stderr(&output));
    let found = lines(&stdout(&output));
    for (line, (kind, expected)) in found.iter().zip([
        ("bad_frame", "torn.png"),
        ("bad_frame", "16-bit gray"),
        ("bad_frame", "no depth anywhere"),
        ("bad_frame", "half.png is (320, 240)"),
        ("no_plate", "no plate"),
        ("several_plates", "2 plates"),
    ]) {
        let message = line["error"]["message"].as_str().unwrap();
        assert_eq!(line["error"]["kind"], kind, "{message}");
        assert!(message.contains(expected), "{message}");
    }
    assert_eq!(found[5]["error"]["scores"].as_array().unwrap().len(), 2);
    assert!(found[6]["found"]["pose"]["x_m"].is_f64());

    // An invalid camera file.
    let camera = fs::read_to_string(path("camera.toml")).unwrap();
    fs::write(path("camera.toml"), camera.replace("-0.", "-1.")).unwrap();
    let files = ["localize", "--color", "frames/000001.png", "--depth", "frames/000001-depth.png"];
    for arguments in [
        &["localize", "--recording", "frames"][..],
        &[&files[..], &["--camera", "frames/camera.toml"]].concat(),
    ] {
        let output = rmrl(dir.path(), arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(stderr(&output).contains("no rotation matrix"), "{}", stderr(&output));
    }
    let output = rmrl(dir.path(), &files).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("--camera"), "{}", stderr(&output));
}

/// Untrained networks find no plates. They only have to run, and to say why they found none.
#[test]
fn learned_models_are_chosen_by_name_and_report_why_they_find_no_plate() {
    let dir = tempfile::tempdir().unwrap();
    recorded(dir.path());
    let models = format!("{}/../rmrl-grounded-sam/tests/fixtures", env!("CARGO_MANIFEST_DIR"));
    let localize = |values: &[&str]| {
        let mut command = rmrl(dir.path(), &["localize", "--recording", "frames", "--json"]);
        command.args(values.iter().flat_map(|value| ["--set", value]));
        command.output().unwrap()
    };
    let dino = format!("vision.grounding_dino.directory={models}/grounding_dino");
    let sure =
        ["vision.detector=grounding-dino", &dino, "vision.grounding_dino.box_threshold=0.999"];
    let output = localize(&sure);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let found = lines(&stdout(&output));
    assert_eq!(found[0]["error"]["kind"], "no_plate");
    let score = found[0]["error"]["scores"][0].as_f64().unwrap();
    assert!((0.0..0.999).contains(&score), "{score}");

    // With a threshold near zero, everything is a plate: too many, with all scores.
    let unsure = [&sure[..2], &["vision.grounding_dino.box_threshold=1e-9"]].concat();
    let found = lines(&stdout(&localize(&unsure)));
    assert_eq!(found[0]["error"]["kind"], "several_plates", "{}", found[0]);
    assert!(found[0]["error"]["scores"].as_array().unwrap().len() > 1);

    // The color threshold finds the plate, and an untrained Segment Anything some mask in its box, which the checks of the
    // localizer reject.
    let sam = format!("vision.segment_anything.directory={models}/segment_anything");
    let decoder = "vision.segment_anything.decoder=decoder_boxes.onnx";
    let output = localize(&["vision.segmenter=segment-anything", &sam, decoder]);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let found = lines(&stdout(&output));
    let kind = found[0]["error"]["kind"].as_str().unwrap();
    let checks = [
        "empty_mask",
        "at_image_border",
        "wrong_size",
        "depth_not_aligned",
        "inconsistent_depth",
        "tilted",
        "not_raised",
        "wrong_shape",
    ];
    assert!(checks.contains(&kind), "{kind}");

    // Missing files, or files of other models, are reported before any frame is read.
    let points = "vision.segment_anything.decoder=decoder_points.onnx";
    let other = format!("vision.grounding_dino.directory={models}/segment_anything");
    for (values, expected) in [
        (vec!["vision.detector=grounding-dino"], "models/grounding-dino"),
        (vec!["vision.detector=grounding-dino", &other], "segment_anything"),
        (vec!["vision.segmenter=segment-anything", &sam, points], "decoder_points.onnx"),
    ] {
        let output = localize(&values);
        assert_eq!(output.status.code(), Some(2), "{values:?}");
        assert_eq!(stdout(&output), "");
        assert!(stderr(&output).contains(expected), "{}", stderr(&output));
    }
}
