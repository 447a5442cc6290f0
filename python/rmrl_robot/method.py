"""Role-model reinforcement learning on any Gymnasium environment of one step per episode.

>>> model = RoleModelRL(env, seed=0)  # doctest: +SKIP
>>> model.learn(500)  # doctest: +SKIP
>>> action, _ = model.predict(observation)  # doctest: +SKIP
"""

from __future__ import annotations

import json
import math
import os
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rmrl_robot import _native, configuration
from rmrl_robot._method_bridge import Bridge
from rmrl_robot._method_callbacks import (
    Callback,
    Callbacks,
    EvalCallback,
    Trial,
    evaluate_policy,
)
from rmrl_robot._method_callbacks import as_list as _callbacks
from rmrl_robot._method_log import MethodLog, write_bytes
from rmrl_robot._method_spaces import ActionCodec, ObservationCodec

__all__ = [
    "GROUPINGS",
    "METHODS",
    "Callback",
    "EvalCallback",
    "RoleModelRL",
    "Trial",
    "evaluate_policy",
]

METHODS = (
    "rm-rl",
    "hindsight",
    "reinforce",
    "replay",
    "actor-critic",
    "actor-critic-rm-rl",
    "ppo",
    "ppo-rm-rl",
)
"""The methods that learn in other environments; see ``rmrl methods``."""

GROUPINGS = ("similarity", "reported", "options", "trials")
"""Which states share a role model; see :class:`RoleModelRL`."""


