//! Cameras in the files of other programs are read where a camera file of this one is, if their lens is known.

#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

use std::path::Path;

use nalgebra::Point3;
use rmrl_vision::{CameraFile, Distortion, Intrinsics};

const CAMERA: Intrinsics = Intrinsics {
    width: 640,
    height: 480,
    fx: 612.25,
    fy: 611.75,
    cx: 321.5,
    cy: 238.0,
    distortion: Distortion { k1: 0.12, k2: -0.25, p1: 0.001, p2: -0.0007, k3: 0.05 },
};
const WITHOUT_K3: Intrinsics =
    Intrinsics { distortion: Distortion { k3: 0.0, ..CAMERA.distortion }, ..CAMERA };
const STRAIGHT: Intrinsics =
    Intrinsics { distortion: Distortion { k1: 0.0, k2: 0.0, p1: 0.0, p2: 0.0, k3: 0.0 }, ..CAMERA };

fn fixture(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
    std::fs::read_to_string(path).unwrap()
}

fn parsed(text: &str) -> Result<Intrinsics, String> {
    let file = CameraFile::parse(text, Path::new("camera.any"));
    file.map(|file| file.intrinsics).map_err(|error| match std::error::Error::source(&error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    })
}

#[test]
fn one_camera_is_read_from_the_files_of_all_programs() {
    let kalibr_one = fixture("camera-kalibr.yaml").split("cam1:").next().unwrap().to_string();
    let numbers = "\"fx\": 612.25, \"fy\": 611.75, \"ppx\": 321.5, \"ppy\": 238, \"width\": 640, \"height\": 480";
    let coefficients = "[0.12, -0.25, 0.001, -0.0007, 0.05]";
    for (text, expected) in [
        (fixture("camera-opencv.yml"), CAMERA),
        (fixture("camera-opencv.yml").replace("%YAML 1.2", "%YAML:1.0"), CAMERA),
        (fixture("camera-opencv.xml"), CAMERA),
        (fixture("camera-opencv.json"), CAMERA),
        (fixture("camera-ros.yaml"), CAMERA),
        (fixture("camera-ros.yaml").replace('\n', "\r\n"), CAMERA),
        (kalibr_one.clone(), WITHOUT_K3),
        // The tutorial of OpenCV has other upper case.
        (
            fixture("camera-opencv.xml")
                .replace("image_w", "image_W")
                .replace("camera_matrix", "Camera_Matrix")
                .replace("distortion_coefficients", "Distortion_Coefficients"),
            CAMERA,
        ),
        // `ros2 topic echo`, twice.
        (
            "header:\n  stamp:\n    sec: 1\nheight: 480\nwidth: 640\ndistortion_model: plumb_bob\nd:\n- 0.12\n- -0.25\n\
             - 0.001\n- -0.0007\n- 0.05\nk:\n- 612.25\n- 0.0\n- 321.5\n- 0.0\n- 611.75\n- 238.0\n- 0.0\n- 0.0\n- 1.0\n\
             binning_x: 0\nroi:\n  x_offset: 0\n  y_offset: 0\n  height: 0\n  width: 0\n---\n"
                .repeat(2),
            CAMERA,
        ),
        // EuRoC.
        (
            "# sensor\nsensor_type: camera\nT_BS:\n  cols: 4\n  data: [1.0, 0.0]\nresolution: [640, 480]\n\
             camera_model: pinhole\nintrinsics: [612.25, 611.75, 321.5, 238] #fu, fv, cu, cv\n\
             distortion_model: radial-tangential\ndistortion_coefficients: [0.12, -0.25, 0.001, -0.0007]\n"
                .to_string(),
            WITHOUT_K3,
        ),
        // ORB-SLAM.
        (
            "%YAML:1.0\n\nCamera.type: \"PinHole\"\nCamera.fx: 612.25\nCamera.fy: 611.75\nCamera.cx: 321.5\n\
             Camera.cy: 238.0\nCamera.k1: 0.12\nCamera.k2: -0.25\nCamera.p1: 0.001\nCamera.p2: -0.0007\n\
             Camera.width: 640\nCamera.height: 480\n"
                .to_string(),
            WITHOUT_K3,
        ),
        // Scripts around pyrealsense2.
        (format!("{{{numbers}, \"model\": \"distortion.inverse_brown_conrady\", \"coeffs\": [0,0,0,0,0]}}"), STRAIGHT),
        (format!("{{\"color\": {{{numbers}, \"model\": 4, \"coeffs\": {coefficients}}}}}"), CAMERA),
        (
            format!(
                "{{\"serial\": \"1\", \"width\": 640, \"height\": 480, \"intrinsics\": {{{}, \"distortion_model\": \
                 \"Brown Conrady\", \"distortion_coeffs\": {coefficients}}}}}",
                numbers.split(", \"width\"").next().unwrap()
            ),
            CAMERA,
        ),
        // Open3D, column after column.
        (
            "{\"width\": 640, \"height\": 480, \"intrinsic_matrix\": [612.25, 0, 0, 0, 611.75, 0, 321.5, 238, 1]}"
                .to_string(),
            STRAIGHT,
        ),
        // `numpy.tolist`.
        (
            format!(
                "{{\"camera_matrix\": [[612.25,0,321.5],[0,611.75,238],[0,0,1]], \"dist_coeff\": [{coefficients}], \
                 \"image_size\": [640, 480]}}"
            ),
            CAMERA,
        ),
    ] {
        assert_eq!(parsed(&text), Ok(expected), "{text}");
    }
    // Not only the numbers, but what they mean: `cv2.projectPoints` of OpenCV 5.0.0 with the fixture's camera.
    let pixel = CAMERA.project(Point3::new(0.1, -0.05, 0.8)).unwrap();
    assert!((pixel.x - 398.172_020_058_1).abs() < 1e-6, "{pixel}");
    assert!((pixel.y - 199.703_063_809_0).abs() < 1e-6, "{pixel}");
}

