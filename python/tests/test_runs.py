"""Runs as arrays, tables and images."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rmrl_robot import Run
from rmrl_robot.errors import DamagedRun, RunError
from rmrl_robot.trial_columns import COLUMNS

RECORD = Path(__file__).parents[2] / "crates/rmrl-data/src/record.rs"


def leaves(value: Any, path: tuple[str | int, ...] = ()) -> dict[tuple[str | int, ...], Any]:
    """The values of a line, each by its path; lists of numbers by their places."""
    if isinstance(value, dict):
        parts = [leaves(one, (*path, key)) for key, one in value.items()]
    elif isinstance(value, list) and value and all(isinstance(one, (int, float)) for one in value):
        parts = [leaves(one, (*path, place)) for place, one in enumerate(value)]
    else:
        return {path: value}
    return {key: one for part in parts for key, one in part.items()}


@pytest.mark.skipif(not RECORD.exists(), reason="the source is not here")
def test_every_field_of_the_log_has_a_column() -> None:
    body = RECORD.read_text().split("pub struct TrialRecord {")[1].split("\n}")[0]
    fields = set(re.findall(r"^    pub (\w+):", body, re.MULTILINE))
    assert len(fields) > 30
    assert fields == {str(column.path[0]) for column in COLUMNS}


@pytest.mark.parametrize("name", ["network_run", "belief_run"])
def test_every_value_of_a_line_is_in_its_column(name: str, request: pytest.FixtureRequest) -> None:
    run: Run = request.getfixturevalue(name)
    columns = {column.path: column for column in COLUMNS}
    trials = run.trials
    lines = [json.loads(line) for line in (run.path / "trials.jsonl").read_text().splitlines()]
    assert len(lines) == len(trials) > 0
    for place, line in enumerate(lines):
        del line["digest"]
        for path, value in leaves(line).items():
            if value is None:
                continue
            # What has an own shape in each line is an object.
            column = columns.get(path) or columns[path[:1]]
            found = trials[column.name][place]
            if column.kind == "object":
                assert found is not None
            else:
                assert found == value, path


def test_missing_values_are_not_numbers(belief_run: Run) -> None:
    trials = belief_run.trials
    assert (trials["action_index_dx"] == -1).all()
    assert np.isnan(trials["plate_after_miss_x_m"]).all()
    assert np.isfinite(trials["interval_m"]).all()
    assert set(trials["purpose"]) == {"training"}
    with pytest.raises(KeyError, match="no column; the columns are schema"):
        trials["e_tras_m"]


def test_structured_array_table_and_arrow_agree(network_run: Run) -> None:
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    trials = network_run.trials
    array, table, arrow = trials.to_numpy(), trials.to_pandas(), trials.to_arrow()
    assert len(array) == len(table) == arrow.num_rows == len(trials)
    assert list(table.columns) == arrow.column_names == list(trials.columns)
    for name in array.dtype.names:
        np.testing.assert_array_equal(array[name], trials[name])
    np.testing.assert_array_equal(table["reward"], trials["reward"])
    assert arrow["reward"].to_pylist() == trials["reward"].tolist()
    assert table["time_utc"].dtype.kind == "M"
    assert table.loc[2, "trial"] == 2
    assert pandas.isna(table["failure_reason"]).all()
    assert arrow["plate_after_miss_x_m"].null_count == len(trials)
    probabilities = arrow["probabilities"][0].as_py()
    assert [len(one) for one in probabilities] == [
        len(one) for one in trials[0].record["probabilities"]
    ]


def test_metrics_are_those_of_the_spreadsheet(network_run: Run) -> None:
    with (network_run.path / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    metrics = network_run.metrics
    assert list(rows[0]) == list(metrics)
    for name, values in metrics.items():
        written = [float(row[name]) if row[name] else np.nan for row in rows]
        np.testing.assert_array_equal(values.astype(float), written)


def test_images_are_read_when_they_are_asked_for(network_run: Run) -> None:
    images = network_run.trials[1].images
    start, depth = images.start, images.start_depth
    assert start is not None and depth is not None
    assert start.dtype == np.uint8 and start.shape == (*depth.shape, 3)
    assert depth.dtype == np.uint16 and 300 < np.median(depth) < 1500
    pillow = pytest.importorskip("PIL.Image")
    np.testing.assert_array_equal(start, np.asarray(pillow.open(images.paths["start"])))
    np.testing.assert_array_equal(depth, np.asarray(pillow.open(images.paths["start_depth"])))


def test_an_image_that_is_gone_is_named_and_the_trial_is_there(copied: Path) -> None:
    trial = Run(copied).trials[0]
    assert trial.reward is not None
    with pytest.raises(RuntimeError, match="00001-1-start.png"):
        _ = trial.images.start


def test_trials_are_a_sequence_and_found_by_their_number(network_run: Run) -> None:
    trials = network_run.trials
    assert [trial.number for trial in trials] == list(range(1, len(trials) + 1))
    assert trials[-1].number == len(trials) == network_run.trial(len(trials)).number
    assert [trial.number for trial in trials[1:3]] == [2, 3]
    assert len(network_run.faults) == 0 and len(network_run.attempts) == len(trials)
    with pytest.raises(KeyError, match="no completed trial 99"):
        network_run.trial(99)
    with pytest.raises(IndexError):
        _ = trials[len(trials)]


def test_a_complete_run_says_so(network_run: Run) -> None:
    assert network_run.state == "complete"
    assert network_run.ended == "it reached its goal"
    assert network_run.configuration["task"]["kind"] == "table"
    assert network_run.method == "hindsight"
    assert network_run.target is not None and "noise_floor" in network_run.target
    assert "hindsight" in repr(network_run)


def test_a_torn_last_line_is_no_damage_and_the_run_is_incomplete(copied: Path) -> None:
    log = copied / "trials.jsonl"
    whole = len(Run(copied).trials)
    log.write_bytes(log.read_bytes()[:-40])
    run = Run(copied)
    assert run.state == "incomplete"
    assert len(run.trials) == whole - 1


@pytest.mark.parametrize(
    ("file", "change"),
    [
        ("trials.jsonl", lambda text: text.replace('"scene":2', '"scene":3', 1)),
        ("trials.jsonl", lambda text: "{" + text),
        ("trials.jsonl", lambda text: text.replace("\n", "\n\n", 1)),
        ("target.json", lambda text: text[:-30]),
    ],
)
def test_damage_is_named(copied: Path, file: str, change: Any) -> None:
    path = copied / file
    text = path.read_text()
    path.write_text(change(text))
    assert path.read_text() != text
    with pytest.raises(DamagedRun, match=re.escape(file)):
        Run(copied)


def test_what_is_no_run_is_named(tmp_path: Path, copied: Path) -> None:
    for path in [tmp_path / "nothing", tmp_path, copied / "trials.jsonl"]:
        with pytest.raises(RunError, match="is no run: it has no config.toml"):
            Run(path)
    (copied / "config.toml").write_text("trials = -4\n")
    with pytest.raises(ValueError, match="trials"):
        Run(copied)


def test_the_report_is_written(network_run: Run) -> None:
    report = network_run.report()
    assert report.name == "report.html"
    assert "<svg" in report.read_text(encoding="utf-8")