class RoleModelRL:
    """Role-model reinforcement learning on an environment of one step per episode.

    The best action of states that are alike becomes the label of all of them. Which states are alike says ``grouping``:

    - ``similarity``: those whose features are at most ``similar`` apart. Features are the numbers of the observation, scaled to
      -1..1 by the bounds of its space, and discrete values one-hot; the distance is Euclidean.
    - ``reported``: those of the same ``info["scene"]`` of ``reset``, a whole number from 0.
    - ``options``: those of the same ``options={"scene": n}``, with which ``reset`` is called ``trials_per_scene`` times in a row.
    - ``trials``: those of ``trials_per_scene`` resets in a row.

    With ``method="hindsight"`` each trial labels itself: ``info["deviation"]`` of ``step`` says by how much each dimension of the
    action was off, in the action's units; the best action is the action minus the deviation. NaN is "not known".

    Args:
        env: A Gymnasium environment. ``step`` ends the episode, by ``terminated`` or ``truncated``.
        method: One of ``METHODS``.
        seed: Of weights, exploration and replay, and of the first reset.
        grouping: One of ``GROUPINGS``.
        similar: By ``similarity``: the largest distance.
        trials_per_scene: Trials between renewals of the labels; ``None`` is the method's default, 10 (hindsight: 1).
        exploration: The share of candidates that ``learn`` takes at random, of each dimension for itself, from 0 to 1. ``None`` is
            0 for methods without role models, which are sure of nothing so soon, 0.1 for values with an order (a Box of up
            to three dimensions), whose neighbors are tried anyway, and 0.3 for choices.
        bins: Candidates of a Box action, for all dimensions or each.
        action_range: ``(low, high)`` of a Box action; ``None`` takes the bounds of the space.
        reward_range: ``(low, high)`` become 0 and 1 for the trainer; ``None`` takes rewards as they are. Policy gradients need
            rewards from 0 to 1.
        settings: Keys of the configuration, such as ``{"policy.learning_rate": 1e-3}``.
        log: A directory that keeps every trial. If it has trials, the model learns from them first.
    """

    env: Any
    _log: MethodLog | None

    def __init__(
        self,
        env: Any,
        method: str = "rm-rl",
        *,
        seed: int = 0,
        grouping: str = "similarity",
        similar: float = 0.25,
        trials_per_scene: int | None = None,
        exploration: float | None = None,
        bins: int | Sequence[int] = 9,
        action_range: tuple[Any, Any] | None = None,
        reward_range: tuple[float, float] | None = None,
        settings: Mapping[str, Any] | None = None,
        log: str | os.PathLike[str] | None = None,
    ) -> None:
        observations = ObservationCodec.of(_space(env, "observation_space"))
        actions = ActionCodec.of(_space(env, "action_space"), bins, action_range)
        notes: dict[str, Any] = {
            "method": method,
            "seed": seed,
            "grouping": grouping,
            "similar": similar,
            "trials_per_scene": trials_per_scene,
            "exploration": _exploration(exploration, method, actions),
            "reward_range": None if reward_range is None else [float(one) for one in reward_range],
            "settings": configuration.assignments(settings or {}),
            "observations": observations.to_json(),
            "actions": actions.to_json(),
        }
        self._begin(notes, None, "")
        self.env = env
        if log is not None:
            self._log = MethodLog(log, self._notes)
            self._learn_from_log()

    def _begin(self, notes: dict[str, Any], data: bytes | None, path: str) -> None:
        """Sets everything up but the environment, with a new policy or with that of a file."""
        self._notes = notes
        self._observations = ObservationCodec.from_json(notes["observations"])
        self._actions = ActionCodec.from_json(notes["actions"])
        setup = {
            "settings": _assignments(notes, self._observations, self._actions),
            "seed": notes["seed"],
            "features": max(self._observations.width, 1),
            "candidates": self._actions.candidates(),
            "exploration": notes["exploration"],
            "alike": _alike(notes, self._observations),
        }
        if data is None:
            self._trainer = _native.RoleModelTrainer(setup)
        else:
            self._trainer = _native.RoleModelTrainer.from_bytes(setup, path, data)
        self.env = None
        self._log = None
        self._pending: list[dict[str, Any]] = []
        self._random = np.random.default_rng(notes["seed"])
        self._was_reset = False

    @property
    def seed(self) -> int:
        """The seed of weights, exploration and replay."""
        return int(self._notes["seed"])

    @property
    def num_trials(self) -> int:
        """The number of trials so far, with those of a log or a file."""
        return self._trainer.trials + len(self._pending)

    def set_env(self, env: Any) -> None:
        """Learns in another environment from now on.

        Raises:
            ValueError: Its spaces are not those of this model.
        """
        found = ObservationCodec.of(_space(env, "observation_space")).to_json()
        if found != self._notes["observations"]:
            raise ValueError(
                f"the environment's observations are {found}; expected {self._notes['observations']}"
            )
        ours, low, high = self._actions, [], []
        for values in ours.values:
            low.append(values[0])
            high.append(values[-1])
        counts = [len(values) for values in ours.values]
        shape = tuple(ours.shape)
        bounds = (np.reshape(low, shape), np.reshape(high, shape)) if ours.kind == "box" else None
        space = _space(env, "action_space")
        if ours.kind == "box" and tuple(getattr(space, "shape", None) or ()) != shape:
            raise ValueError(f"the environment's actions are {space}; expected the shape {shape}")
        if ActionCodec.of(space, counts, bounds).to_json() != ours.to_json():
            raise ValueError(f"the environment's actions are {space}; expected {ours.to_json()}")
        self.env, self._was_reset = env, False

    def learn(self, total_trials: int, callback: Callbacks = None) -> RoleModelRL:
        """Makes so many trials more, and learns from each.

        What the environment or a callback raises ends the call and is raised here. Completed trials are kept and learned
        from also then; call ``learn`` again to continue. A ``rmrl_robot.errors.Fault`` repeats the trial instead, up to
        five times, unless its kind needs a person.

        Args:
            total_trials: The number of trials, 1 or more.
            callback: A :class:`Callback`, a function of model and trial, or a list of these.
        """
        if not isinstance(total_trials, int) or total_trials < 0:
            raise ValueError(f"total_trials is {total_trials!r}; expected a whole number from 0")
        if self.env is None:
            raise ValueError(
                "the model has no environment; expected load(path, env), or set_env(env)"
            )
        callbacks = _callbacks(callback)
        bridge = Bridge(self, callbacks)
        goal = self.num_trials + total_trials
        for one in callbacks:
            one.on_start(self)
        try:
            while self.num_trials < goal and not bridge.is_stopped:
                self._learn(
                    bridge,
                    min(goal, self._next_pause(callbacks, goal)) - self.num_trials,
                )
                self._pause(bridge, callbacks)
        finally:
            if self._log is not None:
                self._log.end(self.num_trials, is_early=self.num_trials < goal)
            for one in callbacks:
                one.on_end(self)
        return self

    def _learn(self, bridge: Bridge, trials: int | None) -> None:
        recorded, self._pending = self._pending, []
        try:
            self._trainer.learn(bridge, trials, recorded)
        except BaseException:
            learned = self._trainer.trials
            self._pending = [one for one in recorded if one["trial"] > learned]
            raise

    def _next_pause(self, callbacks: Sequence[Callback], goal: int) -> int:
        made = self.num_trials
        scene = self._trainer.trials_per_scene
        pauses = [made // one.every * one.every + one.every for one in callbacks if one.every > 0]
        # Only between two scenes, which begin where learn() begins.
        return min(
            [made + math.ceil((pause - made) / scene) * scene for pause in pauses],
            default=goal,
        )

    def _pause(self, bridge: Bridge, callbacks: Sequence[Callback]) -> None:
        for one in callbacks:
            is_due = one.every > 0 and self.num_trials // one.every > bridge.paused_at // one.every
            if is_due and one.on_pause(self) is False:
                bridge.is_stopped = True
        bridge.paused_at = self.num_trials

    def _learn_from_log(self) -> None:
        """Learns from the log. Trials of a ``learn`` that was interrupted wait for the next one, which continues it."""
        assert self._log is not None
        for line in self._log.read():
            if "end" in line:
                self._learn_pending(None if line.get("early") else 0)
            elif line.get("trial") != self.num_trials + 1:
                raise ValueError(
                    f"{self._log.directory} has trial {line.get('trial')} where {self.num_trials + 1} is expected; give "
                    "another directory"
                )
            else:
                self._pending.append({**line, "reward": self._scaled(line["reward"])})

    def _learn_pending(self, trials: int | None = 0) -> None:
        if self._pending:
            self._learn(Bridge(self, []), trials)

    def predict(
        self,
        observation: Any,
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = True,
    ) -> tuple[Any, None]:
        """The action in a state: the most likely one, or a random one by the policy's probabilities.

        Args:
            observation: Of the environment's observation space.
            state: Ignored; the policy has none. So is ``episode_start``.
            deterministic: Whether to take the most likely candidates.

        Returns:
            The action, of the environment's action space, and ``None``.
        """
        chosen = []
        for values, of_head in zip(self._candidates(), self._probabilities(observation)):
            if deterministic:
                index = int(np.argmax(of_head))
            else:
                shares = of_head.astype(np.float64)
                index = int(self._random.choice(len(shares), p=shares / shares.sum()))
            chosen.append(values[index])
        return self._actions.action(chosen), None

    def probabilities(self, observation: Any) -> list[npt.NDArray[np.float32]]:
        """The probabilities of the candidates of each action dimension, float32 ``[candidates]``."""
        return self._actions.marginals(self._probabilities(observation))

    def novelty(self, observation: Any) -> float | None:
        """How unlike the training states a state is: up to 1 as near as those of different scenes are to each other.

        ``None`` before the second scene.
        """
        self._learn_pending()
        return self._trainer.novelty(*self._observations.encode(observation))

    def _probabilities(self, observation: Any) -> list[npt.NDArray[np.float32]]:
        self._learn_pending()
        return self._trainer.probabilities(*self._observations.encode(observation))

    def _candidates(self) -> list[list[float]]:
        return self._trainer.candidates()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the model as one ``.safetensors`` file: weights, optimizer, data and arguments."""
        self._learn_pending()
        write_bytes(Path(path), self._trainer.to_bytes(json.dumps(self._notes)))

    @classmethod
    def load(cls, path: str | os.PathLike[str], env: Any = None) -> RoleModelRL:
        """The model that ``save`` has written, to predict and, with an environment, to learn further.

        Raises:
            ValueError: The file is none of ``save``, or of other spaces.
        """
        data = Path(path).read_bytes()
        model = cls.__new__(cls)
        model._begin(_notes_of(path, data), data, os.fspath(path))
        if env is not None:
            model.set_env(env)
        return model

    def _scaled(self, reward: float) -> float:
        bounds = self._notes["reward_range"]
        return reward if bounds is None else (reward - bounds[0]) / (bounds[1] - bounds[0])


def _space(env: Any, name: str) -> Any:
    if getattr(env, "num_envs", 1) != 1:
        raise TypeError(f"{env} has {env.num_envs} environments; expected a single one")
    space = getattr(env, name, None)
    if space is None:
        raise TypeError(f"{env!r} has no {name}; expected a Gymnasium environment")
    return space


def _exploration(share: float | None, method: str, actions: ActionCodec) -> float:
    if share is None:
        return 0.0 if "rm-rl" not in method else 0.1 if actions.is_ordered else 0.3
    if not isinstance(share, (int, float)) or not 0 <= share <= 1:
        raise ValueError(f"exploration is {share!r}; expected a number from 0 to 1, or None")
    return float(share)


def _alike(notes: Mapping[str, Any], observations: ObservationCodec) -> float | None:
    """The largest distance of states that are alike; ``None`` for the states of a scene."""
    method, grouping, similar = notes["method"], notes["grouping"], notes["similar"]
    if method not in METHODS:
        raise ValueError(f"method is {method!r}; expected one of {', '.join(METHODS)}")
    if grouping not in GROUPINGS:
        raise ValueError(f"grouping is {grouping!r}; expected one of {', '.join(GROUPINGS)}")
    if not isinstance(similar, (int, float)) or not 0 <= similar < math.inf:
        raise ValueError(f"similar is {similar!r}; expected a finite number from 0")
    bounds = notes["reward_range"]
    if bounds is not None and not (
        len(bounds) == 2 and -math.inf < bounds[0] < bounds[1] < math.inf
    ):
        raise ValueError(f"reward_range is {bounds}; expected (low, high), finite and rising")
    if grouping == "similarity" and observations.width == 0 and "rm-rl" in method:
        raise ValueError(
            'grouping is "similarity", but the observation is an image alone and has no features; expected "reported", '
            '"options" or "trials"'
        )
    return float(similar) if grouping in ("similarity", "reported") else None


def _assignments(
    notes: Mapping[str, Any], observations: ObservationCodec, actions: ActionCodec
) -> list[str]:
    """The configuration of the trainer: defaults for other environments, then the user's settings."""
    given = dict(one.split("=", 1) for one in notes["settings"])
    sees_images = observations.sees_images and given.get("policy.view") != '"none"'
    values: dict[str, Any] = {
        "method": notes["method"],
        "policy.ood.abstain": False,
        "policy.label_sigma_bins": 1.0 if actions.is_ordered else 0.0,
        "schedule.refinements": 0,
        "policy.view": "global" if sees_images else "none",
        "policy.encoder.weights": "random",
        "policy.encoder.train": sees_images,
        "policy.encoder.image_size": 64,
    }
    if notes["trials_per_scene"] is not None:
        values["schedule.trials_per_scene"] = notes["trials_per_scene"]
    if not actions.can_refine and float(given.get("schedule.refinements", 0)) != 0:
        raise ValueError(
            "schedule.refinements is set, but the middle between two of these actions is none; expected 0"
        )
    if actions.is_joined and float(given.get("policy.label_sigma_bins", 0)) != 0:
        raise ValueError(
            "policy.label_sigma_bins is set, but joined dimensions have no neighbors; expected 0"
        )
    return configuration.assignments(values) + list(notes["settings"])


def _notes_of(path: str | os.PathLike[str], data: bytes) -> dict[str, Any]:
    try:
        (length,) = struct.unpack_from("<Q", data)
        metadata = json.loads(data[8 : 8 + length])["__metadata__"]
        notes: dict[str, Any] = json.loads(json.loads(metadata["rmrl"])["model"])
    except (struct.error, ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{os.fspath(path)} is no model of RoleModelRL.save: {type(error).__name__}: {error}"
        ) from error
    return notes
