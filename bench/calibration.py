"""Intrinsics of one camera from the same pictures by `rmrl calibrate intrinsics` and by OpenCV.

    pip install numpy opencv-python-headless
    cargo build --release
    python3 bench/calibration.py

Makes 16 pictures (1280 x 720) of a 9x6 board by a camera with a lens, for several amounts of blur and
noise, and calibrates by both. OpenCV finds corners in every way it offers here: by sectors
(findChessboardCornersSB, plain, and exhaustive with its accuracy flag) and by findChessboardCorners with
cornerSubPix, for windows from 3 to 11; its best is the way with the smallest reprojection error in each line.

Columns: root mean square distance between corners seen and expected (reprojection), as both say it of
themselves; how far the focal length is off; and how far, over the picture, a ray's pixel is from the pixel that
the true camera sees it at: a camera that fits its own corners well may still be wrong.
"""

import argparse
import json
import subprocess
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

SIZE = (1280, 720)
COLUMNS, ROWS, SQUARE_M = 9, 6, 0.025
TRUE_K = np.array([[921.0, 0.0, 645.2], [0.0, 919.5, 352.7], [0.0, 0.0, 1.0]])
TRUE_LENS = np.array([0.09, -0.19, 0.0008, -0.0005, 0.06])
BOARD = np.array([[c * SQUARE_M, r * SQUARE_M, 0.0] for r in range(ROWS) for c in range(COLUMNS)], np.float32)
SAMPLES = 6


def poses(count, rng):
    """Boards tilted to all sides, wholly in the picture."""
    found = []
    while len(found) < count:
        direction, tilt = rng.uniform(0, 2 * np.pi), rng.uniform(0.15, 0.6)
        rotation = cv2.Rodrigues(tilt * np.array([np.cos(direction), np.sin(direction), 0.0]))[0]
        rotation = rotation @ cv2.Rodrigues(np.array([0.0, 0.0, rng.uniform(0, 2 * np.pi)]))[0]
        at = np.array([rng.uniform(-0.2, 0.2), rng.uniform(-0.12, 0.12), rng.uniform(0.28, 0.45)])
        shift = at - rotation @ BOARD.mean(axis=0)
        pixels = cv2.projectPoints(BOARD, cv2.Rodrigues(rotation)[0], shift, TRUE_K, TRUE_LENS)[0].reshape(-1, 2)
        if np.all(pixels > 25) and np.all(pixels < np.array(SIZE) - 25):
            found.append((rotation, shift))
    return found


def rays():
    """Ideal coordinates of all pixels, and their slopes."""
    u, v = np.meshgrid(np.arange(SIZE[0], dtype=np.float64), np.arange(SIZE[1], dtype=np.float64))
    pixels = np.stack([u.ravel(), v.ravel()], axis=1).reshape(-1, 1, 2)
    criteria = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 100, 1e-12)
    ideal = cv2.undistortPointsIter(pixels, TRUE_K, TRUE_LENS, None, None, criteria) if hasattr(
        cv2, "undistortPointsIter") else cv2.undistortPoints(pixels, TRUE_K, TRUE_LENS, criteria=criteria)
    ideal = ideal.reshape(SIZE[1], SIZE[0], 2)
    return ideal, np.gradient(ideal, axis=1), np.gradient(ideal, axis=0)


def picture(pose, blur_px, noise_levels, lattice, rng):
    """Supersampled, blurred in linear light, with a tone curve, uneven light and noise."""
    ideal, right, down = lattice
    rotation, shift = pose
    eye = -rotation.T @ shift
    light = np.zeros(SIZE[::-1])
    for i in range(SAMPLES):
        for j in range(SAMPLES):
            # No two samples in a row or column, or edges along either would be placed in steps.
            x = (i + (j + 0.5) / SAMPLES) / SAMPLES - 0.5
            y = (j + (i + 0.5) / SAMPLES) / SAMPLES - 0.5
            ray = np.dstack([ideal + x * right + y * down, np.ones(SIZE[::-1])]) @ rotation
            scale = -eye[2] / ray[..., 2]
            a, b = eye[0] + scale * ray[..., 0], eye[1] + scale * ray[..., 1]
            column, row = np.floor(a / SQUARE_M + 1), np.floor(b / SQUARE_M + 1)
            inside = (column >= 0) & (column <= COLUMNS) & (row >= 0) & (row <= ROWS)
            margin = (column >= -1) & (column <= COLUMNS + 1) & (row >= -1) & (row <= ROWS + 1)
            albedo = np.where(inside & ((column + row) % 2 == 0), 0.05, np.where(margin, 0.6, 0.25))
            light += albedo * (1.0 + 0.8 * a - 0.5 * b)
    light = cv2.GaussianBlur(light / SAMPLES**2, (0, 0), blur_px) if blur_px else light / SAMPLES**2
    level = 255.0 * np.clip(light, 0, 1) ** (1 / 2.2) + noise_levels * rng.standard_normal(light.shape)
    return np.clip(np.round(level), 0, 255).astype(np.uint8)


