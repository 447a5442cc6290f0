"""Runs in Rerun: what is logged is read back from the file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rmrl_robot import RerunCallback, Run, train
from rmrl_robot.view import footprint, main

pytest.importorskip("rerun")

COMMAND = "from rmrl_robot.command import main; main()"


def read(path: Path) -> dict[str, dict[str, list[Any]]]:
    """The values of a file of Rerun by entity and component, without those of no trial."""
    import rerun.chunk as rr

    values: dict[str, dict[str, list[Any]]] = {}
    for chunk in rr.RrdReader(path).stream().to_chunks():
        batch = chunk.to_record_batch()
        entity = str(chunk.entity_path).lstrip("/")
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            of_entity = values.setdefault(entity, {})
            of_entity.setdefault(name, []).extend(column.to_pylist())
    return values


def of(values: dict[str, dict[str, list[Any]]], entity: str, part: str) -> list[Any]:
    """The values of the only component of an entity whose name ends so, without the empty ones."""
    (name,) = [name for name in values[entity] if name.endswith(part)]
    return [value for value in values[entity][name] if value is not None]


def test_a_saved_run_has_every_trial(network_run: Run, tmp_path: Path) -> None:
    file = tmp_path / "run.rrd"
    assert main([str(network_run.path), "--save", str(file)]) == 0
    values, trials = read(file), network_run.trials
    rewards = [one[0] for one in of(values, "reward/trial", "scalars")]
    np.testing.assert_allclose(rewards, trials["reward"])
    assert sorted(values["reward/trial"]["trial"]) == trials["trial"].tolist()
    averages = [one[0] for one in of(values, "reward/average", "scalars")]
    np.testing.assert_allclose(averages, network_run.metrics["reward_average"])
    errors = [one[0] for one in of(values, "error/measured_mm", "scalars")]
    np.testing.assert_allclose(errors, network_run.metrics["e_trans_mm"])
    actions = [one[0] for one in of(values, "action/dx_mm", "scalars")]
    np.testing.assert_allclose(actions, 1e3 * trials["adjustment_dx_m"])
    for entity in ["world/camera/image", "world/camera/depth", "final/image"]:
        assert len(of(values, entity, "blob")) == len(trials), entity
    for entity in ["world/camera/mask"]:
        assert len(of(values, entity, "buffer")) == len(trials), entity
    for entity in ["world/camera/estimated", "world/camera/pick", "final/placed", "final/target"]:
        assert len(of(values, entity, "strips")) == len(trials), entity
    assert "world/camera" in values and "configuration" in values


def test_the_mask_and_the_outline_lie_on_the_plate(network_run: Run, tmp_path: Path) -> None:
    file = tmp_path / "run.rrd"
    assert main([str(network_run.path), "--save", str(file)]) == 0
    values = read(file)
    camera = network_run.calibration
    buffers = of(values, "world/camera/mask", "buffer")
    outlines = of(values, "world/camera/estimated", "strips")
    for trial, buffer, strips in zip(network_run.trials, buffers, outlines, strict=True):
        assert trial.plate_in_image is not None
        mask = np.array(buffer[0], dtype=np.uint8).reshape(camera.height, camera.width)
        v, u = np.nonzero(mask)
        center = trial.plate_in_image[:2]
        assert np.hypot(u.mean() - center[0], v.mean() - center[1]) < 5.0
        corners = np.array(strips[0])[:4]
        assert np.abs(corners.mean(axis=0) - center - 0.5).max() < 5.0
        diagonal = np.hypot(*(corners[0] - corners[2]))
        assert abs(diagonal / trial.plate_in_image[2] - 1.0) < 0.05


def test_the_path_leads_from_home_by_the_pick_to_the_place(
    network_run: Run, tmp_path: Path
) -> None:
    file = tmp_path / "run.rrd"
    assert main([str(network_run.path), "--save", str(file)]) == 0
    task = network_run.configuration["task"]
    paths = of(read(file), "world/tool/path", "strips")
    for trial, strips in zip(network_run.trials, paths, strict=True):
        points = np.array(strips[0])
        assert trial.pick_pose is not None
        home = [task["home"][key] for key in ("x_m", "y_m", "z_m")]
        np.testing.assert_allclose(points[[0, -1]], [home, home], atol=1e-6)
        np.testing.assert_allclose(points[2][:2], trial.pick_pose[:2], atol=1e-6)
        assert points[2][2] == pytest.approx(task["start_surface_m"] + task["grasp_height_m"])
        place = [task["place"]["x_m"], task["place"]["y_m"]]
        np.testing.assert_allclose(points[-3][:2], place, atol=1e-6)
        assert points[:, 2].max() >= task["travel_height_m"] - 1e-6


def test_a_run_is_shown_while_it_is_made(tmp_path: Path) -> None:
    file = tmp_path / "live.rrd"
    run = train(
        {"method": "none", "trials": 3, "seed": 3}, tmp_path / "run", [RerunCallback(save=file)]
    )
    values = read(file)
    assert values["reward/trial"]["trial"] == [1, 2, 3]
    assert len(of(values, "world/camera/image", "blob")) == len(run.trials)


def test_live_follows_a_run_to_its_end(tmp_path: Path) -> None:
    code = "import rmrl_robot, sys; rmrl_robot.train({'method': 'none', 'trials': 8}, sys.argv[1])"
    maker = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "run")])
    while not (tmp_path / "run/config.toml").exists():
        assert maker.poll() is None
    file = tmp_path / "live.rrd"
    assert main([str(tmp_path / "run"), "--live", "--save", str(file)]) == 0
    assert maker.wait(60) == 0
    assert sorted(read(file)["reward/trial"]["trial"]) == list(range(1, 9))


def test_faults_are_in_the_log_and_have_no_numbers(tmp_path: Path) -> None:
    config = {"method": "none", "trials": 4, "seed": 3, "simulation.camera.dropout": 0.0}
    del config["simulation.camera.dropout"]
    run = train(config, tmp_path / "run")
    log = run.path / "trials.jsonl"
    assert log.exists()
    # No fault comes by itself in so short a run: one as the log has it is shown to the viewer.
    from rmrl_robot.runs import Trial
    from rmrl_robot.view import Viewer

    record = dict(run.trials[0].record)
    record.update(
        failure={"kind": "fault", "cause": "device", "reason": "the camera is gone"},
        **{key: None for key in ("reward", "e_trans_m", "final_pose", "adjustment", "pick_pose")},
    )
    record["images"] = dict.fromkeys(record["images"])
    viewer = Viewer(run, save=tmp_path / "fault.rrd")
    viewer.log(Trial(run.path, record))
    viewer.close()
    values = read(tmp_path / "fault.rrd")
    assert of(values, "log", "text") == [["device: the camera is gone"]]
    assert "reward/trial" not in values
    assert not of_or_none(values, "world/tool/path", "strips")


def of_or_none(values: dict[str, dict[str, list[Any]]], entity: str, part: str) -> list[Any]:
    """As ``of``; empty where the entity has no such component."""
    names = [name for name in values.get(entity, {}) if name.endswith(part)]
    return of(values, entity, part) if names else []


def test_the_command_shows_and_says_what_is_wrong(network_run: Run, tmp_path: Path) -> None:
    def command(*words: str) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, "-c", COMMAND, *words]
        return subprocess.run(line, capture_output=True, text=True, cwd=tmp_path, check=False)

    shown = command("view", str(network_run.path), "--save", "run.rrd")
    assert shown.returncode == 0, shown.stderr
    assert "rerun run.rrd" in shown.stdout and (tmp_path / "run.rrd").exists()
    missing = command("view", "nothing", "--save", "other.rrd")
    assert missing.returncode == 1 and "is no run" in missing.stderr
    assert not (tmp_path / "other.rrd").exists()
    assert "Rerun" in command("view", "--help").stdout
    assert "view" in command("--help").stdout
    assert command("view").returncode == 2


def test_a_footprint_has_the_sides_of_the_plate() -> None:
    corners = footprint(np.array([0.3, -0.1, 0.6]), [0.127, 0.085, 0.014], 0.02)
    sides = np.linalg.norm(np.diff(corners, axis=0), axis=1)
    np.testing.assert_allclose(sides, [0.127, 0.085, 0.127, 0.085])
    np.testing.assert_allclose(corners[:4, :2].mean(axis=0), [0.3, -0.1])
    assert (corners[:, 2] == 0.02).all()
