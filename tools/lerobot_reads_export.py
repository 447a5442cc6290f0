"""Reads a dataset of `rmrl export lerobot` with LeRobot itself, and compares every value with the runs.

    python3 -m venv judge
    judge/bin/pip install "lerobot==0.4.4"           # Python 3.11, or on Python 3.12: "lerobot[dataset]==0.6.1"
    rmrl export lerobot RUN... --out DATASET
    judge/bin/python tools/lerobot_reads_export.py DATASET RUN...

Loads the dataset offline with `LeRobotDataset`, goes through all frames by a `DataLoader`, and compares them with the logs
and images of the runs: numbers as float32, images pixel by pixel. Computes the statistics again with NumPy. Reads the files
with pandas, pyarrow and `datasets`, too, and the attempts beside the frames line by line and byte by byte.

With `--begun` the runs may have more attempts than the dataset: it was written while they trained, or was killed.
`--list FILE` judges all datasets of a file that `tools/lerobot_datasets.py` wrote.
"""

from __future__ import annotations

import argparse
import io
import json
import math
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CACHE = tempfile.TemporaryDirectory()
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_DATASETS_OFFLINE"] = "1"
os.environ["HF_HOME"] = CACHE.name
os.environ["HF_DATASETS_CACHE"] = CACHE.name

import datasets
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from lerobot.datasets.dataset_tools import delete_episodes, merge_datasets
from lerobot.datasets.lerobot_dataset import LeRobotDataset
from PIL import Image
from torch.utils.data import DataLoader

IMAGE = "observation.images.overhead"
QUANTILES = {"q01": 0.01, "q10": 0.1, "q50": 0.5, "q90": 0.9, "q99": 0.99}
Record = dict[str, Any]


def check(holds: bool, message: str) -> None:
    """Ends the program with `message` unless `holds`."""
    if not holds:
        sys.exit(f"error: {message}")


def lines_of(run: Path) -> list[str]:
    """The lines of a run's log that are whole."""
    text = (run / "trials.jsonl").read_text()
    return [line.removesuffix("\n") for line in text.splitlines(keepends=True) if line[-1] == "\n"]


def pose(value: Record | None) -> list[float]:
    """x and y in meters and yaw in radians; NaN where there is none."""
    return [math.nan] * 3 if value is None else [value["x_m"], value["y_m"], value["yaw_rad"]]


def number(value: float | None) -> list[float]:
    """A number; NaN where it is not known."""
    return [math.nan if value is None else value]


def expected(record: Record, run: int, episode: int) -> dict[str, Any]:
    """What the frame of a completed trial has to hold, by the log alone. Shapes as in `meta/info.json`."""
    plate, action = record["plate_in_image"], record["adjustment"]
    failure = record["failure"]
    return {
        "observation.state": pose(record["estimated_pose"]),
        "observation.plate_px": [plate["u_px"], plate["v_px"], plate["diagonal_px"]],
        "action": [action["dx_m"], action["dy_m"], action["dyaw_rad"]],
        "next.reward": number(record["reward"]),
        "next.done": [True],
        "next.success": [bool(record["seated"])],
        "outcome": "placed" if failure is None else failure["cause"],
        "next.e_trans_m": number(record["e_trans_m"]),
        "next.e_rot": number(record["e_rot"]),
        "next.final_pose": pose(record["final_pose"]),
        "target_pose": pose(record["target_pose"]),
        "pick_pose": pose(record["pick_pose"]),
        "interval_m": number(record.get("interval_m")),
        "true_e_trans_m": number(record["true_e_trans_m"]),
        "true_yaw_error_rad": number(record["true_yaw_error_rad"]),
        "candidate": record["action_index"] or [-1, -1, -1],
        "abstained": [record["abstained"]],
        "suspect": [record["suspect"]],
        "purpose": record.get("purpose", "training"),
        "run": [run],
        "trial": [record["trial"]],
        "attempt": [record["attempt"]],
        "scene": [record["scene"]],
        "timestamp": [0.0],
        "frame_index": [0],
        "episode_index": [episode],
        "index": [episode],
    }


