"""Callbacks of ``RoleModelRL.learn``."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from rmrl_robot._method_values import whole_number

if TYPE_CHECKING:
    from rmrl_robot.method import RoleModelRL


@dataclass(frozen=True)
class Trial:
    """A completed trial, as callbacks see it.

    Attributes:
        number: Counted from 1.
        scene: Counted from 1.
        observation: The environment's.
        action: As the environment got it.
        reward: The environment's.
        info: What the environment's ``step`` said besides.
    """

    number: int
    scene: int
    observation: Any
    action: Any
    reward: float
    info: Mapping[str, Any]


class Callback:
    """Follows ``learn``. Derive from it, and override what you need.

    Attributes:
        every: ``on_pause`` is called after so many trials, rounded up to whole scenes; 0 is never.
    """

    every: int = 0

    def on_start(self, model: RoleModelRL) -> None:
        """``learn`` begins."""

    def on_trial(self, model: RoleModelRL, trial: Trial) -> bool | None:
        """A trial has ended; ``False`` ends ``learn``.

        Of the model only ``num_trials``, ``seed`` and ``env`` can be used here, because it learns meanwhile.
        """
        return None

    def on_pause(self, model: RoleModelRL) -> bool | None:
        """The model has learned from all trials, and may be used and saved; ``False`` ends ``learn``."""
        return None

    def on_end(self, model: RoleModelRL) -> None:
        """``learn`` ends."""


TrialCallback: TypeAlias = "Callable[[RoleModelRL, Trial], bool | None]"
Callbacks: TypeAlias = "Callback | TrialCallback | Sequence[Callback | TrialCallback] | None"


class _Function(Callback):
    def __init__(self, function: TrialCallback) -> None:
        self.function = function

    def on_trial(self, model: RoleModelRL, trial: Trial) -> bool | None:
        return self.function(model, trial)


class EvalCallback(Callback):
    """Evaluates the deterministic policy every so many trials in an environment of its own.

    Attributes:
        evaluations: ``(trials, mean reward, standard deviation)`` of each evaluation.
    """

    def __init__(self, env: Any, every: int = 100, episodes: int = 50, seed: int = 0) -> None:
        self.env = env
        self.every = every
        self.episodes = episodes
        self.seed = seed
        self.evaluations: list[tuple[int, float, float]] = []

    def on_pause(self, model: RoleModelRL) -> bool | None:
        mean, deviation = evaluate_policy(model, self.env, self.episodes, seed=self.seed)
        self.evaluations.append((model.num_trials, mean, deviation))
        return None


class Progress(Callback):
    """Prints trials, their speed and mean reward to the standard error, once a second, and when ``learn`` ends."""

    def __init__(self, trials: int) -> None:
        self.trials = trials
        self.rewards: deque[float] = deque(maxlen=100)

    def on_start(self, model: RoleModelRL) -> None:
        self.first, self.began = model.num_trials, time.monotonic()
        self.shown = self.began

    def on_trial(self, model: RoleModelRL, trial: Trial) -> bool | None:
        self.rewards.append(trial.reward)
        if time.monotonic() >= self.shown + 1:
            self._show(model)
        return None

    def on_end(self, model: RoleModelRL) -> None:
        if self.rewards:
            self._show(model)
            print(file=sys.stderr, flush=True)

    def _show(self, model: RoleModelRL) -> None:
        self.shown = time.monotonic()
        made = model.num_trials - self.first
        speed = made / max(self.shown - self.began, 1e-9)
        mean = sum(self.rewards) / len(self.rewards)
        latest = f"mean reward of the last {len(self.rewards)}: {mean:.3f}"
        print(
            f"\r{made}/{self.trials} trials, {speed:.1f}/s, {latest} ",
            end="",
            file=sys.stderr,
            flush=True,
        )


def evaluate_policy(
    model: RoleModelRL,
    env: Any,
    n_eval_episodes: int = 100,
    deterministic: bool = True,
    seed: int | None = None,
) -> tuple[float, float]:
    """The mean and the standard deviation of the rewards of so many episodes.

    Args:
        model: A model of the spaces of ``env``.
        env: An environment of its own, because it is reset.
        n_eval_episodes: From 1.
        deterministic: Whether to take the most likely action.
        seed: Of the first reset. ``None`` continues.

    Raises:
        ValueError: An episode takes more than one step.
    """
    from rmrl_robot._method_bridge import reset_answer, step_answer

    model._check_env(env)
    rewards = []
    for episode in range(whole_number(n_eval_episodes, "n_eval_episodes", 1, 2**32 - 1)):
        observation, _ = reset_answer(env.reset(seed=seed if episode == 0 else None))
        action, _ = model.predict(observation, deterministic=deterministic)
        rewards.append(step_answer(env.step(action))[0])
    return float(np.mean(rewards)), float(np.std(rewards))


def as_list(callback: Callbacks) -> list[Callback]:
    """The callbacks of an argument of ``learn``."""
    if callback is None:
        return []
    given = list(callback) if isinstance(callback, Sequence) else [callback]
    for one in given:
        if not isinstance(one, Callback) and (isinstance(one, type) or not callable(one)):
            raise TypeError(f"the callback is {one!r}; expected a Callback or a function")
    return [one if isinstance(one, Callback) else _Function(one) for one in given]
