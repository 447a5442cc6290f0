"""Runs that several tests look at."""

from __future__ import annotations

from pathlib import Path

import pytest

from rmrl_robot import Run, train

#: Trials that are made in a fraction of a second each.
TRIALS = 6


@pytest.fixture(scope="session")
def network_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A complete run of a method with a policy network."""
    out = tmp_path_factory.mktemp("runs") / "hindsight"
    return train({"method": "hindsight", "trials": TRIALS, "seed": 3}, out)


@pytest.fixture(scope="session")
def belief_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A complete run of the default method, a self-calibration that reads pictures."""
    return train({"trials": TRIALS, "seed": 3}, tmp_path_factory.mktemp("runs") / "belief")


@pytest.fixture
def copied(network_run: Run, tmp_path: Path) -> Path:
    """A copy of a run's directory without its images, to be damaged."""
    path = tmp_path / "copy"
    path.mkdir()
    for file in network_run.path.iterdir():
        if file.is_file() and file.suffix != ".safetensors":
            (path / file.name).write_bytes(file.read_bytes())
    return path
