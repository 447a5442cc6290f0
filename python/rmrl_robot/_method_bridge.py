"""What the trainer calls: an environment, checked, with its log and callbacks."""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rmrl_robot._method_callbacks import Callback, Trial
from rmrl_robot._method_values import LARGEST, real_numbers, shown

if TYPE_CHECKING:
    from rmrl_robot.method import RoleModelRL


def reset_answer(answer: Any) -> tuple[Any, Mapping[str, Any]]:
    """The observation and the info that ``reset`` returned, checked."""
    if not isinstance(answer, tuple) or len(answer) != 2 or not isinstance(answer[1], Mapping):
        raise TypeError(f"reset() returned {shown(answer)}; expected (observation, info)")
    return answer


def step_answer(answer: Any) -> tuple[float, Mapping[str, Any]]:
    """The reward and the info of the step that ``step`` returned, checked: it ended the episode."""
    expected = "expected (observation, reward, terminated, truncated, info)"
    if not isinstance(answer, tuple) or len(answer) != 5 or not isinstance(answer[4], Mapping):
        raise TypeError(f"step() returned {shown(answer)}; {expected}")
    _, given, terminated, truncated, info = answer
    ended = []
    for name, one in (("terminated", terminated), ("truncated", truncated)):
        if np.size(one) != 1 or np.asarray(one).dtype.kind not in "biu":
            raise TypeError(f"step() returned {shown(one)} as {name}; expected True or False")
        ended.append(bool(one))
    if not any(ended):
        raise ValueError(
            "the episode continues after a step (terminated and truncated are False); expected an environment of "
            "one step per episode: rmrl_robot.one_step.OneStep makes one of a bandit, or of an environment that holds an "
            "action for some steps"
        )
    try:
        reward = float(real_numbers(given).reshape(()))
    except (TypeError, ValueError) as error:
        raise TypeError(f"step() returned the reward {shown(given)}; expected a number") from error
    if not math.isfinite(reward):
        raise ValueError(f"step() returned the reward {shown(given)}; expected a finite number")
    return reward, info


class Bridge:
    """Calls the environment for the trainer, and checks what it answers."""

    def __init__(self, model: RoleModelRL, callbacks: Sequence[Callback]) -> None:
        self.model = model
        self.callbacks = callbacks
        self.is_stopped = False
        self.paused_at = model.num_trials
        self.spaces: tuple[Any, Any] | None = None
        self.observation: Any = None
        self.action: Any = None
        self.info: Mapping[str, Any] = {}
        self.reward = 0.0
        self.encoded: Any = None

    def reset(self, trial: int, attempt: int, scene: int) -> tuple[Any, Any, int | None]:
        model = self.model
        options = {"scene": scene} if model._notes["grouping"] == "options" else None
        answer = model.env.reset(seed=model._reset_seed(trial, attempt), options=options)
        model._was_reset = True
        self._check_spaces()
        observation, info = reset_answer(answer)
        self.encoded = model._observations.encode(observation)
        # Environments draw the next state into the same array.
        self.observation = copy.deepcopy(observation) if self.callbacks else None
        return (*self.encoded, self._group(info))

    def _check_spaces(self) -> None:
        env = self.model.env
        spaces = (env.observation_space, env.action_space)
        if self.spaces is None or any(one is not other for one, other in zip(spaces, self.spaces)):
            self.model._check_env(env)
            self.spaces = spaces

    def _group(self, info: Mapping[str, Any]) -> int | None:
        if self.model._notes["grouping"] != "reported":
            return None
        scene = info.get("scene")
        is_whole = isinstance(scene, (int, np.integer)) and not isinstance(scene, bool)
        if not is_whole or not 0 <= int(scene or 0) < 2**64:
            raise ValueError(
                f'reset() reported the scene {shown(scene)} in its info {sorted(map(str, info))}; grouping="reported" '
                'expects info["scene"], a whole number from 0 to 2**64 - 1'
            )
        return int(scene or 0)

    def step(self, of_heads: Sequence[float]) -> tuple[float, list[float | None]]:
        model = self.model
        self.action = model._actions.action(of_heads)
        # Environments clip actions in place.
        self.reward, info = step_answer(model.env.step(copy.copy(self.action)))
        self.info = dict(info)
        scaled = model._scaled(self.reward)
        if abs(scaled) > LARGEST:
            raise ValueError(
                f"step() returned the reward {self.reward:g}; expected rewards that reward_range=(low, high) brings to 0 to 1"
            )
        if not model._has_warned and not -0.01 <= scaled <= 1.01:
            model._has_warned = True
            warnings.warn(
                f"a reward is {self.reward:g}, outside of {model._notes['reward_range'] or [0, 1]}; the policy gradient, which "
                "is a part of every method, learns best from rewards of 0 to 1: give reward_range=(low, high)",
                stacklevel=2,
            )
        return scaled, self._best(of_heads)

    def _best(self, of_heads: Sequence[float]) -> list[float | None]:
        if self.model._notes["method"] != "hindsight":
            return [None] * 3
        given = self.info.get("deviation")
        actions = self.model._actions
        expected = f'info["deviation"] with {len(actions.values)} numbers: by how much each dimension of the action was off'
        try:
            deviation = real_numbers(given).ravel()
        except TypeError as error:
            raise TypeError(
                f"step() reported the deviation {shown(given)}; expected {expected}"
            ) from error
        if given is None or len(deviation) != len(actions.values) or np.any(np.isinf(deviation)):
            raise ValueError(
                f"step() reported the deviation {shown(given)}; hindsight expects {expected}"
            )
        return actions.best(of_heads, deviation)

    def trial_ended(self, record: dict[str, Any]) -> bool:
        self.keep(record)
        model = self.model
        trial = Trial(
            record["trial"],
            record["scene"],
            self.observation,
            self.action,
            self.reward,
            self.info,
        )
        answers = [one.on_trial(model, trial) for one in self.callbacks]
        self.is_stopped = self.is_stopped or any(answer is False for answer in answers)
        return not self.is_stopped

    def keep(self, record: dict[str, Any]) -> None:
        """Keeps a trial. The trainer calls it again where ``trial_ended`` raised, as by Ctrl-C in the midst of it."""
        model = self.model
        model._made = record["trial"]
        if model._log is not None:
            model._log.trial({**record, "reward": self.reward}, *self.encoded)
