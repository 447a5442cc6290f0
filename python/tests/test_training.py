"""Runs that a Python program makes and follows."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from rmrl_robot import Callback, ProgressCallback, Run, Trial, evaluate, resume, train
from rmrl_robot.errors import ConfigurationError, DamagedRun, RunError

SMALL = {"method": "constant", "trials": 5, "seed": 3}
CLOCK = ("time", "durations_s", "digest")
COMMAND = "from rmrl_robot.command import main; main()"


def lines(path: Path) -> list[dict[str, Any]]:
    """The log without what a clock decides."""
    read = [json.loads(line) for line in (path / "trials.jsonl").read_text().splitlines()]
    return [{key: one for key, one in line.items() if key not in CLOCK} for line in read]


class Recorder(Callback):
    """Notes what it is told, and whether that is on disk."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.root = Path()
        self.thread = threading.current_thread()

    def on_start(self, run: Run) -> None:
        assert run.state == "running"
        self.root = run.path
        self.told.append("start")

    def on_trial(self, trial: Trial) -> None:
        assert threading.current_thread() is self.thread
        run = Run(self.root)
        assert run.state == "running"
        assert run.attempts[-1].record == trial.record
        assert trial.images.start is not None and trial.images.final is not None
        self.told.append(f"trial {trial.number}")

    def on_fault(self, fault: Trial) -> None:
        assert fault.reward is None
        self.told.append(f"fault {fault.number}")

    def on_update(self, trials: int) -> None:
        self.told.append(f"update {trials}")

    def on_end(self, run: Run) -> None:
        assert run.state != "running"
        self.told.append("end")


def test_callbacks_are_told_in_order_of_what_is_on_disk(tmp_path: Path) -> None:
    recorder = Recorder()
    run = train({"method": "hindsight", "trials": 3, "seed": 3}, tmp_path / "run", [recorder])
    told = recorder.told
    assert told[0] == "start" and told[-1] == "end"
    assert [one for one in told if one.startswith("trial")] == ["trial 1", "trial 2", "trial 3"]
    for number in (1, 2, 3):
        assert told.index(f"trial {number}") < told.index(f"update {number}")
    assert run.state == "complete" and run.ended == "it reached its goal"
    assert (run.path / "policy.safetensors").exists()


