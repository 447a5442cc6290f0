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

from rmrl_robot import _native
from rmrl_robot._method_actions import ActionCodec
from rmrl_robot._method_arguments import (
    GROUPINGS,
    METHODS,
    alike,
    assignments,
    check_names,
    exploration_share,
    number_to,
    reward_bounds,
    setting_list,
    space_of,
)
from rmrl_robot._method_bridge import Bridge
from rmrl_robot._method_callbacks import (
    Callback,
    Callbacks,
    EvalCallback,
    Progress,
    Trial,
    evaluate_policy,
)
from rmrl_robot._method_callbacks import as_list as _callbacks
from rmrl_robot._method_log import MethodLog, write_bytes
from rmrl_robot._method_observations import ObservationCodec
from rmrl_robot._method_values import real_numbers, shown, whole_number

__all__ = [
    "GROUPINGS",
    "METHODS",
    "Callback",
    "EvalCallback",
    "RoleModelRL",
    "Trial",
    "evaluate_policy",
]


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
        seed: Of weights, exploration and replay, and of the first reset, from 0.
        seed_each_trial: Whether each reset gets a seed of its own, made of ``seed`` and the trial's number. Then a model that was
            loaded, or that resumes from its log, meets the states that it would have met. Not for an environment that draws
            another task when it gets a seed, as bandits do.
        grouping: One of ``GROUPINGS``.
        similar: By ``similarity``: the largest distance.
        trials_per_scene: Trials between renewals of the labels; ``None`` is the method's default, 10 (hindsight: 1).
        exploration: The share of candidates that ``learn`` takes at random, of each dimension for itself, from 0 to 1. ``None`` is
            0 for methods without role models, which are sure of nothing so soon, 0.1 for values with an order (a Box of up
            to three dimensions), whose neighbors are tried anyway, and 0.3 for choices.
        bins: Candidates of a Box action, for all dimensions or each.
        action_range: ``(low, high)`` of a Box action, numbers or arrays of its shape, inside of the space; ``None`` takes the
            bounds of the space.
        reward_range: ``(low, high)`` become 0 and 1 for the trainer; ``None`` takes rewards as they are. The policy
            gradient, which is a part of every method, learns best from rewards of 0 to 1.
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
        seed_each_trial: bool = False,
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
        check_names(method, grouping)
        observations = ObservationCodec.of(space_of(env, "observation_space"))
        actions = ActionCodec.of(space_of(env, "action_space"), bins, action_range)
        notes: dict[str, Any] = {
            "method": method,
            "seed": whole_number(seed, "seed", 0, 2**64 - 1),
            "seed_each_trial": bool(seed_each_trial),
            "grouping": grouping,
            "similar": number_to(similar, "similar", math.inf),
            "trials_per_scene": None
            if trials_per_scene is None
            else whole_number(trials_per_scene, "trials_per_scene", 1, 2**32 - 1),
            "exploration": exploration_share(exploration, method, actions),
            "reward_range": reward_bounds(reward_range),
            "settings": setting_list(settings),
            "bins": np.asarray(bins).tolist(),
            "action_range": None
            if action_range is None
            else [real_numbers(one).tolist() for one in action_range],
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
            "settings": assignments(notes, self._observations, self._actions),
            "seed": notes["seed"],
            "features": max(self._observations.width, 1),
            "candidates": self._actions.candidates(),
            "exploration": notes["exploration"],
            "alike": alike(notes, self._observations),
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
        self._has_warned = False
        # The trials made, which is all that is known of them while the trainer learns.
        self._made = self._trainer.trials

    @property
    def seed(self) -> int:
        """The seed of weights, exploration and replay."""
        return int(self._notes["seed"])

    @property
    def num_trials(self) -> int:
        """The number of trials so far, with those of a log or a file."""
        return self._made

    def set_env(self, env: Any) -> None:
        """Learns in another environment from now on.

        Raises:
            ValueError: Its spaces are not those of this model.
        """
        self._check_env(env)
        self.env, self._was_reset = env, False

    def _check_env(self, env: Any) -> None:
        """Checks that an environment has the spaces of this model."""
        notes = self._notes
        space = space_of(env, "observation_space")
        found, expected = ObservationCodec.of(space).to_json(), notes["observations"]
        if found != expected:
            raise ValueError(
                f"the environment's observations are {shown(space)}; expected those that the model began with: "
                f"{shown(expected)}"
            )
        space = space_of(env, "action_space")
        try:
            actions = ActionCodec.of(space, notes["bins"], notes["action_range"]).to_json()
        except ValueError as error:
            raise ValueError(f"the environment's actions do not fit the model: {error}") from error
        if actions != notes["actions"]:
            expected = {key: notes["actions"][key] for key in ("kind", "shape", "dtype", "values")}
            raise ValueError(
                f"the environment's actions are {shown(space)}; expected those that the model began with: {shown(expected)}"
            )

    def _reset_seed(self, trial: int, attempt: int) -> int | None:
        """The seed of a reset. No two parts of a training begin with the same states."""
        seed, is_each = self.seed, self._notes["seed_each_trial"]
        if self._was_reset and not is_each:
            return None
        if trial == 1 and not is_each:
            return seed
        entropy = [seed, trial, attempt] if is_each else [seed, trial]
        return int(np.random.SeedSequence(entropy).generate_state(1)[0])

    def learn(
        self, total_trials: int, callback: Callbacks = None, progress_bar: bool = False
    ) -> RoleModelRL:
        """Makes so many trials more, and learns from each.

        What the environment or a callback raises ends the call and is raised here. Completed trials are kept and learned
        from also then; call ``learn`` again to continue. A ``rmrl_robot.errors.Fault`` repeats the trial instead, up to
        five times, unless its kind needs a person.

        Args:
            total_trials: The number of trials, from 0.
            callback: A :class:`Callback`, a function of model and trial, or a list of these.
            progress_bar: Whether to print trials, speed and rewards to the standard error.

        Returns:
            This model.
        """
        most = 2**32 - 1 - self.num_trials
        total_trials = whole_number(total_trials, "total_trials", 0, most)
        if self.env is None:
            raise ValueError(
                "the model has no environment; expected load(path, env), or set_env(env)"
            )
        callbacks = _callbacks(callback)
        if progress_bar:
            callbacks.append(Progress(total_trials))
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
        finally:
            self._made = self._trainer.trials + len(self._pending)

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
                self._made += 1

    def _learn_pending(self, trials: int | None = 0) -> None:
        if self._pending:
            self._learn(Bridge(self, []), trials)

    def _end_pending(self) -> None:
        """Learns from recorded trials that waited for ``learn``, which ends their scene. The log has to say that."""
        if self._pending:
            self._learn_pending()
            if self._log is not None:
                self._log.end(self.num_trials, is_early=False)

    def predict(
        self,
        observation: Any,
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = True,
    ) -> tuple[Any, None]:
        """The action in a state, or in each state of a batch: the most likely one, or one by the policy's probabilities.

        Args:
            observation: Of the environment's observation space, or a batch: arrays with a first dimension more, in a Dict or
                Tuple every one of them.
            state: Ignored; the policy has none. So is ``episode_start``.
            deterministic: Whether to take the most likely candidates.

        Returns:
            The action, of the environment's action space, or an array ``[batch, ...]`` of actions; and ``None``.
        """
        self._end_pending()
        rows = self._observations.encode_rows(observation)
        if rows is None:
            return self._action(self._observations.encode(observation), deterministic), None
        actions = [self._action(encoded, deterministic) for encoded in rows]
        shape = (len(actions), *self._actions.shape)
        return np.array(actions, dtype=np.dtype(self._actions.dtype)).reshape(shape), None

    def _action(self, encoded: Any, deterministic: bool) -> Any:
        chosen = []
        for values, of_head in zip(self._trainer.candidates(), self._distribution(encoded)):
            if deterministic:
                index = int(np.argmax(of_head))
            else:
                shares = of_head.astype(np.float64)
                index = int(self._random.choice(len(shares), p=shares / shares.sum()))
            chosen.append(values[index])
        return self._actions.action(chosen)

    def probabilities(self, observation: Any) -> list[npt.NDArray[np.float32]]:
        """The probabilities of the candidates of each action dimension in a state, float32 ``[candidates]``."""
        self._end_pending()
        encoded = self._observations.encode(observation)
        return self._actions.marginals(self._distribution(encoded))

    def novelty(self, observation: Any) -> float | None:
        """How unlike the training states a state is: up to 1 as near as those of different scenes are to each other.

        ``None`` before the second scene.
        """
        self._end_pending()
        return self._trainer.novelty(*self._observations.encode(observation))

    def _distribution(self, encoded: Any) -> list[npt.NDArray[np.float32]]:
        of_heads = self._trainer.probabilities(*encoded)
        if not all(np.all(np.isfinite(one)) for one in of_heads):
            raise RuntimeError(
                "the policy's probabilities are no numbers: it has learned from too large rewards or observations; expected "
                "rewards that reward_range brings to 0 to 1, and observations of about that size"
            )
        return of_heads

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the model as one ``.safetensors`` file: weights, optimizer, data and arguments."""
        self._end_pending()
        write_bytes(Path(path), self._trainer.to_bytes(json.dumps(self._notes)))

    @classmethod
    def load(cls, path: str | os.PathLike[str], env: Any = None) -> RoleModelRL:
        """The model that ``save`` has written, to predict and, with an environment, to learn further.

        Raises:
            ValueError: The file is none of ``save``, or of other spaces.
        """
        data = Path(path).read_bytes()
        model = cls.__new__(cls)
        notes = _notes_of(path, data)
        try:
            model._begin(notes, data, os.fspath(path))
        except (KeyError, TypeError) as error:
            raise ValueError(
                f"{os.fspath(path)} has arguments of another version: {type(error).__name__}: {error}"
            ) from error
        if env is not None:
            model.set_env(env)
        return model

    def _scaled(self, reward: float) -> float:
        bounds = self._notes["reward_range"]
        return reward if bounds is None else (reward - bounds[0]) / (bounds[1] - bounds[0])


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