def opencv_ways():
    def sectors(flags):
        def find(image):
            found, corners = cv2.findChessboardCornersSB(image, (COLUMNS, ROWS), flags=flags)
            return corners if found else None
        return find

    def gradients(half):
        def find(image):
            found, corners = cv2.findChessboardCorners(image, (COLUMNS, ROWS))
            criteria = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 100, 1e-4)
            return cv2.cornerSubPix(image, corners, (half, half), (-1, -1), criteria) if found else None
        return find

    yield "sectors", sectors(0)
    yield "sectors, accuracy", sectors(cv2.CALIB_CB_EXHAUSTIVE | cv2.CALIB_CB_ACCURACY)
    for half in (3, 5, 7, 9, 11):
        yield f"cornerSubPix {half}", gradients(half)


def ray_error_px(k, lens):
    """Root mean square over the picture: where the true camera sees the rays of the found one's pixels."""
    u, v = np.meshgrid(np.linspace(20, SIZE[0] - 20, 33), np.linspace(20, SIZE[1] - 20, 19))
    pixels = np.stack([u.ravel(), v.ravel()], axis=1)
    criteria = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 100, 1e-12)
    ideal = cv2.undistortPoints(pixels.reshape(-1, 1, 2), k, lens, criteria=criteria).reshape(-1, 2)
    points = np.column_stack([ideal, np.ones(len(ideal))])
    seen = cv2.projectPoints(points, np.zeros(3), np.zeros(3), TRUE_K, TRUE_LENS)[0].reshape(-1, 2)
    return np.sqrt(np.mean(np.sum((seen - pixels) ** 2, axis=1)))


def by_opencv(images, find):
    began = time.monotonic()
    corners = [find(image) for image in images]
    corners = [found.reshape(-1, 1, 2).astype(np.float32) for found in corners if found is not None]
    if len(corners) < 5:
        return None
    rms, k, lens, _, _ = cv2.calibrateCamera([BOARD] * len(corners), corners, SIZE, None, None)
    return rms, k, lens.ravel()[:5], len(corners), time.monotonic() - began


def by_rmrl(binary, folder):
    began = time.monotonic()
    out = subprocess.run(
        [binary, "calibrate", "intrinsics", "--images", folder, "--corners", f"{COLUMNS}x{ROWS}", "--square-mm",
         str(1000 * SQUARE_M), "--out", Path(folder) / "camera.toml", "--json"],
        check=True, capture_output=True, text=True)
    result = json.loads(out.stdout)
    got = result["intrinsics"]
    k = np.array([[got["fx"], 0, got["cx"]], [0, got["fy"], got["cy"]], [0, 0, 1]])
    lens = np.array([got["distortion"][key] for key in ("k1", "k2", "p1", "p2", "k3")])
    return result["reprojection_px"], k, lens, len(result["views"]), time.monotonic() - began


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rmrl", default="target/release/rmrl", help="the command")
    parser.add_argument("--pictures", type=int, default=16)
    parser.add_argument("--cameras", type=int, default=4, help="sets of pictures to take the mean of")
    arguments = parser.parse_args()
    print(f"OpenCV {cv2.__version__}, {arguments.cameras} sets of {arguments.pictures} pictures, root mean squares")
    print("| blur px | noise levels | by | views | reprojection px | focal length off % | rays off px | s |")
    print("|-|-|-|-|-|-|-|-|")
    lattice = rays()
    for blur_px, noise_levels in [(0.6, 2.0), (0.6, 6.0), (1.2, 6.0), (2.0, 10.0)]:
        ours, theirs, ways = [], [], []
        for seed in range(arguments.cameras):
            rng = np.random.default_rng(seed)
            images = [picture(pose, blur_px, noise_levels, lattice, rng) for pose in poses(arguments.pictures, rng)]
            with tempfile.TemporaryDirectory() as folder:
                for number, image in enumerate(images):
                    cv2.imwrite(f"{folder}/{number:02}.png", image)
                ours.append(by_rmrl(arguments.rmrl, folder))
            found = [(name, by_opencv(images, find)) for name, find in opencv_ways()]
            # A way that lost views is compared only where none kept all.
            most = max(result[3] for _, result in found if result)
            kept = [way for way in found if way[1] and way[1][3] == most]
            name, best = min(kept, key=lambda way: way[1][0])
            theirs.append(best)
            ways.append(name)
        for name, results in [("rmrl", ours), ("OpenCV, " + " / ".join(sorted(set(ways))), theirs)]:
            mean = lambda values: np.sqrt(np.mean(np.square(list(values))))
            focal = lambda k: 100 * max(abs(k[0, 0] / TRUE_K[0, 0] - 1), abs(k[1, 1] / TRUE_K[1, 1] - 1))
            print(f"| {blur_px} | {noise_levels} | {name} | {sum(result[3] for result in results)} | "
                  f"{mean(result[0] for result in results):.4f} | {mean(focal(result[1]) for result in results):.4f} | "
                  f"{mean(ray_error_px(*result[1:3]) for result in results):.4f} | "
                  f"{mean(result[4] for result in results):.1f} |", flush=True)
        if any(our[0] > their[0] for our, their in zip(ours, theirs)):
            print("MISSED: reprojection is larger than OpenCV's best")


if __name__ == "__main__":
    main()