def test_a_run_has_the_bits_of_the_command(tmp_path: Path) -> None:
    train(SMALL, tmp_path / "python", [Callback()])
    words = ["--method", "constant", "--trials", "5", "--seed", "3"]
    command = [sys.executable, "-c", COMMAND, "train", *words, "--out", "command"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    assert lines(tmp_path / "python") == lines(tmp_path / "command")
    for name in ("config.toml", "metrics.csv", "camera.toml"):
        assert (tmp_path / "python" / name).read_bytes() == (
            tmp_path / "command" / name
        ).read_bytes()


class Raises(Callback):
    """Raises in a trial."""

    def __init__(self, number: int, error: BaseException) -> None:
        self.number = number
        self.error = error
        self.ended: Run | None = None

    def on_trial(self, trial: Trial) -> None:
        if trial.number == self.number:
            raise self.error

    def on_end(self, run: Run) -> None:
        self.ended = run


@pytest.mark.parametrize("number", [1, 3, 5])
@pytest.mark.parametrize("error", [ZeroDivisionError("mine"), KeyboardInterrupt()])
def test_an_exception_of_a_callback_ends_the_run_and_loses_no_trial(
    tmp_path: Path, number: int, error: BaseException
) -> None:
    callback = Raises(number, error)
    with pytest.raises(type(error)) as raised:
        train(SMALL, tmp_path / "run", [callback])
    assert raised.value is error
    assert callback.ended is not None and callback.ended.path == tmp_path / "run"
    run = Run(tmp_path / "run")
    assert [trial.number for trial in run.trials] == list(range(1, number + 1))
    assert run.state == ("complete" if number == 5 else "incomplete")
    # The rest is as if nothing had happened.
    resumed = resume(run)
    assert resumed.state == "complete"
    train(SMALL, tmp_path / "whole")
    completed = [line for line in lines(run.path) if (line["failure"] or {}).get("kind") != "fault"]
    assert completed == lines(tmp_path / "whole")


def test_an_exception_at_the_start_leaves_no_directory(tmp_path: Path) -> None:
    class AtStart(Callback):
        def on_start(self, run: Run) -> None:
            raise LookupError("not here")

    with pytest.raises(LookupError, match="not here"):
        train(SMALL, tmp_path / "above/run", [AtStart()])
    assert not (tmp_path / "above").exists()


def test_ctrl_c_stops_a_run_and_leaves_a_whole_log(tmp_path: Path) -> None:
    code = (
        "import rmrl_robot, sys\n"
        "class Say(rmrl_robot.Callback):\n"
        "    def on_trial(self, trial): print(trial.number, flush=True)\n"
        "try:\n"
        "    rmrl_robot.train({'method': 'none', 'trials': 100000}, sys.argv[1], [Say()])\n"
        "except KeyboardInterrupt:\n"
        "    print('interrupted', flush=True)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "run")], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    while process.stdout.readline().strip() != "3":
        assert process.poll() is None
    # Before the signal, so that it comes while the cell works.
    time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    rest = process.stdout.read()
    assert process.wait(30) == 0
    assert rest.splitlines()[-1] == "interrupted"
    run = Run(tmp_path / "run")
    assert run.state == "incomplete"
    numbers = [trial.number for trial in run.trials]
    assert numbers == list(range(1, len(numbers) + 1)) and len(numbers) >= 3
    # Whatever was told is in the log.
    told = [int(word) for word in rest.split()[:-1]]
    assert len(numbers) >= max(told, default=3)
    for fault in run.faults:
        assert fault.record["failure"]["cause"] == "interrupted"


def test_the_cell_works_without_the_lock_of_python(tmp_path: Path) -> None:
    # With the lock held, the other thread would stand for as long as a trial takes.
    gaps: list[float] = []
    over = threading.Event()

    def tick() -> None:
        before = time.perf_counter()
        while not over.is_set():
            time.sleep(0.001)
            now = time.perf_counter()
            gaps.append(now - before)
            before = now

    thread = threading.Thread(target=tick)
    thread.start()
    began = time.perf_counter()
    train(SMALL, tmp_path / "run")
    took = time.perf_counter() - began
    over.set()
    thread.join()
    assert max(gaps) < 0.5 * took
    assert len(gaps) > 10


def test_runs_on_several_threads_are_apart(tmp_path: Path) -> None:
    runs: dict[int, Run] = {}

    def make(seed: int) -> None:
        runs[seed] = train({**SMALL, "trials": 2, "seed": seed}, tmp_path / str(seed))

    threads = [threading.Thread(target=make, args=(seed,)) for seed in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [len(runs[seed].trials) for seed in range(3)] == [2, 2, 2]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"trails": 3}, "trails"),
        ({"trials": 0}, "trials"),
        ({"trials": float("nan")}, "trials"),
        ({"task": {"kind": "moon"}}, "kind|moon"),
        ({3: 4}, "the key 3 is a int"),
        ({"trials": object()}, "trials is <object"),
    ],
)
def test_a_wrong_configuration_is_named_and_leaves_nothing(
    tmp_path: Path, config: Any, message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        train(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_file_and_values_over_it(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('method = "none"\ntrials = 7\nseed = 5\n')
    run = train({"trials": 1}, tmp_path / "run", file=file)
    assert (run.method, len(run.trials), run.configuration["seed"]) == ("none", 1, 5)
    with pytest.raises(TypeError, match="give one of them"):
        train(file, tmp_path / "other", file=file)


def test_what_cannot_be_made_or_resumed_is_named(tmp_path: Path, copied: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there/file").write_text("")
    with pytest.raises(RunError, match="exists already and is never overwritten"):
        train(SMALL, tmp_path / "there")
    with pytest.raises(RunError, match="is no run"):
        resume(tmp_path / "nothing")
    log = copied / "trials.jsonl"
    log.write_text(log.read_text().replace('"trial":1', '"trial":2', 1))
    before = {file.name: file.read_bytes() for file in copied.iterdir() if file.is_file()}
    with pytest.raises(DamagedRun, match="line 1 is damaged"):
        resume(copied)
    after = {name: (copied / name).read_bytes() for name in before}
    assert before == after

    class Twice(Callback):
        def on_trial(self, trial: Trial) -> None:
            # After the last trial the run may have ended already.
            if trial.number == 1:
                with pytest.raises(RunError, match="in use by another process"):
                    resume(tmp_path / "run")

    train({**SMALL, "trials": 2}, tmp_path / "run", Twice())
    with pytest.raises(TypeError, match="a callback is a function; expected a subclass"):
        train(SMALL, tmp_path / "more", [lambda: None])  # type: ignore[list-item]


def test_limits_of_the_configuration_end_a_run(tmp_path: Path) -> None:
    run = train({**SMALL, "unattended": {"max_hours": 1e-9}}, tmp_path / "run")
    assert run.state == "incomplete"
    assert run.ended is not None and "over" in run.ended
    assert len(run.trials) < 5


def test_an_evaluation_is_that_of_the_command(network_run: Run) -> None:
    found = evaluate(network_run, 2, seed=7)
    words = ["eval", str(network_run.path), "--trials", "2", "--seed", "7", "--json"]
    command = [sys.executable, "-c", COMMAND, *words]
    printed = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    assert {key: printed[key] for key in found} == found
    assert found["trials"] == 2
    with pytest.raises(ValueError, match="trials is 0"):
        evaluate(network_run, 0)
    with pytest.raises(RunError, match="moon"):
        evaluate(network_run, 1, task="moon")


def test_progress_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train({**SMALL, "trials": 2}, tmp_path / "run", [ProgressCallback()])
    written = capsys.readouterr().err.splitlines()
    assert written[0].endswith("constant, 2 trials")
    assert written[1].startswith("trial 1 of 2: reward 0.") and written[1].endswith(" mm")
    assert "complete" in written[-1]


def test_weights_and_biases_gets_every_trial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wandb = pytest.importorskip("wandb")
    from rmrl_robot import WandbCallback

    monkeypatch.setenv("WANDB_SILENT", "true")
    logged: list[tuple[dict[str, Any], int]] = []
    callback = WandbCallback("tests", mode="offline", image_every=2)

    class Watch(Callback):
        """Stands between the callback and its library, which writes a format of its own."""

        def on_start(self, run: Run) -> None:
            original = callback._run.log

            def log(values: dict[str, Any], step: int) -> None:
                logged.append((values, step))
                original(values, step=step)

            monkeypatch.setattr(callback._run, "log", log)

    run = train({**SMALL, "trials": 3}, tmp_path / "run", [callback, Watch()])
    assert [step for _, step in logged] == [1, 2, 3]
    assert [values["trial/reward"] for values, _ in logged] == run.trials["reward"].tolist()
    assert [isinstance(values.get("image/start"), wandb.Image) for values, _ in logged] == [
        False,
        True,
        False,
    ]
    files = list(tmp_path.glob("wandb/offline-run-*/run-*.wandb"))
    assert len(files) == 1 and files[0].stat().st_size > 1000


def test_mlflow_gets_every_trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("mlflow")
    from mlflow.tracking import MlflowClient

    from rmrl_robot import MlflowCallback

    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    store = f"file:{tmp_path / 'mlruns'}"
    run = train(
        {**SMALL, "trials": 3}, tmp_path / "run", [MlflowCallback("tests", tracking_uri=store)]
    )
    client = MlflowClient(store)
    experiment = client.get_experiment_by_name("tests")
    assert experiment is not None
    (logged,) = client.search_runs([experiment.experiment_id])
    assert logged.info.status == "FINISHED"
    assert logged.data.params["method"] == "constant"
    assert logged.data.params["task.kind"] == "table"
    history = client.get_metric_history(logged.info.run_id, "trial/reward")
    assert [one.value for one in history] == run.trials["reward"].tolist()
    assert [one.step for one in history] == [1, 2, 3]
    artifacts = {one.path for one in client.list_artifacts(logged.info.run_id)}
    assert {"config.toml", "metrics.csv"} <= artifacts


def test_the_package_needs_numpy_only() -> None:
    code = (
        "import sys\n"
        "for name in ('pandas', 'pyarrow', 'rerun', 'wandb', 'mlflow', 'torch', 'gymnasium'):\n"
        "    sys.modules[name] = None\n"
        "import rmrl_robot\n"
        "for name in rmrl_robot.__all__: getattr(rmrl_robot, name)\n"
        "for wanted in ('WandbCallback', 'MlflowCallback', 'RerunCallback'):\n"
        "    try:\n"
        "        getattr(rmrl_robot, wanted)()\n"
        "    except ImportError as error:\n"
        "        assert 'pip install \"rmrl-robot[' in str(error), error\n"
        "    else:\n"
        "        raise AssertionError(wanted)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)


@pytest.mark.parametrize(
    ("config", "callbacks", "expected"),
    [
        (3, (), "expected a mapping of keys and values"),
        ([("trials", 3)], (), "expected a mapping of keys and values"),
        ({1: 2}, (), "expected a string"),
        ({"trials": object()}, (), "trials is <object"),
        ({}, 3, "callbacks is 3; expected a Callback or a list"),
        ({}, [None], "a callback is a NoneType; expected a subclass"),
    ],
)
def test_what_is_no_configuration_or_callback_is_refused_before_anything_is_made(
    tmp_path: Path, config: Any, callbacks: Any, expected: str
) -> None:
    with pytest.raises((ConfigurationError, TypeError), match=expected):
        train(config, tmp_path / "run", callbacks)
    assert not (tmp_path / "run").exists()
