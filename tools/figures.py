#!/usr/bin/env python3
"""Makes the cheap figures of the documents again, and compares them with what the documents say.

    python3 tools/figures.py                      those of docs/results: no run, a second
    python3 tools/figures.py target/release/rmrl  also those of a run: half a minute

Prints a line for each figure: the document, what it says, what was found, and the command that makes it. The exit
status is 1 if a figure differs by more than its tolerance, or is no longer in its document. Only Python's standard
library is needed.

These figures are not made here, because they take longer or need other programs:

    docs/results, other than means    rmrl reproduce, 40 minutes on two cores
    docs/results/fresh-cells.csv      rmrl reproduce --unit default/METHOD/SEED ... --placements 50, seeds 1000 to 1019
    docs/results/ablations.md         rmrl reproduce --ablate NAME
    docs/speed.md                     cargo bench, bench/run
    docs/localization.md              rmrl bench localize
    docs/decisions                    each says what it measured; they are history
"""

import csv
import json
import pathlib
import re
import resource
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
RUN = "rmrl train --out RUN"
METHODS = {
    "Standard RL": "reinforce",
    "RL + Replay Buffer": "replay",
    "RM-RL": "rm-rl",
    "Pretrained RM-RL": "rm-rl-pretrained",
    "Hindsight": "hindsight",
    "PPO": "ppo",
    "PPO + role model": "ppo-rm-rl",
    "Actor-critic": "actor-critic",
    "Actor-critic + role model": "actor-critic-rm-rl",
    "No correction": "none",
    "Random": "random",
    "Constant offset": "constant",
    "Oracle": "oracle",
    "Self-calibration": "self-calibration",
    "Self-calibration + residual": "self-calibration-residual",
    "Chessboard": "chessboard",
    "Calibrated oracle": "calibrated-oracle",
}
# Robot minutes before the first trial.
CARRY_MINUTES = {"self-calibration": 2.9, "self-calibration-residual": 2.9}


class Figures:
    """Compares figures, prints them, and counts those that differ."""

    def __init__(self):
        self.compared = 0
        self.wrong = 0

    def compare(self, document, name, said, found, tolerance, command):
        """Compares two numbers; `said` is None where the document does not say it."""
        differs = said is None or abs(said - found) > tolerance
        self.compared += 1
        self.wrong += differs
        verdict = "DIFFERS" if differs else "as found"
        print(f"{verdict:9} {document}: {name}: says {said}, found {found:.4g} ({command})")

    def number(self, document, pattern, found, tolerance, command):
        """Compares the first group of `pattern` in a document."""
        text = " ".join((ROOT / document).read_text(encoding="utf-8").split())
        said = re.search(pattern, text)
        value = float(said.group(1)) if said else None
        self.compare(document, pattern, value, found, tolerance, command)


def mean(values):
    return sum(values) / len(values)


def interquartile_mean(values):
    """As rmrl_core::interquartile_mean."""
    cut = len(values) // 4
    return mean(sorted(values)[cut : len(values) - cut])


