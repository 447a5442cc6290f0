"""Exports runs as LeRobot datasets in every way that the command has, and imports them again; for judges.

    python3 tools/lerobot_datasets.py target/release/rmrl FOLDER
    judge/bin/python tools/lerobot_reads_export.py --list FOLDER/datasets.json

Makes runs of three methods on table and shelf, and exports one run, several, one while it trains, and one whose exporter and
then whose training are killed (SIGKILL) again and again. Every snapshot after a kill has to be a whole dataset.

A dataset that was imported has to be the run, byte by byte. Resumed, it has to do the same trials and to learn the same weights
or belief as the original. `FOLDER/datasets.json` lists the datasets with their runs for the judges, who need LeRobot; this needs Python alone. LeRobot's tools
edit those that are marked, of each kind one.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

#: What a run is made of. Everything else is made from these again: weights, metrics, the report.
EXPORTED = [
    "config.toml",
    "target.json",
    "camera.toml",
    "run.json",
    "trials.jsonl",
    "simulator.jsonl",
]
#: What a run learns.
LEARNED = ["policy.safetensors", "belief.json"]
#: Trials of a run that is exported at the end, and of one that is exported while it is made.
TRIALS = 8
FOLLOWED_TRIALS = 30
#: How long an exporter works before it is killed, after the first version that it wrote; in seconds, never the same.
WAITS = [0.0, 0.07, 0.31, 0.18]


def check(holds: bool, message: str) -> None:
    """Ends the program with `message` unless `holds`."""
    if not holds:
        sys.exit(f"error: {message}")


class Command:
    """The command `rmrl`."""

    def __init__(self, program: Path, folder: Path) -> None:
        self.program = program.resolve()
        self.folder = folder

    def start(self, *words: object) -> subprocess.Popen[bytes]:
        """Starts it; what it says goes to a file."""
        with (self.folder / "said.log").open("ab") as said:
            texts = [str(self.program), *(str(word) for word in words)]
            return subprocess.Popen(texts, stdout=said, stderr=said, cwd=self.folder)

    def run(self, *words: object) -> None:
        """Runs it to its end."""
        status = self.start(*words).wait(timeout=300)
        said = (self.folder / "said.log").read_text()[-2000:]
        check(status == 0, f"rmrl {' '.join(map(str, words))} ended with {status}:\n{said}")


def trials_in(run: Path) -> int:
    """The lines of a run's log."""
    log = run / "trials.jsonl"
    return log.read_bytes().count(b"\n") if log.exists() else 0


def episodes_in(dataset: Path) -> int:
    """The episodes of a dataset, which another process may replace meanwhile."""
    try:
        return int(json.loads((dataset / "meta" / "info.json").read_text())["total_episodes"])
    except FileNotFoundError:
        return 0


def wait_for(run: Path, trials: int) -> None:
    """Waits until a run has as many trials."""
    until = time.monotonic() + 120
    while trials_in(run) < trials:
        check(time.monotonic() < until, f"{run} has no {trials} trials after two minutes")
        time.sleep(0.05)


def compare(original: Path, again: Path) -> None:
    """Compares an imported run with the original, byte by byte."""
    images = [str(path.relative_to(original)) for path in original.glob("images/*")]
    check(bool(images), f"{original} has no images")
    for name in EXPORTED + images:
        same = (original / name).read_bytes() == (again / name).read_bytes()
        check(same, f"{name} of {again} is not that of {original}")
    extra = {path.name for path in again.glob("images/*")} - {Path(name).name for name in images}
    check(not extra, f"{again} has images that {original} lacks: {sorted(extra)}")


def course(run: Path) -> list[tuple[Any, ...]]:
    """What a run did, without times."""
    records = [json.loads(line) for line in (run / "trials.jsonl").read_text().splitlines()]
    return [(one["trial"], one["adjustment"], one["final_pose"], one["reward"]) for one in records]


def learns_the_same(rmrl: Command, original: Path, again: Path) -> None:
    """Resumes a run and its import, and compares what they do and what they learn."""
    copy = again.with_name(f"{again.name}-original")
    shutil.copytree(original, copy)
    for run in (copy, again):
        rmrl.run("train", "--resume", run)
    check(course(copy) == course(again), f"{again} continues otherwise than {original}")
    for name in LEARNED:
        if (copy / name).exists():
            same = (copy / name).read_bytes() == (again / name).read_bytes()
            check(same, f"{again} learns another {name} than {original}")


