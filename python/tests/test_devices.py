"""A run drives devices that are Python classes: simulated ones here, which fail in every way that a driver can."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rmrl_robot import _native
from rmrl_robot.configuration import assignments
from rmrl_robot.devices import (
    Arm,
    Collision,
    Declined,
    Devices,
    Disconnected,
    NeedsOperator,
    Refused,
    RunEnd,
    TimedOut,
    resume,
    train,
)
from rmrl_robot.errors import ConfigurationError
from rmrl_robot.simulated import simulated_cell, simulated_devices

# The emulated camera is off by some millimeters, which is what a run learns.
CONFIG: dict[str, Any] = {
    "trials": 3,
    "seed": 5,
    "method": "hindsight",
    "metrics.noise_floor_repeats": 2,
    "camera.max_residual_mm": 20.0,
    "record.depth": False,
    "unattended.recovery": {"first_wait_secs": 0.01},
}


def devices_of(cell: _native.SimulatedCell, **changed: Any) -> Devices:
    """The devices of a cell; ``arm_move_to=f`` replaces that method by ``f(original, *arguments)``."""
    devices = simulated_devices(cell)
    for name, replacement in changed.items():
        device = getattr(devices, name.split("_", 1)[0])
        method = name.split("_", 1)[1]
        original = getattr(device, method)

        def call(*arguments: Any, f: Any = replacement, original: Any = original) -> Any:
            return f(original, *arguments)

        setattr(device, method, call)
    return devices


def at_call(number: int, act: Any) -> Any:
    """Acts at one call instead of the original, and lets the others be."""
    calls = iter(range(1, 1_000_000))

    def replaced(original: Any, *arguments: Any) -> Any:
        return act() if next(calls) == number else original(*arguments)

    return replaced


def raises(error: BaseException) -> Any:
    def act() -> None:
        raise error

    return act


def log_of(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "trials.jsonl").read_text().splitlines()]


def without_clocks(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    clocks = ("time", "durations_s", "digest")
    return [
        {key: value for key, value in record.items() if key not in clocks} for record in records
    ]


def faults_of(run: Path) -> str:
    return " | ".join(json.dumps(record["failure"]) for record in log_of(run) if is_fault(record))


def is_fault(record: dict[str, Any]) -> bool:
    return record["failure"] is not None and record["failure"]["kind"] == "fault"


def test_a_run_through_python_has_the_bits_of_the_same_run_in_rust(tmp_path: Path) -> None:
    cell = simulated_cell(CONFIG)
    heard: list[dict[str, Any]] = []
    end = train(
        CONFIG, devices=simulated_devices(cell), out=tmp_path / "python", on_attempt=heard.append
    )
    assert (end.outcome, end.trials, end.stop) == ("goal", 3, None)
    external = {"cell.kind": "external", "camera.source": "external", "cell.operator": "external"}
    native = simulated_cell(CONFIG).device_set()
    _native.create_run(tmp_path / "rust", None, assignments({**CONFIG, **external}))
    _native.run_with_devices(tmp_path / "rust", native)
    python, rust = log_of(tmp_path / "python"), log_of(tmp_path / "rust")
    assert without_clocks(python) == without_clocks(rust)
    assert without_clocks(heard) == without_clocks(python)
    assert any(record["reward"] for record in python)
    config = (tmp_path / "python" / "config.toml").read_text()
    assert 'kind = "external"' in config


LOST, BUG = Disconnected("the cable"), ValueError("a bug")


@pytest.mark.parametrize(
    ("place", "number", "error", "expected"),
    [
        ("arm_move_to", 1, LOST, "lost the arm: the cable"),
        ("arm_move_to", 12, LOST, "lost the arm: the cable"),
        ("arm_move_to", 12, OSError("no route"), "raised OSError: no route (test_devices.py, line"),
        ("arm_move_to", 12, Refused("joint 3"), "the arm refused: joint 3"),
        (
            "arm_move_to",
            12,
            BUG,
            "SimulatedArm.move_to raised ValueError: a bug (test_devices.py, line",
        ),
        ("arm_move_to", 12, TimedOut("slow", 1.5), "the arm did not finish within 1.5 s"),
        ("arm_pose", 1, LOST, "lost the arm: the cable"),
        ("arm_pose", 12, BUG, "raised ValueError: a bug"),
        ("arm_recover", 1, BUG, "raised ValueError: a bug"),
        ("arm_recover", 4, LOST, "lost the arm: the cable"),
        ("gripper_open", 2, BUG, "raised ValueError: a bug"),
        ("gripper_close", 1, LOST, "lost the gripper: the cable"),
        ("gripper_holds_object", 2, BUG, "raised ValueError: a bug"),
        ("camera_capture", 2, BUG, "raised ValueError: a bug"),
        ("camera_capture", 6, BUG, "raised ValueError: a bug"),
        ("camera_model", 1, BUG, "raised ValueError: a bug"),
        ("operator_exchange_plate", 2, BUG, "raised ValueError: a bug"),
    ],
)
def test_an_exception_is_a_fault_and_the_trial_is_repeated(
    tmp_path: Path, place: str, number: int, error: Exception, expected: str
) -> None:
    devices = devices_of(simulated_cell(CONFIG), **{place: at_call(number, raises(error))})
    out = tmp_path / "run"
    try:
        end = train(CONFIG, devices=devices, out=out)
    except RuntimeError as raised:
        # Before the first trial, nothing could be repeated.
        assert expected in str(raised), raised
        assert not out.exists()
        return
    assert end.trials == 3, end
    # What is lost is tried again without a fault where no trial has begun.
    is_retried = isinstance(error, (Disconnected, OSError, TimedOut)) and end.attempts == 3
    assert is_retried or expected in faults_of(out), (end, faults_of(out))


@pytest.mark.parametrize("retries", [0, 3])
def test_a_lost_arm_is_tried_again_as_configured_before_the_first_motion_too(
    tmp_path: Path, retries: int
) -> None:
    tried = []

    def recover(original: Any, *arguments: Any) -> None:
        tried.append(arguments)
        raise LOST

    devices = devices_of(simulated_cell(CONFIG), arm_recover=recover)
    config = {**CONFIG, "unattended.recovery": {"first_wait_secs": 0.01, "retries": retries}}
    with pytest.raises(RuntimeError, match="lost the arm: the cable"):
        train(config, devices=devices, out=tmp_path / "run")
    assert len(tried) == 1 + retries


@pytest.mark.parametrize(
    ("place", "answer", "expected"),
    [
        ("arm_move_to", None, "SimulatedArm.move_to returned something else than it should"),
        ("arm_move_to", (0.3, 0.0, 0.2), "x_m, y_m, z_m, yaw_rad"),
        ("arm_move_to", (300.0, 0.0, 200.0, 0.0), "from the one that it was asked for"),
        ("arm_pose", (float("nan"), 0, 0, 0), "expected 4 finite numbers"),
        ("arm_recover", False, "returned False; expected None"),
        ("gripper_open", True, "returned True; expected None"),
        ("gripper_holds_object", 1, "returned 1; expected True or False"),
        ("gripper_holds_object", None, "returned None; expected True or False"),
        ("camera_capture", None, "expected the tuple (color, depth)"),
        ("camera_capture", "color of another size", "those of the camera's model"),
        ("camera_capture", "gray", "expected a NumPy array of uint8 with the shape"),
        ("camera_capture", "float color", "color is"),
        ("camera_capture", "depth of ints", "uint16 in millimeters or float32 in meters"),
        ("operator_permit_motion", "yes", "returned 'yes'; expected True or False"),
        ("operator_put_plate_at_target", True, "returned True; expected None"),
    ],
)
def test_an_answer_that_is_none_says_what_was_expected(
    tmp_path: Path, place: str, answer: Any, expected: str
) -> None:
    color, depth = np.zeros((480, 640, 3), np.uint8), np.zeros((480, 640), np.uint16)
    frames = {
        "color of another size": (color[::2, ::2], depth[::2, ::2]),
        "gray": (color[..., 0], depth),
        "float color": (color.astype(float), depth),
        "depth of ints": (color, depth.astype(np.int32)),
    }
    wrong = frames[answer] if answer in frames and place == "camera_capture" else answer
    devices = devices_of(simulated_cell(CONFIG), **{place: lambda _, *__: wrong})
    config = {**CONFIG, "unattended.max_faults": 1, "trials": 1}
    try:
        train(config, devices=devices, out=tmp_path / "run")
        said = faults_of(tmp_path / "run")
    except RuntimeError as raised:
        said = str(raised)
    assert expected in said


def test_an_async_method_is_refused(tmp_path: Path) -> None:
    async def pose(*_: Any) -> tuple[float, ...]:
        return (0.3, 0.0, 0.2, 0.0)

    devices = devices_of(simulated_cell(CONFIG), arm_pose=pose)
    with pytest.raises(RuntimeError, match="is an async function"):
        train(CONFIG, devices=devices, out=tmp_path / "run")


@pytest.mark.parametrize("kind", [np.uint16, np.float32, np.float64])
def test_depth_in_millimeters_and_in_meters_are_the_same_depth(tmp_path: Path, kind: Any) -> None:
    def capture(original: Any) -> Any:
        color, depth = original()
        if kind is not np.uint16:
            depth = np.where(depth == 0, np.nan, depth / 1000.0).astype(kind)
        # Of any strides, read-only.
        color, depth = np.asfortranarray(color), depth[:, ::-1].copy()[:, ::-1]
        color.flags.writeable = depth.flags.writeable = False
        return color, depth

    config = {**CONFIG, "trials": 1}
    for name, camera in (("as it is", {}), ("changed", {"camera_capture": capture})):
        train(config, devices=devices_of(simulated_cell(config), **camera), out=tmp_path / name)
    first, second = (without_clocks(log_of(tmp_path / name)) for name in ("as it is", "changed"))
    assert first == second


@pytest.mark.parametrize(
    ("place", "number", "attribute"),
    [
        ("arm_move_to", 9, "move_timeout_s"),
        ("arm_pose", 9, "answer_timeout_s"),
        ("gripper_close", 1, "jaws_timeout_s"),
        ("gripper_holds_object", 2, "answer_timeout_s"),
        ("camera_capture", 5, "capture_timeout_s"),
    ],
)
def test_a_call_that_hangs_stops_the_arm_and_nothing_more_is_asked_of_it(
    tmp_path: Path, place: str, number: int, attribute: str
) -> None:
    released, stops, calls = threading.Event(), [], []
    name, method = place.split("_", 1)

    def hang() -> None:
        released.wait(60)

    def stop(original: Any) -> None:
        stops.append(threading.current_thread())
        original()

    hanging = at_call(number, hang)

    def counted(original: Any, *arguments: Any) -> Any:
        calls.append(1)
        return hanging(original, *arguments)

    devices = devices_of(simulated_cell(CONFIG), **{place: counted, "arm_stop": stop})
    setattr(getattr(devices, name), attribute, 0.3)
    began = time.monotonic()
    end = train(CONFIG, devices=devices, out=tmp_path / "run")
    assert time.monotonic() - began < 20
    assert end.outcome == "stopped" and end.stop == "the arm has confirmed that it stands"
    assert f"the time-out of {type(getattr(devices, name)).__name__}.{method} (0.3 s)" in end.ended
    assert stops and stops[0] is not threading.main_thread()
    assert len(calls) == number
    # The object is not called while it hangs; others resume the run.
    if name == "gripper":
        # It would be tried again for a quarter of a minute.
        released.set()
        return
    with pytest.raises(RuntimeError, match=f"{method} has not returned for"):
        resume(tmp_path / "run", devices=devices)
    assert len(calls) == number
    released.set()
    others = simulated_devices(simulated_cell(CONFIG))
    assert resume(tmp_path / "run", devices=others).outcome == "goal"


def test_a_stop_that_fails_is_not_confirmed(tmp_path: Path) -> None:
    released = threading.Event()
    devices = devices_of(
        simulated_cell(CONFIG),
        arm_move_to=at_call(5, lambda: released.wait(60)),
        arm_stop=lambda _: raises(Disconnected("no link"))(),
    )
    devices.arm.move_timeout_s = 0.3
    end = train(CONFIG, devices=devices, out=tmp_path / "run")
    released.set()
    assert end.stop is not None and end.stop.startswith("NOT CONFIRMED: press the red button")
    assert "no link" in end.stop


def test_the_operator_decides_whether_the_arm_moves(tmp_path: Path) -> None:
    moved: list[int] = []

    def move_to(original: Any, *arguments: Any) -> Any:
        moved.append(1)
        return original(*arguments)

    asked: list[str] = []

    def decline(_: Any, motion: str) -> bool:
        asked.append(motion)
        return False

    for answer in (decline, lambda *_: raises(Declined("no"))()):
        devices = devices_of(
            simulated_cell(CONFIG), arm_move_to=move_to, operator_permit_motion=answer
        )
        end = train(CONFIG, devices=devices, out=tmp_path / "run")
        assert end.outcome == "early" and "declined" in end.ended
        assert not moved
    assert "The tool is at" in asked[0]


def test_a_person_has_to_come_where_a_driver_says_so(tmp_path: Path) -> None:
    devices = devices_of(
        simulated_cell(CONFIG), gripper_close=raises_always(NeedsOperator("a jammed finger"))
    )
    with pytest.raises(RuntimeError, match="a jammed finger"):
        train(CONFIG, devices=devices, out=tmp_path / "run")
    assert "a jammed finger" in faults_of(tmp_path / "run")


def raises_always(error: BaseException) -> Any:
    def replaced(*_: Any) -> None:
        raise error

    return replaced


def test_contact_where_none_is_expected_ends_the_run(tmp_path: Path) -> None:
    recovered: list[int] = []

    def meet() -> None:
        recovered.clear()
        raise Collision((0.3, 0.0, 0.2, 0.0))

    def recover(original: Any) -> None:
        recovered.append(1)
        original()

    devices = devices_of(simulated_cell(CONFIG), arm_move_to=at_call(6, meet), arm_recover=recover)
    with pytest.raises(RuntimeError, match="where no contact was expected"):
        train(CONFIG, devices=devices, out=tmp_path / "run")
    # A simulated cell would recover; this one waits for a person.
    assert not recovered


def test_a_camera_without_a_checked_calibration_trains_nothing(tmp_path: Path) -> None:
    def model(original: Any) -> Any:
        unchecked = original()
        del unchecked["calibration"]
        return unchecked

    devices = devices_of(simulated_cell(CONFIG), camera_model=model)
    with pytest.raises(RuntimeError, match="the camera of this program has no .calibration."):
        train(CONFIG, devices=devices, out=tmp_path / "run")


def test_a_camera_file_is_a_path_or_a_mapping(tmp_path: Path) -> None:
    config = {**CONFIG, "trials": 1}
    cell = simulated_cell(config)
    model = json.loads(cell.camera_file())
    model["world_from_camera"] = {
        key: np.array(value) for key, value in model["world_from_camera"].items()
    }
    devices = devices_of(cell, camera_model=lambda _: model)
    assert train(config, devices=devices, out=tmp_path / "arrays").outcome == "goal"
    for wrong in (3, {"intrinsics": 4}, tmp_path / "missing.toml"):
        devices = devices_of(simulated_cell(config), camera_model=lambda _, wrong=wrong: wrong)
        with pytest.raises(RuntimeError, match=r"(?i)camera"):
            train(config, devices=devices, out=tmp_path / "wrong")


def test_what_a_callback_raises_ends_the_run_between_two_attempts(tmp_path: Path) -> None:
    def on_attempt(_: dict[str, Any]) -> None:
        raise ZeroDivisionError("in the callback")

    with pytest.raises(ZeroDivisionError, match="in the callback"):
        train(
            CONFIG,
            devices=simulated_devices(simulated_cell(CONFIG)),
            out=tmp_path / "run",
            on_attempt=on_attempt,
        )
    assert len(log_of(tmp_path / "run")) == 1


def test_devices_and_time_outs_are_checked() -> None:
    cell = simulated_cell(CONFIG)
    devices = simulated_devices(cell)
    with pytest.raises(TypeError, match="expected an object of a class that derives from"):
        Devices(arm=object(), gripper=devices.gripper)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="arm is the class Arm"):
        Devices(arm=Arm, gripper=devices.gripper)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="belong together"):
        Devices(arm=devices.arm)
    with pytest.raises(TypeError, match="no device is given"):
        Devices()
    for wrong, error in ((0, ValueError), (float("nan"), ValueError), ("1", TypeError)):
        devices.arm.move_timeout_s = wrong
        with pytest.raises(error, match="SimulatedArm.move_timeout_s is"):
            Devices(arm=devices.arm, gripper=devices.gripper)._set  # noqa: B018


def test_an_invalid_configuration_leaves_nothing_behind(tmp_path: Path) -> None:
    devices = simulated_devices(simulated_cell(CONFIG))
    with pytest.raises(ConfigurationError, match="trials"):
        train({"trials": 0}, devices=devices, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


PROGRAM = """
import json, os, signal, sys, threading, time
from pathlib import Path
from rmrl_robot.devices import resume, train
from rmrl_robot.simulated import simulated_cell, simulated_devices
config, out, state, act = json.loads(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), sys.argv[4]
cell = simulated_cell(config)
if state.exists():
    cell.restore(state.read_text())