def same(found: Any, value: Any) -> bool:
    """Whether an entry of a batch has exactly this value, as float32 where it is a number with a fraction."""
    if isinstance(value, str):
        return bool(found == value)
    array = np.atleast_1d(found.numpy())
    wanted = np.array(value, dtype=array.dtype)
    return array.shape == wanted.shape and bool(
        np.array_equal(array, wanted, equal_nan=array.dtype.kind == "f")
    )


def attempts(dataset: Path, runs: list[Path], begun: bool) -> Iterator[tuple[int, Record]]:
    """Compares the attempts beside the frames with the runs. Gives the completed ones."""
    logs = [lines_of(run) for run in runs]
    taken = [0] * len(runs)
    episode = 0
    for path in sorted(dataset.glob("rmrl/attempts/*/*.parquet")):
        for row in pq.read_table(path).to_pylist():
            run = row["run"]
            line = logs[run][taken[run]]
            taken[run] += 1
            check(row["line"] == line, f"line {taken[run]} of {runs[run]} differs")
            record: Record = json.loads(line)
            is_fault = (record["failure"] or {}).get("kind") == "fault"
            check(row["episode_index"] == (-1 if is_fault else episode), f"episode of {line[:80]}")
            for name in ["start", "start_depth", "final", "final_depth"]:
                file = record["images"][name]
                if file is not None and (name != "start" or is_fault):
                    check(row[name]["path"] == file, f"{name} of {line[:80]}")
                    check(row[name]["bytes"] == (runs[run] / file).read_bytes(), f"bytes of {file}")
                else:
                    check(row[name] is None, f"{name} of {line[:80]} is there twice")
            if not is_fault:
                yield run, record
                episode += 1
    if not begun:
        check(
            taken == [len(log) for log in logs],
            f"{taken} attempts, the runs have {[len(log) for log in logs]}",
        )


def check_statistics(stats: dict[str, dict[str, Any]], values: dict[str, Any], what: str) -> None:
    """Compares statistics with those of NumPy. `values`: of each feature [frames, entries]."""
    for key, array in values.items():
        known = array[~np.isnan(array).any(axis=1)]
        if len(known) == 0:
            check(key not in stats, f"{what} of {key}, which is never known")
            continue
        found = {name: np.asarray(value).reshape(-1) for name, value in stats[key].items()}
        wanted = {
            "min": known.min(0),
            "max": known.max(0),
            "mean": known.mean(0),
            "std": known.std(0),
        }
        wanted |= {name: np.quantile(known, share, axis=0) for name, share in QUANTILES.items()}
        for name, value in wanted.items():
            close = np.allclose(found[name], value, rtol=1e-9, atol=1e-12)
            check(close, f"{what} {name} of {key}: {found[name]}, expected {value}")


def edit(dataset: LeRobotDataset, completed: list[tuple[int, Record]]) -> None:
    """Lets LeRobot's own tools merge a dataset with itself, and delete its first episode."""
    with tempfile.TemporaryDirectory() as folder:
        merged = merge_datasets(
            [dataset, dataset], output_repo_id="local/twice", output_dir=Path(folder) / "twice"
        )
        check(len(merged) == 2 * len(completed), f"merged with itself: {len(merged)} frames")
        last = merged[len(merged) - 1]
        check(
            int(last["trial"]) == completed[-1][1]["trial"], "the last frame of the merged dataset"
        )
        if len(completed) > 1:
            rest = delete_episodes(
                dataset, [0], output_dir=Path(folder) / "rest", repo_id="local/rest"
            )
            check(
                int(rest[0]["trial"]) == completed[1][1]["trial"],
                "the first frame after one was deleted",
            )


