"""Making runs from Python: train, resume, evaluate.

Examples:
    >>> run = train({"method": "hindsight", "trials": 40, "seed": 3})  # doctest: +SKIP
    >>> run.trials["reward"][-10:].mean()  # doctest: +SKIP
    0.98
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

from rmrl_robot import _native
from rmrl_robot.configuration import assignments
from rmrl_robot.runs import Run, Trial

__all__ = ["Callback", "evaluate", "resume", "train"]

Config = Mapping[str, Any] | str | os.PathLike[str]


class Callback:
    """Follows a run. Each method is called on the thread that called ``train``.

    What a method is told of is on disk. The arm stands while ``on_trial`` and ``on_fault`` run. An
    exception ends the run before its next attempt, and is raised once the run has ended.
    """

    def on_start(self, run: Run) -> None:
        """The run begins, or resumes; its directory is there."""

    def on_trial(self, trial: Trial) -> None:
        """A trial was completed. ``trial.record`` is its line of the log."""

    def on_fault(self, fault: Trial) -> None:
        """A fault cut an attempt short, and it will be repeated."""

    def on_update(self, trials: int) -> None:
        """The last trial has been learned from; ``trials`` were so far. Only methods with a network."""

    def on_notice(self, trial: int, what: str) -> None:
        """Something was noticed that a person should know, such as a camera that was moved."""

    def on_end(self, run: Run) -> None:
        """The run has ended: by its goal, a limit, a stop, or an exception of another callback."""


class _Followed:
    """What the native module calls: it hands everything to the callbacks."""

    def __init__(self, callbacks: Sequence[Callback]) -> None:
        self._callbacks = list(callbacks)
        self.path: str | None = None

    def start(self, path: str) -> None:
        self.path = path
        run = Run(path)
        for callback in self._callbacks:
            callback.on_start(run)

    def attempt(self, record: str) -> None:
        if self.path is None:
            return
        trial = Trial(Run(self.path).path, json.loads(record))
        for callback in self._callbacks:
            if trial.is_fault:
                callback.on_fault(trial)
            else:
                callback.on_trial(trial)

    def update(self, trials: int) -> None:
        for callback in self._callbacks:
            callback.on_update(trials)

    def noticed(self, trial: int, what: str) -> None:
        for callback in self._callbacks:
            callback.on_notice(trial, what)

    def end(self) -> None:
        """Tells every callback, and raises the first exception of one."""
        if self.path is None:
            return
        run, raised = Run(self.path), None
        for callback in self._callbacks:
            try:
                callback.on_end(run)
            except Exception as error:  # noqa: BLE001  every callback is told, whatever another raises
                raised = raised or error
        if raised is not None:
            raise raised


def train(
    config: Config | None = None,
    out: str | os.PathLike[str] | None = None,
    callbacks: Sequence[Callback] | Callback = (),
    *,
    file: str | os.PathLike[str] | None = None,
    yes: bool = False,
) -> Run:
    """Makes a run, as ``rmrl train`` does.

    Python's lock is free while the cell works. Ctrl-C stops the arm and finishes the log, and raises
    ``KeyboardInterrupt``; ``resume`` continues such a run. A second Ctrl-C does not wait for that.

    Args:
        config: Keys and values over the defaults, nested or dotted, such as ``{"trials": 30,
            "task.kind": "shelf"}``; or the path of a TOML file.
        out: The run directory, which must not exist. Default ``runs/TASK-METHOD-seedN``.
        callbacks: Who follows it, one or several.
        file: A TOML file under ``config``.
        yes: Move the arm of a real cell without asking its operator, as ``--yes``.

    Returns:
        The run. ``run.state`` and ``run.ended`` say whether it reached its goal.

    Raises:
        ConfigurationError: A key or a value is invalid.
        RunError: The run failed; what was recorded is safe.
    """
    if isinstance(config, (str, os.PathLike)):
        if file is not None:
            raise TypeError("config and file are both paths; give one of them")
        file, config = config, None
    program = _Followed(_checked(callbacks))
    path = None if file is None else os.fspath(file)
    target = None if out is None else os.fspath(out)
    values = assignments(config or {})
    return _follow(program, lambda: _native.train_run(program, path, values, target, yes))


def resume(
    run: Run | str | os.PathLike[str],
    callbacks: Sequence[Callback] | Callback = (),
    *,
    yes: bool = False,
) -> Run:
    """Continues a run that stopped, by its own configuration, as ``rmrl train --resume`` does.

    Raises:
        RunError: It is no run, in use, or cannot be resumed.
        DamagedRun: A file was changed or damaged; nothing is changed then.
    """
    path = os.fspath(run.path if isinstance(run, Run) else run)
    program = _Followed(_checked(callbacks))
    return _follow(program, lambda: _native.resume_run(program, path, yes))


def evaluate(
    run: Run | str | os.PathLike[str],
    trials: int = 10,
    *,
    seed: int = 0,
    task: str | None = None,
    yes: bool = False,
) -> dict[str, Any]:
    """Evaluates what a run deploys on new placements, as ``rmrl eval`` does.

    Args:
        run: The run.
        trials: Placements.
        seed: Of the placements.
        task: Another task than the run's.
        yes: Move the arm of a real cell without asking its operator.

    Returns:
        What ``rmrl eval --json`` prints, as a dict: rewards, errors in mm and degrees, the error budget.
    """
    path = os.fspath(run.path if isinstance(run, Run) else run)
    if isinstance(trials, bool) or not isinstance(trials, int) or not 1 <= trials <= 1_000_000:
        raise ValueError(f"trials is {trials!r}; expected a whole number from 1 to 1000000")
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**32:
        raise ValueError(f"seed is {seed!r}; expected a whole number from 0 to {2**32 - 1}")
    evaluation: dict[str, Any] = json.loads(_native.evaluate(path, task, trials, seed, yes))
    return evaluation


def _checked(callbacks: Sequence[Callback] | Callback) -> Sequence[Callback]:
    if isinstance(callbacks, Callback):
        return [callbacks]
    if not isinstance(callbacks, Sequence):
        raise TypeError(f"callbacks is {callbacks!r}; expected a Callback or a list of them")
    for callback in callbacks:
        if not isinstance(callback, Callback):
            raise TypeError(
                f"a callback is a {type(callback).__name__}; expected a subclass of rmrl_robot.Callback"
            )
    return callbacks


def _follow(program: _Followed, make: Any) -> Run:
    try:
        path, ended, _ = make()
    except BaseException:
        # The first exception counts.
        with contextlib.suppress(Exception):
            program.end()
        raise
    program.end()
    run = Run(path)
    run._ended = ended
    return run