def interrupted(rmrl: Command, folder: Path, listed: list[dict[str, Any]]) -> None:
    """Exports a run whose training was killed, and continues its import."""
    run, dataset = folder / "interrupted", folder / "interrupted-set"
    training = rmrl.start("train", "--method", "hindsight", "--trials", TRIALS + 4, "--out", run)
    wait_for(run, 3)
    training.send_signal(signal.SIGKILL)
    training.wait()
    check(trials_in(run) < TRIALS + 4, f"{run} was complete before it was killed")
    rmrl.run("export", "lerobot", run, "--out", dataset)
    listed.append({"dataset": str(dataset), "runs": [str(run)], "edits": True})
    again = folder / "interrupted-again"
    rmrl.run("import", "lerobot", dataset, "--out", again)
    learns_the_same(rmrl, run, again)
    check(len(course(again)) == TRIALS + 4, f"{again} did not continue")


def killed(rmrl: Command, folder: Path, listed: list[dict[str, Any]]) -> None:
    """Kills the exporter of a run that trains, then the training. Keeps a snapshot after every kill."""
    run, dataset = folder / "killed", folder / "killed-set"
    training = rmrl.start("train", "--trials", 400, "--seed", 11, "--out", run)
    wait_for(run, 2)
    rmrl.run("export", "lerobot", run, "--out", dataset)
    halves = 0
    for kill, wait_secs in enumerate(WAITS):
        before = episodes_in(dataset)
        exporter = rmrl.start("export", "lerobot", run, "--out", dataset, "--follow")
        until = time.monotonic() + 120
        while episodes_in(dataset) <= before:
            check(time.monotonic() < until, f"{dataset} did not grow in two minutes")
            time.sleep(0.01)
        time.sleep(wait_secs)
        exporter.send_signal(signal.SIGKILL)
        exporter.wait()
        halves += dataset.with_name(f".{dataset.name}.next").exists()
        snapshot = folder / f"killed-set-{kill}"
        shutil.copytree(dataset, snapshot)
        listed.append({"dataset": str(snapshot), "runs": [str(run)], "begun": True})
    exporter = rmrl.start("export", "lerobot", run, "--out", dataset, "--follow")
    wait_for(run, trials_in(run) + 2)
    training.send_signal(signal.SIGKILL)
    training.wait()
    check(exporter.wait(timeout=120) == 0, "the exporter of a killed run did not end well")
    listed.append({"dataset": str(dataset), "runs": [str(run)]})
    print(f"{halves} of {len(WAITS)} kills left half a version beside the dataset")


def main() -> None:
    """Makes the datasets."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rmrl", type=Path)
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    folder: Path = arguments.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    rmrl = Command(arguments.rmrl, folder)

    made: dict[str, list[object]] = {
        "network": ["--method", "hindsight", "--seed", 3],
        "monday": ["--seed", 1],
        "tuesday": ["--seed", 2],
        "shelf": ["--method", "constant", "--task", "shelf"],
    }
    for name, words in made.items():
        rmrl.run("train", *words, "--trials", TRIALS, "--out", folder / name)
    listed: list[dict[str, Any]] = []
    for names in [["network"], ["monday"], ["shelf"], ["monday", "tuesday"]]:
        runs = [folder / name for name in names]
        dataset = folder / ("-and-".join(names) + "-set")
        rmrl.run("export", "lerobot", *runs, "--out", dataset)
        edits = names != ["monday"]
        listed.append({"dataset": str(dataset), "runs": [str(run) for run in runs], "edits": edits})
        for place, run in enumerate(runs):
            again = folder / f"{dataset.name}-{place + 1}-again"
            rmrl.run("import", "lerobot", dataset, "--run", place + 1, "--out", again)
            compare(run, again)
            rmrl.run("report", again)
            learns_the_same(rmrl, run, again)

    run, dataset = folder / "followed", folder / "followed-set"
    training = rmrl.start("train", "--trials", FOLLOWED_TRIALS, "--seed", 7, "--out", run)
    wait_for(run, 1)
    rmrl.run("export", "lerobot", run, "--out", dataset, "--follow")
    check(training.wait(timeout=120) == 0, "the run that was followed did not end well")
    check(trials_in(run) == FOLLOWED_TRIALS, f"{run} has {trials_in(run)} trials")
    listed.append({"dataset": str(dataset), "runs": [str(run)]})
    interrupted(rmrl, folder, listed)
    killed(rmrl, folder, listed)

    (folder / "datasets.json").write_text(json.dumps(listed, indent=1) + "\n")
    print(f"{len(listed)} datasets; what was imported is as it was exported")


if __name__ == "__main__":
    main()
