"""Environments of one step per episode, to try the method in."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

gymnasium = pytest.importorskip("gymnasium")

from gymnasium import spaces

from rmrl_robot.method import RoleModelRL


class Throw(gymnasium.Env):  # type: ignore[misc, name-defined]
    """Throw at a target that the observation shows: the best action is a smooth function of it."""

    def __init__(self, dimensions: int = 2) -> None:
        self.observation_space = spaces.Box(0.0, 10.0, (2,), np.float32)
        self.action_space = spaces.Box(-1.0, 1.0, (dimensions,), np.float32)
        self.resets = 0
        self.options: list[Any] = []

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.resets += 1
        self.options.append(options)
        self.target = self.np_random.uniform(0, 10, 2).astype(np.float32)
        return self.target, {"scene": int(self.target[0] > 5) * 2 + int(self.target[1] > 5)}

    def best(self, target: Any) -> Any:
        x, y = target / 10
        return np.resize([0.8 * x - 0.3, 0.5 - 0.9 * y, 0.4 - 0.6 * x], self.action_space.shape)

    def step(self, action: Any) -> Any:
        assert self.action_space.contains(action), action
        deviation = action - self.best(self.target)
        reward = math.exp(-3 * float(np.linalg.norm(deviation)) / math.sqrt(len(deviation)))
        return self.target, reward, True, False, {"deviation": deviation}


class Broken(Throw):
    """Raises, or returns something wrong, in one of its calls."""

    def __init__(self, at: int, what: Any, call: str) -> None:
        super().__init__()
        self.at, self.what, self.call, self.steps = at, what, call, 0

    def _break(self, answer: Any) -> Any:
        if isinstance(self.what, BaseException):
            raise self.what
        return self.what(answer)

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        answer = super().reset(seed=seed, options=options)
        return self._break(answer) if self.call == "reset" and self.resets == self.at else answer

    def step(self, action: Any) -> Any:
        self.steps += 1
        answer = super().step(action)
        return self._break(answer) if self.call == "step" and self.steps == self.at else answer


class Anything(gymnasium.Env):  # type: ignore[misc, name-defined]
    """Any spaces; a reward for the first candidates."""

    def __init__(self, observations: Any, actions: Any) -> None:
        self.observation_space, self.action_space = observations, actions

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        self.observation_space.seed(seed if seed is not None else 7)
        return self.observation_space.sample(), {"scene": 0}

    def step(self, action: Any) -> Any:
        assert self.action_space.contains(action), (action, self.action_space)
        flat = np.ravel(np.asarray(action, float))
        return (
            self.observation_space.sample(),
            float(np.mean(flat == flat.min())),
            True,
            False,
            {"deviation": np.zeros(flat.size)},
        )


IMAGE = spaces.Box(0, 255, (48, 40, 3), np.uint8)
OBSERVATIONS = [
    spaces.Box(-np.inf, np.inf, (3, 2), np.float64),
    spaces.Discrete(4, start=-1),
    spaces.MultiBinary(3),
    spaces.Tuple([spaces.MultiDiscrete([2, 3]), spaces.Box(0, 1, (), np.float32)]),
    spaces.Dict({"image": IMAGE, "pose": spaces.Box(-1, 1, (3,), np.float32)}),
    spaces.Dict({"view": spaces.Dict({"image": IMAGE})}),
]
ACTIONS = [
    spaces.Discrete(3, start=5),
    spaces.MultiBinary(2),
    spaces.MultiDiscrete([3, 2, 4]),
    spaces.MultiDiscrete([2, 3, 2, 3, 2]),
    spaces.Box(-1, 1, (), np.float32),
    spaces.Box(-1, 1, (2, 3), np.float64),
    spaces.Box(0, 9, (2,), np.int32),
]


def weights(model: RoleModelRL, tmp_path: Path) -> bytes:
    model.save(tmp_path / "weights.safetensors")
    return (tmp_path / "weights.safetensors").read_bytes()