devices = simulated_devices(cell)
arm, calls = devices.arm, iter(range(1, 1000000))
move_to, stop = arm.move_to, arm.stop
def moved(*arguments):
    if next(calls) == 25 and act != "nothing":
        if act == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if act == "ctrl-c":
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.3)
        if act == "hold":
            import ctypes
            # It holds the interpreter's lock.
            ctypes.PyDLL(None).usleep(3_000_000)
    return move_to(*arguments)
def stopped():
    print("stop on the main thread:", threading.current_thread() is threading.main_thread(), flush=True)
    stop()
arm.move_to, arm.stop = moved, stopped
if act == "hold":
    arm.move_timeout_s = 0.5
keep = lambda _: state.write_text(cell.remember())
run = (lambda: resume(out, devices=devices, on_attempt=keep)) if os.path.exists(out) else (
    lambda: train(config, devices=devices, out=out, on_attempt=keep))
try:
    print(run(), flush=True)
except KeyboardInterrupt as interrupt:
    print("interrupted:", getattr(interrupt, "__notes__", None), flush=True)
"""


def program(run: Path, act: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(CONFIG), run, run.with_suffix(".state"), act],
        capture_output=True,
        check=False,
        text=True,
        timeout=120,
    )


def test_a_killed_run_is_resumed(tmp_path: Path) -> None:
    run = tmp_path / "run"
    killed = program(run, "kill")
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    before = log_of(run)
    assert 0 < len(before) < 3
    resumed = program(run, "nothing")
    assert "outcome='goal'" in resumed.stdout, resumed
    after = log_of(run)
    assert after[: len(before)] == before
    assert [record["trial"] for record in after if not is_fault(record)] == [1, 2, 3]


def test_ctrl_c_stops_the_arm_and_the_run_can_be_resumed(tmp_path: Path) -> None:
    run = tmp_path / "run"
    stopped = program(run, "ctrl-c")
    assert "stop on the main thread: False" in stopped.stdout, stopped
    assert "interrupted:" in stopped.stdout
    if sys.version_info >= (3, 11):
        assert "the arm has confirmed that it stands" in stopped.stdout
    assert "stopped by Ctrl-C" in faults_of(run)
    assert "outcome='goal'" in program(run, "nothing").stdout


def test_a_driver_that_holds_the_interpreters_lock_does_not_hold_up_the_switch(
    tmp_path: Path,
) -> None:
    held = program(tmp_path / "run", "hold")
    assert "outcome='stopped'" in held.stdout, held
    assert "the time-out of SimulatedArm.move_to (0.5 s)" in held.stdout


def test_the_command_says_how_a_run_with_a_programs_devices_is_resumed(tmp_path: Path) -> None:
    run = tmp_path / "run"
    config = {**CONFIG, "trials": 1}
    cell = simulated_cell(config)
    train(config, devices=simulated_devices(cell), out=run)
    command = "from rmrl_robot.command import main; main()"
    resumed = subprocess.run(
        [sys.executable, "-c", command, "train", "--resume", run],
        capture_output=True,
        check=False,
        text=True,
    )
    assert resumed.returncode == 2
    assert "rmrl_robot.devices.train and resume" in resumed.stderr
    end = resume(run, devices=simulated_devices(cell))
    assert isinstance(end, RunEnd) and (end.outcome, end.trials) == ("goal", 1)
    with pytest.raises(ConfigurationError, match="trials is 2, and 1 in the run"):
        resume(run, devices=simulated_devices(cell), config={"trials": 2})
