"""Callbacks of ``rmrl_robot.train``: progress, Weights & Biases, MLflow, Rerun.

The run itself writes TensorBoard events; they need no callback.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TextIO

from rmrl_robot.runs import Run, Trial
from rmrl_robot.training import Callback

if TYPE_CHECKING:
    from rmrl_robot.view import Viewer

__all__ = ["MlflowCallback", "ProgressCallback", "RerunCallback", "WandbCallback"]


def scalars(trial: Trial) -> dict[str, float]:
    """The numbers of a trial that change over a run, by name with unit."""
    record = trial.record
    values: dict[str, float] = {"reward": record["reward"]}
    if record["e_trans_m"] is not None:
        values["e_trans_mm"] = 1e3 * record["e_trans_m"]
    if record["true_e_trans_m"] is not None:
        values["true_e_trans_mm"] = 1e3 * record["true_e_trans_m"]
    if record.get("interval_m") is not None:
        values["interval_mm"] = 1e3 * record["interval_m"]
    values["placed"] = float(record["failure"] is None)
    prefix = "test" if record.get("purpose") == "test" else "trial"
    return {f"{prefix}/{name}": value for name, value in values.items()}


def flat(configuration: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """A configuration with dotted keys; lists are text."""
    values: dict[str, Any] = {}
    for key, value in configuration.items():
        if isinstance(value, Mapping):
            values.update(flat(value, f"{prefix}{key}."))
        elif value is not None:
            values[prefix + key] = str(value) if isinstance(value, (list, tuple)) else value
    return values


class ProgressCallback(Callback):
    """Writes a line for each trial.

    Args:
        stream: Where to. Default standard error.
        every: Only every so many trials.
    """

    def __init__(self, stream: TextIO | None = None, every: int = 1) -> None:
        self._stream = stream
        self._every = max(1, every)
        self._trials = 0

    def on_start(self, run: Run) -> None:
        self._trials = run.configuration["trials"]
        self._write(f"{run.path}: {run.method}, {self._trials} trials")

    def on_trial(self, trial: Trial) -> None:
        if trial.number % self._every:
            return
        error = trial.record["e_trans_m"]
        measured = "not placed" if error is None else f"{1e3 * error:.2f} mm"
        self._write(
            f"trial {trial.number} of {self._trials}: reward {trial.reward:.3f}, {measured}"
        )

    def on_fault(self, fault: Trial) -> None:
        self._write(
            f"trial {fault.number}, attempt {fault.attempt}: {fault.record['failure']['reason']}"
        )

    def on_notice(self, trial: int, what: str) -> None:
        self._write(f"trial {trial}: {what}")

    def on_end(self, run: Run) -> None:
        self._write(repr(run))

    def _write(self, line: str) -> None:
        print(line, file=self._stream or sys.stderr, flush=True)


class WandbCallback(Callback):
    """Logs to Weights & Biases. Needs ``rmrl-robot[wandb]``.

    Args:
        project: The project.
        image_every: Logs the picture of the start of every so many trials; 0: none.
        options: More arguments of ``wandb.init``, such as ``mode="offline"`` or ``entity``.
    """

    def __init__(self, project: str = "rmrl", *, image_every: int = 10, **options: Any) -> None:
        try:
            import wandb
        except ImportError as error:
            raise ImportError('pip install "rmrl-robot[wandb]" for Weights & Biases') from error
        self._wandb = wandb
        self._options = {"project": project, **options}
        self._image_every = image_every
        self._run: Any = None

    def on_start(self, run: Run) -> None:
        options = {"name": run.path.name, "dir": os.fspath(run.path.parent), **self._options}
        self._run = self._wandb.init(config=flat(run.configuration), **options)

    def on_trial(self, trial: Trial) -> None:
        values: dict[str, Any] = dict(scalars(trial))
        if self._image_every and trial.number % self._image_every == 0:
            start = trial.images.start
            if start is not None:
                values["image/start"] = self._wandb.Image(start)
        self._run.log(values, step=trial.number)

    def on_end(self, run: Run) -> None:
        if self._run is None:
            return
        self._run.summary["trials"] = len(run.trials)
        self._run.summary["faults"] = len(run.faults)
        self._run.finish()
        self._run = None


class MlflowCallback(Callback):
    """Logs to MLflow. Needs ``rmrl-robot[mlflow]``.

    Args:
        experiment: The experiment.
        tracking_uri: Where to, such as ``sqlite:///mlflow.db`` or a server. Default: as MLflow is set.
        artifacts: Whether the policy or belief, and the configuration, are logged at the end.
    """

    def __init__(
        self, experiment: str = "rmrl", *, tracking_uri: str | None = None, artifacts: bool = True
    ) -> None:
        try:
            from mlflow.tracking import MlflowClient
        except ImportError as error:
            raise ImportError('pip install "rmrl-robot[mlflow]" for MLflow') from error
        self._client = MlflowClient(tracking_uri)
        self._experiment = experiment
        self._artifacts = artifacts
        self._id: str | None = None

    def on_start(self, run: Run) -> None:
        found = self._client.get_experiment_by_name(self._experiment)
        experiment = (
            self._client.create_experiment(self._experiment)
            if found is None
            else found.experiment_id
        )
        started = self._client.create_run(experiment, run_name=run.path.name)
        self._id = str(started.info.run_id)
        for key, value in flat(run.configuration).items():
            self._client.log_param(self._id, key, value)

    def on_trial(self, trial: Trial) -> None:
        if self._id is None:
            return
        for name, value in scalars(trial).items():
            self._client.log_metric(self._id, name, value, step=trial.number)

    def on_end(self, run: Run) -> None:
        if self._id is None:
            return
        for name in ("config.toml", "policy.safetensors", "belief.json", "metrics.csv"):
            if self._artifacts and (run.path / name).exists():
                self._client.log_artifact(self._id, os.fspath(run.path / name))
        status = "FINISHED" if run.state == "complete" else "KILLED"
        self._client.set_terminated(self._id, status=status)
        self._id = None


class RerunCallback(Callback):
    """Shows the run in Rerun while it is made. Needs ``rmrl-robot[view]``.

    Args:
        save: A file to write instead of opening Rerun's window.
    """

    def __init__(self, save: str | os.PathLike[str] | None = None) -> None:
        from rmrl_robot.view import require_rerun

        require_rerun()
        self._save = save
        self._viewer: Viewer | None = None

    def on_start(self, run: Run) -> None:
        from rmrl_robot.view import Viewer

        self._viewer = Viewer(run, save=self._save)
        for attempt in run.attempts:
            self._viewer.log(attempt)

    def on_trial(self, trial: Trial) -> None:
        if self._viewer is not None:
            self._viewer.log(trial)

    def on_fault(self, fault: Trial) -> None:
        if self._viewer is not None:
            self._viewer.log(fault)

    def on_end(self, run: Run) -> None:
        if self._viewer is not None:
            self._viewer.close()
            self._viewer = None
