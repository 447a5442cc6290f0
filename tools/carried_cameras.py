"""Cameras that carries have calibrated, beside cameras that a board has calibrated, in the same simulated cells.

In each cell the arm carries a plate (`rmrl calibrate carries`), and shows a board (`rmrl calibrate capture` and `eye-to-hand`). Prints
by how much plates are seen off with either camera over the region of starts, in mm, by the simulator's truth.

    python3 tools/carried_cameras.py target/release/rmrl --seeds 20
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rmrl", type=pathlib.Path)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--config", type=pathlib.Path, help="a configuration of the cells, such as configs/exact-arm.toml")
    arguments = parser.parse_args()
    rmrl = arguments.rmrl.resolve()
    cells = ["--config", arguments.config] if arguments.config else []

    def run(*words):
        done = subprocess.run([rmrl, "calibrate", *map(str, words)], capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"rmrl calibrate {' '.join(map(str, words))} failed:\n{done.stderr}")
        return json.loads(done.stdout.strip().splitlines()[-1])

    by_carries, by_board = [], []
    for seed in range(arguments.first_seed, arguments.first_seed + arguments.seeds):
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            session, board = folder / "session", folder / "board.toml"
            run("capture", "--seed", seed, "--out", session, *cells)
            run("eye-to-hand", "--session", session, "--out", board)
            carried = run("carries", "--seed", seed, "--out", folder / "carries.toml", "--against", board, *cells)
        by_carries.append(carried["seen_error_mm"])
        by_board.append(carried["against_seen_error_mm"])
        print(
            f"cell {seed}: carries {by_carries[-1][1]:.2f} (at most {by_carries[-1][0]:.2f}), "
            f"board {by_board[-1][1]:.2f} (at most {by_board[-1][0]:.2f})", flush=True
        )
    for name, errors in [("carries", by_carries), ("board", by_board)]:
        means = [mean for _, mean in errors]
        print(f"{name}: {statistics.mean(means):.2f} mm on average over cells, cells from {min(means):.2f} to {max(means):.2f}, "
              f"{sum(mean <= 0.4 for mean in means)} of {len(means)} at most 0.4")


if __name__ == "__main__":
    main()
