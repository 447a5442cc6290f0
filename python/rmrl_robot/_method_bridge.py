"""What the trainer calls: an environment, checked, with its log and callbacks."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rmrl_robot._method_callbacks import Callback, Trial

if TYPE_CHECKING:
    from rmrl_robot.method import RoleModelRL


class Bridge:
    """Calls the environment for the trainer, and checks what it answers."""

    def __init__(self, model: RoleModelRL, callbacks: Sequence[Callback]) -> None:
        self.model = model
        self.callbacks = callbacks
        self.is_stopped = False
        self.paused_at = model.num_trials
        self.observation: Any = None
        self.action: Any = None
        self.info: Mapping[str, Any] = {}
        self.reward = 0.0
        self.encoded: Any = None

    def reset(self, trial: int, attempt: int, scene: int) -> tuple[Any, Any, int | None]:
        model = self.model
        options = {"scene": scene} if model._notes["grouping"] == "options" else None
        seed = None if model._was_reset else model.seed
        answer = model.env.reset(seed=seed, options=options)
        model._was_reset = True
        if not isinstance(answer, tuple) or len(answer) != 2 or not isinstance(answer[1], Mapping):
            raise TypeError(f"reset() returned {answer!r}; expected (observation, info)")
        self.observation, info = answer
        self.encoded = model._observations.encode(self.observation)
        return (*self.encoded, self._group(info))

    def _group(self, info: Mapping[str, Any]) -> int | None:
        if self.model._notes["grouping"] != "reported":
            return None
        scene = info.get("scene")
        if isinstance(scene, bool) or not isinstance(scene, (int, np.integer)) or scene < 0:
            raise ValueError(
                f'reset() reported the scene {scene!r} in its info {sorted(map(str, info))}; grouping="reported" '
                'expects info["scene"], a whole number from 0'
            )
        return int(scene)

    def step(self, of_heads: Sequence[float]) -> tuple[float, list[float | None]]:
        model = self.model
        self.action = model._actions.action(of_heads)
        answer = model.env.step(self.action)
        if not isinstance(answer, tuple) or len(answer) != 5 or not isinstance(answer[4], Mapping):
            raise TypeError(
                f"step() returned {answer!r}; expected (observation, reward, terminated, truncated, info)"
            )
        _, reward, terminated, truncated, info = answer
        if not (terminated or truncated):
            raise ValueError(
                "the episode continues after a step (terminated and truncated are False); expected an environment of "
                "one step per episode: wrap a bandit in rmrl_robot.one_step.OneStep"
            )
        try:
            self.reward = float(np.asarray(reward, dtype=np.float64).reshape(()))
        except (TypeError, ValueError) as error:
            raise TypeError(f"step() returned the reward {reward!r}; expected a number") from error
        if not math.isfinite(self.reward):
            raise ValueError(f"step() returned the reward {reward!r}; expected a finite number")
        self.info = dict(info)
        return model._scaled(self.reward), self._best(of_heads)

    def _best(self, of_heads: Sequence[float]) -> list[float | None]:
        if self.model._notes["method"] != "hindsight":
            return [None] * 3
        given = self.info.get("deviation")
        actions = self.model._actions
        expected = f'info["deviation"] with {len(actions.values)} numbers: by how much each dimension of the action was off'
        try:
            deviation = np.asarray(given, dtype=np.float64).ravel()
        except (TypeError, ValueError) as error:
            raise TypeError(
                f"step() reported the deviation {given!r}; expected {expected}"
            ) from error
        if given is None or len(deviation) != len(actions.values) or np.any(np.isinf(deviation)):
            raise ValueError(
                f"step() reported the deviation {given!r}; hindsight expects {expected}"
            )
        return actions.best(of_heads, deviation)

    def trial_ended(self, record: dict[str, Any]) -> bool:
        model = self.model
        if model._log is not None:
            model._log.trial({**record, "reward": self.reward}, *self.encoded)
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