#[test]
fn other_lenses_and_doubtful_files_are_refused_with_the_reason() {
    let ros = fixture("camera-ros.yaml");
    let lens = |model: &str| ros.replace("plumb_bob", model);
    let flat = |entries: &str| {
        format!(
            "image_width: 640\nimage_height: 480\nK: [612.25, 0, 321.5, 0, 611.75, 238, 0, 0, 1]\n{entries}"
        )
    };
    for (text, expected) in [
        (fixture("camera-kalibr.yaml"), "the cameras cam0, cam1; choose one: rmrl calibrate import"),
        (lens("equidistant"), "the lens of the camera overhead is equidistant"),
        (lens("fisheye"), "fisheye"),
        (lens("inverse_brown_conrady"), "inverse_brown_conrady with [0.12"),
        (lens("modified_brown_conrady"), "modified_brown_conrady with [0.12"),
        (lens("rational_polynomial").replace("- 0.05\n", "- 0.05\n  - 0.1\n"), "rational_polynomial with"),
        (fixture("camera-opencv.json").replace("0.0, 0.0, 0.0 ]", "0.0, 0.01, 0.0 ]"), "OpenCV's with"),
        (fixture("camera-opencv.yml") + "fisheye_model: 1\n", "is fisheye"),
        (flat("D: [0.1, 0.01, 0.02, 0.03]\n"), "fisheye lens; add distortion_model"),
        (flat(""), "no distortion coefficients"),
        (flat("distortion_coefficients: [0.1]\n"), "OpenCV's with [0.1]"),
        (flat("D: plumb_bob\n"), "D \"plumb_bob\", expected the numbers"),
        (flat("D: [.nan, 0, 0, 0, 0]\n"), "NaN"),
        (flat("D: [0, 0, 0, 0, 0]\nbinning_x: 2\n"), "binning"),
        (flat("D: [0, 0, 0, 0, 0]\nroi: {x_offset: 8, y_offset: 0}\n"), "roi"),
        (flat("D: [0, 0, 0, 0, 0]\n").replace("612.25, 0,", "612.25, 3,"), "expected fx, 0, cx"),
        (flat("D: [0, 0, 0, 0, 0]\n").replace("image_width: 640", "image_width: 0.5"), "whole numbers"),
        (flat("D: [0, 0, 0, 0, 0]\n").replace("image_width: 640\n", ""), "--image-size"),
        (flat("D: [0, 0, 0, 0, 0]\n").replace("612.25", "-612.25"), "fx is -612.25"),
        (flat("K: 3\n"), "the key K is there twice"),
        ("cam0:\n  camera_model: omni\n  intrinsics: [1.2, 1, 2, 3, 4]\n  resolution: [640, 480]\n".into(), "is omni"),
        ("cam0:\n  camera_model: pinhole\n  intrinsics: [1, 2, 3]\n".into(), "expected fx, fy, cx, cy"),
        ("a: [1, 2\n".into(), "no YAML"),
        ("{\"fx\": 1".into(), "no JSON"),
        ("<a><b></a>".into(), "no XML"),
        ("a: 1\n".into(), "no camera"),
        ("[intrinsics]\nwidth = 640\n".into(), "is no camera file"),
        ("[".repeat(100_000), "camera.any"),
        (format!("a: {}", "[".repeat(100_000)), "no YAML"),
        (format!("{}1", "{\"a\": ".repeat(100_000)), "no JSON"),
        ("<a>".repeat(100_000), "no XML"),
    ] {
        let message = parsed(&text).unwrap_err();
        let short: String = message.chars().take(300).collect();
        assert!(message.contains(expected) && message.contains("camera.any"), "{expected}: {short}");
    }
    // Each list has the one before nine times: 10^9 values in a few lines.
    let lists =
        (1..9).map(|n| format!("a{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 9].join(",")));
    let text = format!("a0: &a0 [1]\n{}", lists.collect::<String>());
    assert!(parsed(&text).unwrap_err().contains("more than"), "billions of values");
}

#[test]
fn one_of_several_cameras_is_imported_by_its_name() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("camera");
    let import = |text: &str, name: Option<&str>, size| {
        std::fs::write(&path, text).unwrap();
        CameraFile::import(&path, name, size)
            .map(|(file, camera)| (file.intrinsics, camera.name))
            .map_err(|error| error.to_string())
    };
    let kalibr = fixture("camera-kalibr.yaml");
    assert_eq!(import(&kalibr, Some("cam0"), None), Ok((WITHOUT_K3, "cam0".to_string())));
    assert!(import(&kalibr, Some("cam1"), None).unwrap_err().contains("equidistant"));
    assert!(import(&kalibr, Some("cam2"), None).unwrap_err().contains("cam0, cam1"));
    let ros = fixture("camera-ros.yaml");
    assert_eq!(import(&ros, None, Some([640, 480])), Ok((CAMERA, "overhead".to_string())));
    assert!(import(&ros, None, Some([1280, 720])).unwrap_err().contains("640 x 480"));
    let without: String = ros
        .lines()
        .filter(|line| !line.starts_with("image_"))
        .map(|line| format!("{line}\n"))
        .collect();
    assert_eq!(import(&without, None, Some([640, 480])).unwrap().0, CAMERA);
    assert!(
        import("[intrinsics]\n", None, None).unwrap_err().contains("expected YAML, XML or JSON")
    );
    // `rs-enumerate-devices -c`.
    let stream = |stream: &str, size: [u32; 2], formats: &str, coefficients: &str| {
        format!(
            " Intrinsic of \"{stream}\" / {}x{} / {{{formats}}}\n  Width:      \t{}\n  Height:     \t{}\n  PPX:        \
             \t321.5\n  PPY:        \t238\n  Fx:         \t612.25\n  Fy:         \t611.75\n  Distortion: \tInverse \
             Brown Conrady\n  Coeffs:     \t{coefficients}\n  FOV (deg):  \t55.2 x 42.8\n\n",
            size[0], size[1], size[0], size[1]
        )
    };
    let list = format!(
        "Device info: \n    Name                          : \tIntel RealSense D435\n\n{}{}{}{}Extrinsic from \"Color\"\n",
        stream("Depth", [640, 480], "Z16", "0  \t0  \t0  \t0  \t0"),
        stream("Color", [640, 480], "YUYV/RGB8", "0  \t0  \t0  \t0  \t0  "),
        stream("Color", [640, 480], "Y16", "0  \t0  \t0  \t0  \t0  "),
        stream("Color", [848, 480], "RGB8", "-0.05  \t0.06  \t0.0004  \t0  \t-0.02"),
    );
    assert_eq!(import(&list, Some("Color 640x480"), None).unwrap().0, STRAIGHT);
    let bent = import(&list, Some("Color 848x480"), None).unwrap_err();
    assert!(bent.contains("Inverse Brown Conrady with [-0.05"), "{bent}");
    let several = import(&list, None, None).unwrap_err();
    assert!(several.contains("Depth 640x480, Color 640x480, Color 848x480;"), "{several}");
}
