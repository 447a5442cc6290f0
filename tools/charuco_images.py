"""Images of a ChArUco board with known corners, and the corners that OpenCV finds in them.

    pip install numpy opencv-contrib-python-headless
    python3 tools/charuco_images.py crates/rmrl-calibration/tests/data/charuco     # the fixtures of the tests
    python3 tools/charuco_images.py /somewhere --count 40 --size 1280x720          # more, for a comparison

The board is drawn by OpenCV: 10 x 7 squares of 25 mm, markers of 18 mm from DICT_5X5_100. Each image is rendered with
a lens, blur and noise, from a print of 16 pixels per millimeter. In every other image a part of the board is outside.
corners.json has, for each image, the true pixels of the corners inside it by their id, and those that OpenCV's
CharucoDetector finds, with cornerSubPix as its default and with the refinement of markers.
"""

import argparse
import json
from pathlib import Path

import cv2
import numpy as np

COLUMNS, ROWS, SQUARE_MM, MARKER_MM = 10, 7, 25.0, 18.0
PRINT_PX_PER_MM = 16
MARGIN_MM = 10.0
SAMPLES = 4


def board():
    dictionary = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_5X5_100)
    return cv2.aruco.CharucoBoard((COLUMNS, ROWS), SQUARE_MM, MARKER_MM, dictionary)


def printed():
    size = (int(COLUMNS * SQUARE_MM * PRINT_PX_PER_MM), int(ROWS * SQUARE_MM * PRINT_PX_PER_MM))
    margin = int(MARGIN_MM * PRINT_PX_PER_MM)
    return cv2.copyMakeBorder(board().generateImage(size), *[margin] * 4, cv2.BORDER_CONSTANT, value=255)


def pose(rng, partial):
    """A board in front of the camera, in millimeters."""
    direction, tilt = rng.uniform(0, 2 * np.pi), rng.uniform(0.1, 0.6)
    rotation = cv2.Rodrigues(tilt * np.array([np.cos(direction), np.sin(direction), 0.0]))[0]
    rotation = rotation @ cv2.Rodrigues(np.array([0.0, 0.0, rng.uniform(-np.pi, np.pi)]))[0]
    middle = np.array([COLUMNS * SQUARE_MM / 2, ROWS * SQUARE_MM / 2, 0.0])
    side = 120.0 if partial else 30.0
    at = np.array([rng.uniform(-side, side), rng.uniform(-side, side) * 0.6, rng.uniform(300, 380)])
    return rotation, at - rotation @ middle


def render(picture, k, lens, size, rotation, shift, rng):
    """The image, by samples of the board's plane in each pixel."""
    width, height = size
    offsets = (np.arange(SAMPLES) + 0.5) / SAMPLES - 0.5
    sums = np.zeros((height, width))
    u, v = np.meshgrid(np.arange(width, dtype=np.float64), np.arange(height, dtype=np.float64))
    # Rays spread by the blur of the lens.
    spread = 1.6
    for right in offsets * spread:
        for down in offsets * spread:
            pixels = np.stack([u.ravel() + right, v.ravel() + down], axis=1).reshape(-1, 1, 2)
            criteria = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 40, 1e-9)
            ideal = cv2.undistortPoints(pixels, k, lens, criteria=criteria).reshape(-1, 2)
            rays = np.hstack([ideal, np.ones((len(ideal), 1))]) @ rotation
            eye = -rotation.T @ shift
            point = eye[None, :2] - rays[:, :2] * (eye[2] / rays[:, 2:3])
            at = (point + MARGIN_MM) * PRINT_PX_PER_MM - 0.5
            level = cv2.remap(picture, at[:, 0].reshape(height, width).astype(np.float32),
                              at[:, 1].reshape(height, width).astype(np.float32), cv2.INTER_LINEAR,
                              borderMode=cv2.BORDER_CONSTANT, borderValue=110)
            sums += 25 + level.astype(np.float64) * (205 / 255)
    image = sums / SAMPLES**2 + rng.normal(0, 1.5, sums.shape)
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--count", type=int, default=4)
    parser.add_argument("--size", default="640x480")
    parser.add_argument("--seed", type=int, default=3)
    arguments = parser.parse_args()
    size = tuple(int(side) for side in arguments.size.split("x"))
    focal = 0.95 * size[0]
    k = np.array([[focal, 0, size[0] / 2 + 3.2], [0, focal, size[1] / 2 - 4.1], [0, 0, 1.0]])
    lens = np.array([0.06, -0.12, 0.0006, -0.0004, 0.02])
    rng = np.random.default_rng(arguments.seed)
    picture, plan = printed(), board()
    default = cv2.aruco.CharucoDetector(plan)
    refined = cv2.aruco.DetectorParameters()
    refined.cornerRefinementMethod = cv2.aruco.CORNER_REFINE_SUBPIX
    refined = cv2.aruco.CharucoDetector(plan, cv2.aruco.CharucoParameters(), refined)
    arguments.out.mkdir(parents=True, exist_ok=True)
    points = np.asarray(plan.getChessboardCorners(), dtype=np.float64)
    images, squares = [], {"default": [], "refined": []}
    while len(images) < arguments.count:
        rotation, shift = pose(rng, partial=len(images) % 2 == 1)
        true = cv2.projectPoints(points, cv2.Rodrigues(rotation)[0], shift, k, lens)[0].reshape(-1, 2)
        inside = np.all((true > 6) & (true < np.array(size) - 7), axis=1)
        if inside.sum() < 20 or (len(images) % 2 == 0 and not inside.all()):
            continue
        name = f"{len(images):02}.png"
        image = render(picture, k, lens, size, rotation, shift, rng)
        cv2.imwrite(str(arguments.out / name), image, [cv2.IMWRITE_PNG_COMPRESSION, 9])
        entry = {"name": name, "true": {str(i): [round(c, 4) for c in true[i]] for i in np.flatnonzero(inside)}}
        for label, detector in (("default", default), ("refined", refined)):
            corners, ids, _, _ = detector.detectBoard(image)
            found = {} if ids is None else {int(i): c.ravel() for i, c in zip(ids.ravel(), corners)}
            entry[f"opencv_{label}"] = {str(i): [round(float(x), 4) for x in c] for i, c in found.items()}
            squares[label] += [float(np.sum((c - true[i]) ** 2)) for i, c in found.items()]
        images.append(entry)
    for label, values in squares.items():
        print(f"OpenCV {cv2.__version__}, {label}: {len(values)} corners, rms {np.sqrt(np.mean(values)):.4f} px")
    text = ",\n".join(json.dumps(entry) for entry in images)
    (arguments.out / "corners.json").write_text(f'{{"opencv": "{cv2.__version__}", "images": [\n{text}\n]}}\n')


if __name__ == "__main__":
    main()