def results(path):
    """The rows of a results.csv, by method."""
    by_method = {}
    with open(ROOT / path, newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            by_method.setdefault(row["method"], []).append(row)
    return by_method


def numbers(rows, column, missing=None):
    """One column as numbers; an empty cell is `missing`, or left out."""
    cells = [row[column] or missing for row in rows]
    return [float(cell) for cell in cells if cell is not None]


def table_rows(document, after):
    """The rows of the first Markdown table behind a text: the cells by the first cell, without emphasis."""
    text = (ROOT / document).read_text(encoding="utf-8")
    table = text[text.index(after) :].split("\n|", 1)[1]
    rows = {}
    for line in ("|" + table).splitlines():
        if not line.startswith("|"):
            break
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        rows[re.sub(r"\*|\(.*", "", cells[0]).strip()] = cells[1:]
    return rows


def first_number(cell):
    found = re.match(r"-?[\d.]+", cell)
    return float(found.group()) if found else None


def of_methods(figures):
    """The tables of all methods, from one row per unit."""
    kept = "docs/results/reproduction.csv"
    command = f"mean of {kept}, which is results.csv of: rmrl reproduce"
    by_method = results(kept)
    long = table_rows("docs/reproduction.md", "## Results")
    short = table_rows("README.md", "## Results")
    for label, method in METHODS.items():
        rows = by_method[method]
        t10 = interquartile_mean(
            [float(row["t10"] or row["trials"]) for row in rows]
        )
        to_1mm = interquartile_mean(
            [float(row["trials_to_1mm"] or row["trials"]) for row in rows]
        )
        final = interquartile_mean(numbers(rows, "table_true_e_trans_mm"))
        shelf = mean(numbers(rows, "shelf_seated")) * 10
        for name, column, found, tolerance in [
            ("T10", 1, t10, 0.51),
            ("average reward", 3, interquartile_mean(numbers(rows, "average_reward")), 0.00051),
            ("trials to 1 mm", 4, to_1mm, 0.51),
            ("final error, true, mm", 5, final, 0.0051),
            ("on the shelf, %", 7, shelf, 0.051),
        ]:
            said = first_number(long[label][column])
            figures.compare("docs/reproduction.md", f"{label}, {name}", said, found, tolerance, command)
        if label in short:
            for name, column, found, tolerance in [
                ("robot minutes to 1 mm", 0, 2.5 * to_1mm + CARRY_MINUTES.get(method, 0.0), 1.3),
                ("final error, true, mm", 1, final, 0.0051),
                ("on the shelf, %", 2, shelf, 0.051),
            ]:
                said = first_number(short[label][column])
                figures.compare("README.md", f"{label}, {name}", said, found, tolerance, command)
    reductions(figures, by_method, command)


def reductions(figures, by_method, command):
    """How much better than Standard RL: of the measured error, as the paper has no other."""
    document = "docs/reproduction.md"

    def below(method, column, missing=None):
        own = interquartile_mean(numbers(by_method[method], column, missing))
        return 100 * (1 - own / interquartile_mean(numbers(by_method["reinforce"], column, missing)))

    for pattern, method, column in [
        (r"T10 comes earlier than Standard RL's by (\d+) %", "rm-rl", "t10"),
        (r"T10 comes earlier than Standard RL's by \d+ % \[[^]]*\] and (\d+) %", "rm-rl-pretrained", "t10"),
        (r"final error, as measured, is below Standard RL's by (\d+) %", "rm-rl", "table_e_trans_mm"),
        (
            r"final error, as measured, is below Standard RL's by \d+ % \[[^]]*\] and (\d+) %",
            "rm-rl-pretrained",
            "table_e_trans_mm",
        ),
    ]:
        missing = "150" if column == "t10" else None
        figures.number(document, pattern, below(method, column, missing), 0.51, command)


def further_cells(figures):
    """Hindsight and the oracle in the cells on which nothing was chosen."""
    kept = "docs/results/further-cells.csv"
    rows = results(kept)
    command = f"mean of {kept}"
    document = "docs/reproduction.md"
    behind = r"further-cells\.csv\)\): "
    hindsight = rows["hindsight"]
    error = interquartile_mean(numbers(hindsight, "table_true_e_trans_mm"))
    figures.number(document, behind + r"T10 (\d+)", interquartile_mean(numbers(hindsight, "t10", "150")), 0.51, command)
    figures.number(document, behind + r".*?true error ([\d.]+)", error, 0.0051, command)
    figures.number(document, behind + r".*?on the shelf ([\d.]+) %", mean(numbers(hindsight, "shelf_seated")) * 10, 0.051, command)


def of_a_run(figures, rmrl):
    """What a run takes, and what its evaluation says."""
    with tempfile.TemporaryDirectory() as folder:
        run = pathlib.Path(folder) / "run"
        subprocess.run([rmrl, "train", "--out", str(run)], check=True, stdout=subprocess.DEVNULL)
        # Of the processor: on an idle machine with two cores a little more than the time on the clock, and the same on
        # a busy one.
        seconds = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        words = {"five": 5.0, "seven": 7.0, "ten": 10.0, "fifteen": 15.0, "twenty": 20.0}
        of_help = subprocess.run([rmrl, "train", "--help"], check=True, capture_output=True, text=True).stdout
        for name, text in [
            ("README.md", (ROOT / "README.md").read_text(encoding="utf-8")),
            ("rmrl train --help", of_help),
        ]:
            said = re.search(r"about (\w+) seconds", " ".join(text.split()))
            value = words.get(said.group(1)) if said else None
            # Other machines are slower.
            figures.compare(name, "seconds of a run", value, seconds, 20, RUN)
        on_disk(figures, run)
        arguments = [rmrl, "eval", str(run), "--trials", "20"]
        evaluated = subprocess.run(arguments, check=True, capture_output=True, text=True).stdout
        found = json.loads(evaluated)
        command = "rmrl eval RUN --trials 20"
        errors = found["measured"]["e_trans_mm"]["mean"], found["truth"]["e_trans_mm"]["mean"]
        for pattern, value, tolerance in [
            (r"average reward ([\d.]+) \(", found["reward"]["mean"], 0.00051),
            (r"e_trans, mm ([\d.]+) \(", errors[0], 0.0051),
            (r"e_trans, mm [\d.]+ \([\d.]+\) ([\d.]+) \(", errors[1], 0.0051),
            (r"noise floor, mm ([\d.]+)", found["noise_floor_mm"], 0.00051),
            (r"= true error ([\d.]+)", found["budget"]["total"]["rms_mm"], 0.0051),
        ]:
            figures.number("docs/runs.md", pattern, value, tolerance, command)


def on_disk(figures, run):
    """The sizes of a run's files, in MB."""

    def megabytes(pattern, without=""):
        files = [path for path in run.glob(pattern) if not (without and without in path.name)]
        return sum(path.stat().st_size for path in files if path.is_file()) / 1e6, len(files)

    document = "docs/runs.md"
    whole, _ = megabytes("**/*")
    figures.number(document, r"150 trials takes (\d+) MB", whole, 10, f"{RUN}; du RUN")
    depth, depths = megabytes("images/*-depth.png")
    figures.number(document, r"Without depth \([^)]*\) it is (\d+) MB", whole - depth, 10, f"{RUN}; du RUN")
    color, colors = megabytes("images/*.png", "-depth")
    figures.number(document, r"two color images of ([\d.]+) MB", color / colors, 0.02, f"{RUN}; du RUN/images")
    figures.number(document, r"two depth images of ([\d.]+) MB", depth / depths, 0.02, f"{RUN}; du RUN/images")


def main():
    figures = Figures()
    of_methods(figures)
    further_cells(figures)
    if len(sys.argv) > 1:
        of_a_run(figures, str(pathlib.Path(sys.argv[1]).resolve()))
    print(f"{figures.compared} figures, of which {figures.wrong} differ")
    sys.exit(1 if figures.wrong else 0)


if __name__ == "__main__":
    main()
