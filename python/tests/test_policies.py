"""Policies, beliefs, cameras and localizers of runs."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rmrl_robot import Belief, Calibration, Localizer, Policy, Run
from rmrl_robot.errors import ConfigurationError, Fault, RunError


def state(run: Run, place: int = 0) -> tuple[Any, Any, Any]:
    """Picture, pose and place of the plate of a trial."""
    trial = run.trials[place]
    return trial.images.start, trial.estimated_pose, trial.plate_in_image


def test_a_network_says_what_it_does_and_why(network_run: Run) -> None:
    policy = Policy.load(network_run)
    assert not policy.is_belief
    image, pose, plate = state(network_run)
    decision = policy.act(image, pose, plate)
    assert decision.probabilities is not None and decision.candidates is not None
    for probabilities, candidates in zip(decision.probabilities, decision.candidates, strict=True):
        assert probabilities.dtype == np.float32 and candidates.dtype == np.float64
        assert probabilities.shape == candidates.shape
        assert abs(probabilities.sum() - 1.0) < 1e-5
    if decision.abstained:
        assert decision.index is None and not decision.correction.any()
    else:
        assert decision.index == tuple(int(one.argmax()) for one in decision.probabilities)
        chosen = [
            candidates[index]
            for candidates, index in zip(decision.candidates, decision.index, strict=True)
        ]
        np.testing.assert_array_equal(decision.correction, chosen)
    np.testing.assert_array_equal(decision.pick_pose, pose + decision.correction)
    assert decision.interval_m is None
    with pytest.raises(AttributeError):
        decision.dx_m = 0.0  # type: ignore[misc]


def test_the_place_of_the_plate_follows_from_the_pose(network_run: Run, belief_run: Run) -> None:
    for run in [network_run, belief_run]:
        policy = Policy.load(run)
        for trial in run.trials:
            assert trial.estimated_pose is not None and trial.plate_in_image is not None
            computed = policy.plate_in_image(trial.estimated_pose)
            assert computed is not None
            # A millimeter of height is 0.2 px of the diagonal.
            assert np.abs(computed - trial.plate_in_image).max() < 1.0
            image = trial.images.start
            given = policy.act(image, trial.estimated_pose, trial.plate_in_image)
            without = policy.act(image, trial.estimated_pose)
            assert np.abs(given.correction - without.correction).max() < 2e-3


@pytest.mark.parametrize("name", ["policy.safetensors", "."])
def test_a_file_in_a_run_has_the_camera_of_the_run(network_run: Run, name: str) -> None:
    image, pose, plate = state(network_run)
    expected = Policy.load(network_run).act(image, pose, plate)
    policy = Policy.load(network_run.path / name)
    np.testing.assert_array_equal(policy.act(image, pose, plate).correction, expected.correction)
    policy.act(image, pose)


def test_a_file_elsewhere_needs_the_place_of_the_plate(network_run: Run, tmp_path: Path) -> None:
    file = tmp_path / "mine.safetensors"
    file.write_bytes((network_run.path / "policy.safetensors").read_bytes())
    image, pose, plate = state(network_run)
    policy = Policy.load(file)
    expected = Policy.load(network_run).act(image, pose, plate)
    got = policy.act(image, pose, plate)
    assert expected.probabilities is not None and got.probabilities is not None
    for one, other in zip(got.probabilities, expected.probabilities, strict=True):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(ValueError, match="plate_in_image is needed"):
        policy.act(image, pose)


def test_a_belief_acts_by_the_same_interface(belief_run: Run) -> None:
    policy, belief = Policy.load(belief_run), Belief.load(belief_run)
    assert policy.is_belief and policy.candidates is None
    for trial in belief_run.trials:
        image, pose = trial.images.start, trial.estimated_pose
        assert pose is not None
        error = trial.record["look_error_m"]
        pick = belief.pick(pose, error)
        decision = policy.act(image, pose, trial.plate_in_image, look_error_m=error)
        np.testing.assert_allclose(decision.pick_pose, pick.tool_pose, atol=1e-12)
        assert decision.interval_m == pick.interval_m > 0.0
        assert decision.index is None and decision.probabilities is None
        # The network reads in the kept picture what it read in the camera's.
        read = policy.act(image, pose, trial.plate_in_image)
        np.testing.assert_allclose(read.correction, decision.correction, atol=1e-6)
        assert np.abs(belief.pick(pose).tool_pose - pick.tool_pose).max() > 0.0


def test_a_belief_is_its_file(belief_run: Run, tmp_path: Path) -> None:
    belief = Belief.load(belief_run)
    size = len(belief.unknowns)
    assert belief.values.shape == (size,) and belief.covariance.shape == (size, size)
    np.testing.assert_allclose(belief.covariance, belief.covariance.T, atol=1e-12)
    assert belief.carries >= len(belief_run.trials)
    file = tmp_path / "belief.json"
    file.write_text(belief.to_json())
    again = Belief.load(file)
    np.testing.assert_array_equal(again.values, belief.values)
    file.write_text(belief.to_json().replace('"version": 1', '"version": 9'))
    with pytest.raises(ValueError, match="version 9"):
        Belief.load(file)


def test_the_limits_of_a_run_hold_for_its_belief(belief_run: Run) -> None:
    # A pose far from where the plate lies asks for no more than the safety envelope allows.
    policy = Policy.load(belief_run)
    image = belief_run.trials[0].images.start
    limit = belief_run.configuration["safety"]["max_adjustment_m"]
    decision = policy.act(image, [0.36, 0.0, 0.0], look_error_m=[0.2, 0.0])
    assert np.hypot(decision.dx_m, decision.dy_m) <= limit
    assert decision.abstained and decision.interval_m is not None and decision.interval_m > 0.1


IMAGE = np.zeros((480, 640, 3), np.uint8)


@pytest.mark.parametrize(
    ("image", "pose", "plate", "message"),
    [
        (None, [0.3, 0, 0], None, "image is a NoneType; expected a NumPy array of uint8"),
        ([[1, 2]], [0.3, 0, 0], None, "image is a list"),
        (IMAGE.astype(np.float32), [0.3, 0, 0], None, "float32|<f4"),
        (IMAGE[..., 0], [0.3, 0, 0], None, r"\[480, 640\]"),
        (IMAGE[..., :2], [0.3, 0, 0], None, r"\[480, 640, 2\]"),
        (IMAGE[:0], [0.3, 0, 0], None, r"\[0, 640, 3\]"),
        (IMAGE[::2], [0.3, 0, 0], None, "640 x 240 pixels, expected 640 x 480"),
        (IMAGE, [0.3, 0], None, "pose is .*; expected 3 finite numbers"),
        (IMAGE, [0.3, np.nan, 0], None, "pose is .*; expected 3 finite numbers"),
        (IMAGE, "here", None, "pose is 'here'; expected 3 finite numbers"),
        (IMAGE, None, None, "pose is None; expected 3 finite numbers"),
        (IMAGE, [0.3, 0, 0], [1, 2], "plate_in_image is .*; expected 3 finite numbers"),
        (IMAGE, [0.3, 0, 0], [1, 2, 0], "a diagonal above 0"),
        (IMAGE, [0.3, 0, 0], [1, 2, np.inf], "plate_in_image is .*; expected 3 finite"),
    ],
)
def test_bad_input_is_named(
    network_run: Run, image: Any, pose: Any, plate: Any, message: str
) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        Policy.load(network_run).act(image, pose, plate)


def test_pictures_of_any_memory_layout_are_the_same_picture(network_run: Run) -> None:
    policy = Policy.load(network_run)
    image, pose, plate = state(network_run)
    expected = policy.act(image, pose, plate).probabilities
    assert expected is not None
    read_only = image.copy()
    read_only.setflags(write=False)
    layouts = [
        read_only,
        np.asfortranarray(image),
        image[::-1].copy()[::-1],
        np.repeat(image, 2, 0)[::2],
    ]
    for layout in layouts:
        got = policy.act(layout, pose, plate).probabilities
        assert got is not None
        for one, other in zip(got, expected, strict=True):
            np.testing.assert_array_equal(one, other)


def test_threads_share_a_policy(network_run: Run) -> None:
    policy = Policy.load(network_run)
    states = [state(network_run, place) for place in range(3)]
    expected = [policy.act(*one).pick_pose for one in states]
    wrong: list[str] = []

    def ask() -> None:
        for one, pick in zip(states, expected, strict=True):
            if not np.array_equal(policy.act(*one).pick_pose, pick):
                wrong.append("another pick")

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_what_is_no_policy_is_named(network_run: Run, copied: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"has no policy.safetensors yet"):
        Policy.load(copied)
    with pytest.raises(RunError, match="nothing"):
        Policy.load(tmp_path / "nothing.safetensors")
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes((network_run.path / "policy.safetensors").read_bytes()[:1000])
    with pytest.raises(RunError, match="damaged.safetensors"):
        Policy.load(damaged)
    with pytest.raises(FileNotFoundError):
        Belief.load(network_run)


def test_the_localizer_finds_the_plates_of_the_log(network_run: Run) -> None:
    localizer = Localizer.from_run(network_run)
    for trial in network_run.trials:
        color, depth = trial.images.start, trial.images.start_depth
        assert color is not None and depth is not None
        assert trial.estimated_pose is not None and trial.plate_in_image is not None
        found = localizer(color, depth)
        # Files are rounded far from the plate only.
        np.testing.assert_allclose(found.pose, trial.estimated_pose, atol=1e-9)
        np.testing.assert_allclose(found.plate_in_image, trial.plate_in_image, atol=1e-6)
        assert found.mask.dtype == np.bool_ and found.mask.shape == depth.shape
        v, u = np.nonzero(found.mask)
        assert np.hypot(u.mean() - found.plate_in_image[0], v.mean() - found.plate_in_image[1]) < 5
        assert 0.0 < found.confidence <= 1.0
        meters = np.where(depth == 0, np.nan, depth / 1000.0).astype(np.float32)
        np.testing.assert_array_equal(localizer(color, meters).pose, found.pose)


def test_a_frame_without_a_plate_is_a_fault(network_run: Run) -> None:
    localizer = Localizer.from_run(network_run)
    trial = network_run.trials[0]
    color, depth = trial.images.start, trial.images.start_depth
    assert color is not None and depth is not None
    with pytest.raises(Fault, match="plate") as raised:
        localizer(np.full_like(color, 200), depth)
    assert raised.value.kind == "Localization"
    with pytest.raises(TypeError, match="depth is .*expected a NumPy array of uint16"):
        localizer(color, depth.astype(np.int32))
    with pytest.raises(Fault, match="640 x 480|640, 480"):
        localizer(color[::2], depth[::2])


def test_a_localizer_is_configured_by_keys(network_run: Run) -> None:
    trial = network_run.trials[0]
    color, depth = trial.images.start, trial.images.start_depth
    assert color is not None and depth is not None
    calibration = network_run.calibration
    expected = Localizer.from_run(network_run)(color, depth).pose
    np.testing.assert_array_equal(Localizer(calibration)(color, depth).pose, expected)
    by_mask = Localizer(calibration, {"vision": {"localizer": {"fit_outline": False}}})
    assert np.abs(by_mask(color, depth).pose - expected).max() > 0.0
    with pytest.raises(ConfigurationError, match="fit_outlin"):
        Localizer(calibration, {"vision.localizer.fit_outlin": False})


def test_a_camera_projects_and_back(network_run: Run, tmp_path: Path) -> None:
    camera = network_run.calibration
    pixels = np.stack(np.meshgrid([50.0, 320.0, 600.0], [40.0, 240.0, 450.0]), axis=-1)
    points = camera.unproject(pixels, 0.7)
    assert points.shape == (3, 3, 3)
    np.testing.assert_allclose(camera.project(points), pixels, atol=1e-6)
    on_table = camera.on_plane(pixels, 0.01)
    np.testing.assert_allclose(on_table[..., 2], 0.01, atol=1e-12)
    np.testing.assert_allclose(camera.project(on_table), pixels, atol=1e-6)
    above = camera.world_from_camera @ np.array([0.0, 0.0, -0.1, 1.0])
    assert np.isnan(camera.project(above[:3])).all()
    # By the formula: without a lens a pixel is K times the point in the camera's frame.
    plain = Calibration.of(
        (camera.width, camera.height), camera.camera_matrix, camera.world_from_camera
    )
    in_camera = np.linalg.inv(camera.world_from_camera) @ np.append(points[1, 2], 1.0)
    homogeneous = camera.camera_matrix @ in_camera[:3]
    np.testing.assert_allclose(
        plain.project(points[1, 2]), homogeneous[:2] / homogeneous[2], atol=1e-9
    )
    file = tmp_path / "mine.toml"
    camera.write(file)
    again = Calibration.read(file)
    np.testing.assert_allclose(again.project(points), camera.project(points), atol=1e-9)
    np.testing.assert_array_equal(again.distortion, camera.distortion)


def test_a_wrong_camera_is_named(tmp_path: Path) -> None:
    file = tmp_path / "camera.toml"
    file.write_text("[intrinsics]\nwidth = 640\n")
    with pytest.raises(ValueError, match="camera.toml"):
        Calibration.read(file)
    mirrored = np.diag([1.0, 1.0, -1.0, 1.0])
    with pytest.raises(ValueError, match="rotation"):
        Calibration.of((640, 480), np.diag([600.0, 600.0, 1.0]), mirrored)
    with pytest.raises(ValueError, match=r"camera_matrix has the shape \[2\]"):
        Calibration.of((640, 480), [600.0, 600.0], np.eye(4))
