#!/usr/bin/env python3
"""Makes the camera files of OpenCV and PyYAML (ROS, Kalibr) that rmrl-vision is tested with.

    python3 -m venv .venv && .venv/bin/pip install -r tools/requirements.txt
    .venv/bin/python tools/camera_fixture.py

Writes camera-* to crates/rmrl-vision/tests/fixtures, all of one camera.
"""

from pathlib import Path

import cv2
import numpy as np
import yaml

FIXTURES = Path(__file__).resolve().parent.parent / "crates/rmrl-vision/tests/fixtures"
MATRIX = np.array([[612.25, 0.0, 321.5], [0.0, 611.75, 238.0], [0.0, 0.0, 1.0]])
COEFFICIENTS = [0.12, -0.25, 0.001, -0.0007, 0.05]


def main():
    for syntax in ("yml", "xml", "json"):
        file = cv2.FileStorage(str(FIXTURES / f"camera-opencv.{syntax}"), cv2.FILE_STORAGE_WRITE)
        file.write("calibration_time", "Sun Nov 29 12:00:00 2026")
        file.write("image_width", 640)
        file.write("image_height", 480)
        file.write("camera_matrix", MATRIX)
        # As the calibration tutorial saves it: k4 to k6 were not estimated.
        file.write("distortion_coefficients", np.array([*COEFFICIENTS, 0.0, 0.0, 0.0])[:, None])
        file.write("avg_reprojection_error", 0.2)
        file.release()
    matrix = {"rows": 3, "cols": 3, "data": MATRIX.ravel().tolist()}
    ros = {
        "image_width": 640,
        "image_height": 480,
        "camera_name": "overhead",
        "camera_matrix": matrix,
        "distortion_model": "plumb_bob",
        "distortion_coefficients": {"rows": 1, "cols": 5, "data": COEFFICIENTS},
        "rectification_matrix": {"rows": 3, "cols": 3, "data": np.eye(3).ravel().tolist()},
        "projection_matrix": {"rows": 3, "cols": 4, "data": np.eye(3, 4).ravel().tolist()},
    }
    (FIXTURES / "camera-ros.yaml").write_text(yaml.safe_dump(ros))
    overlaps = [0]
    camera = {
        "cam_overlaps": overlaps,
        "camera_model": "pinhole",
        "distortion_coeffs": COEFFICIENTS[:4],
        "distortion_model": "radtan",
        "intrinsics": [612.25, 611.75, 321.5, 238.0],
        "resolution": [640, 480],
        "rostopic": "/cam/image_raw",
        "T_cam_imu": np.eye(4).tolist(),
    }
    fisheye = {**camera, "distortion_model": "equidistant", "intrinsics": [400.0, 400.0, 320.0, 240.0]}
    (FIXTURES / "camera-kalibr.yaml").write_text(yaml.safe_dump({"cam0": camera, "cam1": fisheye}))


if __name__ == "__main__":
    main()
