"""Calibrates simulated cells by a board on the arm, and compares with the truth. Needs only Python.

    cargo build --release
    python3 bench/held_board.py --cells 8
"""

import argparse
import json
import math
import subprocess
import tempfile
import tomllib
from pathlib import Path


def run(*arguments):
    done = subprocess.run([str(part) for part in arguments], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout)


class Camera:
    def __init__(self, file):
        lens = file["intrinsics"]
        self.focal, self.center = (lens["fx"], lens["fy"]), (lens["cx"], lens["cy"])
        distortion = lens.get("distortion", {})
        self.distortion = [distortion.get(key, 0.0) for key in ("k1", "k2", "p1", "p2", "k3")]
        pose = file["world_from_camera"]
        self.at = pose.get("translation", pose.get("translation_m"))
        self.rows = pose["rotation"]

    def distorted(self, x, y):
        k1, k2, p1, p2, k3 = self.distortion
        r2 = x * x + y * y
        radial = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
        return (
            x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x),
            y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y,
        )

    def pixel(self, point):
        way = [point[axis] - self.at[axis] for axis in range(3)]
        x, y, z = (sum(self.rows[row][axis] * way[row] for row in range(3)) for axis in range(3))
        seen = self.distorted(x / z, y / z)
        return [self.focal[axis] * seen[axis] + self.center[axis] for axis in range(2)]

    def on_table(self, pixel):
        target = [(pixel[axis] - self.center[axis]) / self.focal[axis] for axis in range(2)]
        x, y = target
        for _ in range(50):
            seen = self.distorted(x, y)
            x, y = x + target[0] - seen[0], y + target[1] - seen[1]
        ray = [row[0] * x + row[1] * y + row[2] for row in self.rows]
        return [self.at[axis] - self.at[2] / ray[2] * ray[axis] for axis in range(2)]


def errors_mm(found, truth):
    """Over 0.32 x 0.48 m of the table."""
    for column in range(9):
        for row in range(9):
            point = (0.20 + 0.04 * column, -0.24 + 0.06 * row)
            seen = found.on_table(truth.pixel((*point, 0.0)))
            yield 1000 * math.dist(seen, point)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=8)
    parser.add_argument("--rmrl", type=Path, default=Path("target/release/rmrl"))
    parser.add_argument("capture", nargs="*", help="further arguments of `rmrl calibrate capture`, after --")
    arguments = parser.parse_args()
    numbers = []
    for seed in range(arguments.cells):
        with tempfile.TemporaryDirectory() as folder:
            session, camera = Path(folder, "session"), Path(folder, "overhead.toml")
            captured = run(arguments.rmrl, "calibrate", "capture", "--seed", seed, "--out", session, *arguments.capture)
            found = run(arguments.rmrl, "calibrate", "eye-to-hand", "--session", session, "--out", camera)
            truth = json.loads(Path(session, "truth.json").read_text())
            off = list(errors_mm(Camera(tomllib.loads(camera.read_text())), Camera(truth["overhead"])))
            numbers.append(
                {
                    "mean error, mm": sum(off) / len(off),
                    "worst place, mm": max(off),
                    "residual_mm": found["check"]["residual_mm"],
                    "height rms, mm": found["check"]["height_rms_mm"],
                    "focal length off, %": 100 * abs(found["intrinsics"]["fx"] / truth["overhead"]["intrinsics"]["fx"] - 1),
                    "board on the flange off, mm": math.dist(found["board_mm"], truth["board_mm"]),
                    "robot's time, min": captured["robot_minutes"],
                }
            )
            print(seed, {key: round(value, 3) for key, value in numbers[-1].items()}, flush=True)
    print("| | mean | worst |\n|-|-|-|")
    for key in numbers[0]:
        values = [number[key] for number in numbers]
        print(f"| {key} | {sum(values) / len(values):.3f} | {max(values):.3f} |")


if __name__ == "__main__":
    main()
