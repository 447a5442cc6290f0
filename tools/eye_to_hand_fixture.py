"""Makes crates/rmrl-calibration/tests/fixtures/eye_to_hand.json: views of a board on an arm's flange, and the camera's
pose that OpenCV finds from them, by its hand-eye solver of Park and Martin with inverted poses.

    pip install numpy "opencv-python-headless<5"
    python3 tools/eye_to_hand_fixture.py
"""

import json
from pathlib import Path

import cv2
import numpy as np

OUT = Path(__file__).parent.parent / "crates/rmrl-calibration/tests/fixtures/eye_to_hand.json"
COLUMNS, ROWS, SQUARE_M = 5, 4, 0.03
K = np.array([[612.0, 0.0, 321.5], [0.0, 611.0, 238.0], [0.0, 0.0, 1.0]])
# k1, k2, p1, p2, k3
DISTORTION = np.array([0.05, -0.1, 0.001, -0.0007, 0.02])
VIEWS = 10


def transform(rotation_vector, translation):
    matrix = np.eye(4)
    matrix[:3, :3] = cv2.Rodrigues(np.array(rotation_vector, float))[0]
    matrix[:3, 3] = translation
    return matrix


def pixels(camera_from_board, points):
    rotation = cv2.Rodrigues(camera_from_board[:3, :3])[0]
    return cv2.projectPoints(points, rotation, camera_from_board[:3, 3], K, DISTORTION)[0][:, 0]


def solved(flanges, views, points):
    """The camera's pose: OpenCV's hand-eye with the flange's poses inverted."""
    rotations, translations = [], []
    for view in views:
        found, rotation, translation = cv2.solvePnP(points, view, K, DISTORTION)
        assert found
        rotation, translation = cv2.solvePnPRefineLM(
            points, view, K, DISTORTION, rotation, translation, (cv2.TERM_CRITERIA_COUNT + cv2.TERM_CRITERIA_EPS, 200, 1e-14)
        )
        rotations.append(cv2.Rodrigues(rotation)[0])
        translations.append(translation)
    inverted = [np.linalg.inv(flange) for flange in flanges]
    rotation, translation = cv2.calibrateHandEye(
        [one[:3, :3] for one in inverted],
        [one[:3, 3] for one in inverted],
        rotations,
        translations,
        method=cv2.CALIB_HAND_EYE_PARK,
    )
    result = np.eye(4)
    result[:3, :3], result[:3, 3] = rotation, translation[:, 0]
    return result


def main():
    rng = np.random.default_rng(28)
    points = np.array([[SQUARE_M * column, SQUARE_M * row, 0.0] for row in range(ROWS) for column in range(COLUMNS)])
    down = transform([np.pi, 0, 0], [0, 0, 0])
    world_from_camera = transform([0.02, -0.01, 0.03], [0.35, 0.02, 0.82]) @ down
    flange_from_board = transform([0.03, -0.05, 0.4], [0.15, -0.04, 0.02])
    flanges, reported, exact, noisy = [], [], [], []
    while len(flanges) < VIEWS:
        tilt = transform([*rng.uniform(-0.4, 0.4, 2), 0], [0, 0, 0])
        yaw = transform([0, 0, rng.uniform(-1.5, 1.5)], [0, 0, 0])
        flange = transform([0, 0, 0], [rng.uniform(0.2, 0.45), rng.uniform(-0.15, 0.15), rng.uniform(0.1, 0.3)]) @ tilt @ yaw @ down
        seen = pixels(np.linalg.inv(world_from_camera) @ flange @ flange_from_board, points)
        if (seen < 5).any() or (seen > [635, 475]).any():
            continue
        flanges.append(flange)
        exact.append(seen)
        noisy.append(seen + rng.normal(0, 0.05, seen.shape))
        reported.append(flange @ transform(rng.normal(0, np.radians(0.05), 3), rng.normal(0, 0.0001, 3)))
    fixture = {
        "opencv": cv2.__version__,
        "camera": {"fx": K[0, 0], "fy": K[1, 1], "cx": K[0, 2], "cy": K[1, 2], "distortion": DISTORTION.tolist()},
        "world_from_camera": world_from_camera.tolist(),
        "exact": {
            "flanges": [one.tolist() for one in flanges],
            "corners": [np.round(one, 7).tolist() for one in exact],
            "opencv": solved(flanges, exact, points).tolist(),
        },
        "noisy": {
            "flanges": [one.tolist() for one in reported],
            "corners": [np.round(one, 4).tolist() for one in noisy],
            "opencv": solved(reported, noisy, points).tolist(),
        },
    }
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(fixture) + "\n")
    for kind in ("exact", "noisy"):
        off = np.linalg.inv(world_from_camera) @ np.array(fixture[kind]["opencv"])
        angle = np.degrees(np.linalg.norm(cv2.Rodrigues(off[:3, :3])[0]))
        print(f"{kind}: OpenCV {cv2.__version__} is off by {1000 * np.linalg.norm(off[:3, 3]):.4f} mm, {angle:.5f} degrees")


main()