def judge(root: Path, runs: list[Path], begun: bool, edits: bool = True) -> None:
    """Checks one dataset. With `edits` LeRobot's tools edit copies of it, which takes most of the time."""
    completed = list(attempts(root, runs, begun))
    dataset = LeRobotDataset("local/export", root=root)
    check(
        len(dataset) == len(completed), f"{len(dataset)} frames, {len(completed)} completed trials"
    )
    check(dataset.num_episodes == len(completed), f"{dataset.num_episodes} episodes")

    numbers: dict[str, list[list[float]]] = {}
    pixels = []
    episode = 0
    for batch in DataLoader(dataset, batch_size=4, num_workers=0):
        for at in range(len(batch["index"])):
            run, record = completed[episode]
            values = expected(record, run, episode)
            for key, value in values.items():
                check(
                    same(batch[key][at], value),
                    f"{key} of episode {episode}: {batch[key][at]}, expected {value}",
                )
                if not isinstance(value, str):
                    single = np.asarray(
                        value, dtype=np.float32 if isinstance(value[0], float) else np.float64
                    )
                    numbers.setdefault(key, []).append([float(entry) for entry in single])
            image = np.array(Image.open(runs[run] / record["images"]["start"]).convert("RGB"))
            shown = (batch[IMAGE][at].numpy() * 255).round().astype(np.uint8).transpose(1, 2, 0)
            check(np.array_equal(shown, image), f"image of episode {episode}")
            check(
                tuple(dataset.features[IMAGE]["shape"]) == image.shape,
                f"shape of episode {episode}",
            )
            check("plate" in batch["task"][at], f"task of episode {episode}")
            pixels.append(image.reshape(-1, 3))
            episode += 1
    described = set(dataset.features) - {IMAGE, "task_index"}
    check(described == set(values), f"features {described ^ set(values)}")

    arrays = {key: np.array(rows, dtype=np.float64) for key, rows in numbers.items()}
    check_statistics(dataset.meta.stats, arrays, "statistics")
    check_statistics(dataset.meta.stats, {IMAGE: np.concatenate(pixels) / 255.0}, "statistics")
    check(
        dataset.meta.stats[IMAGE]["mean"].shape == (3, 1, 1), "the shape of an image's statistics"
    )

    # Each episode has statistics of its own, which LeRobot's tools add up.
    episodes = pd.concat(
        [pd.read_parquet(path) for path in sorted(root.glob("meta/episodes/*/*.parquet"))]
    )
    check(
        list(episodes["episode_index"]) == list(range(len(completed))), "the order of the episodes"
    )
    for at in range(len(episodes)):
        row = episodes.iloc[at]
        means = np.stack(
            [np.stack(channel).reshape(-1) for channel in row[f"stats/{IMAGE}/mean"]]
        ).reshape(-1)
        check(np.allclose(means, (pixels[at] / 255.0).mean(0)), f"statistics of image {at}")
        check(
            np.allclose(row["stats/action/mean"], arrays["action"][at]),
            f"statistics of action {at}",
        )

    if edits:
        edit(dataset, completed)

    # Without LeRobot.
    frames = pd.concat([pd.read_parquet(path) for path in sorted(root.glob("data/*/*.parquet"))])
    check(list(frames["trial"]) == [record["trial"] for _, record in completed], "trials by pandas")
    first = Image.open(io.BytesIO(frames[IMAGE].iloc[0]["bytes"])).convert("RGB")
    check(np.array_equal(np.array(first).reshape(-1, 3), pixels[0]), "an image by pandas")
    for name in ["default", "attempts"]:
        loaded = datasets.load_dataset(str(root), name, split="train")
        images = [
            key for key, value in loaded.features.items() if isinstance(value, datasets.Image)
        ]
        check(
            len(images) == (1 if name == "default" else 4),
            f"images of the configuration {name}: {images}",
        )
    print(f"{root.name}: {len(completed)} episodes of {len(runs)} runs are as logged", flush=True)


def main() -> None:
    """Checks one dataset, or several."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("dataset", type=Path, nargs="?")
    parser.add_argument("runs", type=Path, nargs="*")
    parser.add_argument("--begun", action="store_true", help="the runs may have more attempts")
    parser.add_argument("--list", type=Path, help="datasets of tools/lerobot_datasets.py")
    arguments = parser.parse_args()
    datasets.disable_progress_bars()
    if arguments.list is not None:
        for entry in json.loads(arguments.list.read_text()):
            runs = [Path(run) for run in entry["runs"]]
            judge(
                Path(entry["dataset"]), runs, entry.get("begun", False), entry.get("edits", False)
            )
        return
    if arguments.dataset is None or not arguments.runs:
        parser.error("a dataset and its runs are missing")
    judge(arguments.dataset, arguments.runs, arguments.begun)


if __name__ == "__main__":
    main()
