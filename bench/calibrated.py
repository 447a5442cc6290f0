"""What calibrating the cameras is worth: runs of laboratories before and after `rmrl calibrate`.

    python bench/calibrated.py [--rmrl target/release/rmrl] [--cells 10] [--keep DIR]

Each cell is calibrated by the six commands of docs/calibration.md from pictures of its own cameras, then
each method trains in it twice, with what the simulated laboratory believes of its camera and with the
calibrated file, and is evaluated on new placements. Prints the means over the cells with 95 % bootstrap
intervals. Needs nothing but Python.
"""

import argparse
import json
import random
import statistics
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

METHODS = {"none": 20, "rm-rl": 150, "hindsight": 150}
PLACEMENTS = 40

COMMANDS = """
calibrate simulate --seed {seed} --out {cell}
calibrate intrinsics --images {cell}/wrist --out {cell}/wrist.toml
calibrate hand-eye --images {cell}/wrist --poses {cell}/poses.csv --camera {cell}/wrist.toml --out {cell}/wrist.toml
calibrate intrinsics --images {cell}/overhead --out {cell}/overhead.toml
calibrate overhead --pairs {cell}/pairs.csv --wrist {cell}/wrist.toml --camera {cell}/overhead.toml --out {cell}/overhead.toml
calibrate check --pairs {cell}/check.csv --wrist {cell}/wrist.toml --camera {cell}/overhead.toml --write
"""


@dataclass
class Figures:
    """What one run came to."""

    calibration_mm: float
    t10: float
    average_reward: float
    true_error_mm: float
    seated_percent: float

    @staticmethod
    def of(trained: dict, placed: dict) -> "Figures":
        truth = placed["truth"]
        return Figures(
            calibration_mm=placed["budget"]["calibration"]["rms_mm"],
            # A run that never got there counts with all of its trials.
            t10=trained["t10"] or trained["trials"],
            average_reward=trained["average_reward"],
            true_error_mm=truth["e_trans_mm"]["mean"],
            seated_percent=100 * truth["seated"]["seated"] / truth["seated"]["trials"],
        )


def rmrl(program: Path, arguments: list[str]) -> dict:
    run = subprocess.run([program, *arguments], check=True, capture_output=True, text=True)
    return json.loads(run.stdout.splitlines()[-1])


def interval(values: tuple[float, ...]) -> str:
    draw = random.Random(0)
    means = sorted(statistics.fmean(draw.choices(values, k=len(values))) for _ in range(4000))
    digits = 3 if max(values) < 1 else 2 if max(values) < 10 else 0
    return f"{statistics.fmean(values):.{digits}f} [{means[100]:.{digits}f}, {means[-101]:.{digits}f}]"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rmrl", type=Path, default=Path("target/release/rmrl"))
    parser.add_argument("--cells", type=int, default=10)
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    program = options.rmrl.resolve()
    root = options.keep or Path(tempfile.mkdtemp())
    root.mkdir(parents=True, exist_ok=True)

    print("| method | camera | camera and tool off by, mm | T10 | average reward | error, true, mm | seated |")
    print("|-|-|-|-|-|-|-|")
    figures: dict[tuple[str, str], list[Figures]] = {}
    for seed in range(options.cells):
        cell = root / f"cell{seed}"
        for line in COMMANDS.strip().splitlines():
            rmrl(program, line.format(seed=seed, cell=cell).split())
        for method, trials in METHODS.items():
            for camera, extra in (
                ("as found", []),
                ("calibrated", ["--set", f"camera.calibration={cell}/overhead.toml"]),
            ):
                run = root / f"{method}-{seed}-{camera.split()[0]}"
                train = f"train --method {method} --seed {seed} --trials {trials} --out {run}"
                trained = rmrl(program, train.split() + extra)
                placed = rmrl(program, f"eval {run} --trials {PLACEMENTS}".split())
                figures.setdefault((method, camera), []).append(Figures.of(trained, placed))
    for (method, camera), cells in figures.items():
        columns = zip(*(vars(cell).values() for cell in cells))
        print("|", " | ".join([method, camera, *map(interval, columns)]), "|")


if __name__ == "__main__":
    main()
