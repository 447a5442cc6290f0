"""The row *chessboard* of the tables: a camera that is calibrated by a board, and no correction.

In each simulated cell the arm shows the board and `rmrl calibrate eye-to-hand` finds the camera. Then plates are picked where it
sees them. Makes one reproduction of all cells, to be collected beside others.

    python3 tools/chessboard_row.py target/release/rmrl --out chessboard --seeds 20 --trials 10
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rmrl", type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--trials", type=int, default=10)
    parser.add_argument("--placements", type=int, default=10)
    arguments = parser.parse_args()
    rmrl = arguments.rmrl.resolve()
    cameras = arguments.out / "cameras"
    cameras.mkdir(parents=True, exist_ok=True)

    def run(*words):
        done = subprocess.run([rmrl, *map(str, words)], capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"rmrl {' '.join(map(str, words))} failed:\n{done.stderr}")
        return json.loads(done.stdout.strip().splitlines()[-1]) if done.stdout.strip() else {}

    errors, carried = [], []
    for seed in range(arguments.first_seed, arguments.first_seed + arguments.seeds):
        camera, session = cameras / f"{seed}.toml", cameras / f"{seed}"
        if not camera.exists():
            run("calibrate", "capture", "--seed", seed, "--out", session)
            run("calibrate", "eye-to-hand", "--session", session, "--out", camera)
        by_carries = run("calibrate", "carries", "--seed", seed, "--out", cameras / f"{seed}-carries.toml")
        carried.append(by_carries["seen_error_mm"])
        units = arguments.out / f"{seed}"
        run(
            "reproduce", "--unit", f"default/none/{seed}", "--trials", arguments.trials, "--placements",
            arguments.placements, "--set", f"camera.calibration={camera}", "--out", units,
        )
        [unit] = [json.loads(path.read_text()) for path in units.glob("units/**/*.json")]
        table = next(final for final in unit["finals"] if final["task"] == "table")
        placed = [attempt["errors"]["true_e_trans_mm"] for attempt in table["attempts"] if attempt["errors"]]
        errors.append(statistics.mean(placed))
        print(f"cell {seed}: {errors[-1]:.2f} mm; by carries {carried[-1][0]:.2f} mm at most, {carried[-1][1]:.2f} on average")
    middle = sorted(errors)[len(errors) // 4 : len(errors) - len(errors) // 4]
    print(f"chessboard, no correction: {statistics.mean(middle):.2f} mm (interquartile mean of {len(errors)} cells), "
          f"worst {max(errors):.2f} mm")
    print(f"camera by carries: {statistics.mean(mean for _, mean in carried):.2f} mm on average, "
          f"worst {max(most for most, _ in carried):.2f} mm")


if __name__ == "__main__":
    main()
