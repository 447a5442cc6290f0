"""Role-model reinforcement learning with bad input, interruptions and full disks: an exception, and no trial lost."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

gymnasium = pytest.importorskip("gymnasium")

from gymnasium import spaces
from one_step_envs import ACTIONS, IMAGE, OBSERVATIONS, Anything, Broken, Throw, weights

from rmrl_robot._method_observations import ObservationCodec
from rmrl_robot.method import RoleModelRL, Trial, evaluate_policy
from rmrl_robot.one_step import HeldAction, OneStep


def logged(directory: Path) -> list[int]:
    lines = [json.loads(line) for line in (directory / "trials.jsonl").read_text().splitlines()]
    return [line["trial"] for line in lines if "end" not in line]


def interrupt_after(seconds: float) -> threading.Timer:
    main = threading.main_thread().ident
    assert main is not None
    timer = threading.Timer(seconds, signal.pthread_kill, (main, signal.SIGINT))
    timer.start()
    return timer


def test_ctrl_c_at_any_moment_loses_no_trial(tmp_path: Path) -> None:
    """It once came between a trial and its line in the log, which then had a gap and could not be resumed."""
    model = RoleModelRL(Throw(), "hindsight", log=tmp_path, settings={"schedule.replay_batches": 1})
    rng = np.random.default_rng(0)
    for _ in range(25):
        before = model.num_trials
        timer = interrupt_after(float(rng.uniform(0.002, 0.06)))
        try:
            model.learn(100_000)
        except KeyboardInterrupt:
            pass
        timer.join()
        assert logged(tmp_path) == list(range(1, model.num_trials + 1))
        assert model.num_trials >= before
    assert model.num_trials > 50
    again = RoleModelRL(Throw(), "hindsight", log=tmp_path, settings={"schedule.replay_batches": 1})
    assert again.num_trials == model.num_trials
    assert weights(again, tmp_path) == weights(model, tmp_path)


@pytest.mark.parametrize("call", ["reset", "step"])
def test_an_environment_that_hangs_is_ended_by_ctrl_c(call: str, tmp_path: Path) -> None:
    def hang(answer: Any) -> Any:
        interrupt_after(0.1)
        time.sleep(60)
        return answer

    began = time.monotonic()
    model = RoleModelRL(Broken(6, hang, call), log=tmp_path)
    with pytest.raises(KeyboardInterrupt):
        model.learn(20)
    assert time.monotonic() - began < 20
    assert logged(tmp_path) == [1, 2, 3, 4, 5]
    assert RoleModelRL(Throw(), log=tmp_path).learn(3).num_trials == 8


@pytest.mark.parametrize("call", ["fsync", "save"])
def test_trials_that_a_full_disk_did_not_take_are_written_later(
    call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    env = Anything(OBSERVATIONS[4], ACTIONS[0])
    model = RoleModelRL(env, grouping="reported", log=tmp_path)
    module, real = (os, os.fsync) if call == "fsync" else (np, np.save)
    calls, is_full = 0, True

    def write(*arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        if is_full and calls >= 5:
            raise OSError(28, "No space left on device")
        return real(*arguments)

    monkeypatch.setattr(module, call, write)
    with pytest.raises(OSError, match="No space left"):
        model.learn(12)
    made, is_full = model.num_trials, False
    assert 0 < made < 12
    model.learn(12 - made)
    assert logged(tmp_path) == list(range(1, 13))
    again = RoleModelRL(env, grouping="reported", log=tmp_path)
    assert weights(again, tmp_path) == weights(model, tmp_path)


def test_two_models_never_write_to_one_log(tmp_path: Path) -> None:
    first = RoleModelRL(Throw(), log=tmp_path).learn(3)
    # As in a notebook, where the cell that makes the model runs again.
    second = RoleModelRL(Throw(), log=tmp_path).learn(3)
    with pytest.raises(RuntimeError, match="another model"):
        first.learn(3)
    assert logged(tmp_path) == list(range(1, 7))
    assert second.learn(2).num_trials == 8
    assert logged(tmp_path) == list(range(1, 9))


def test_predicting_before_a_killed_learn_resumes_is_in_the_log(tmp_path: Path) -> None:
    RoleModelRL(Throw(), seed_each_trial=True, log=tmp_path).learn(17)
    path = tmp_path / "trials.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:14]))
    model = RoleModelRL(Throw(), seed_each_trial=True, log=tmp_path)
    model.predict(np.zeros(2))
    model.learn(20)
    again = RoleModelRL(Throw(), seed_each_trial=True, log=tmp_path)
    assert again.num_trials == model.num_trials == 34
    assert weights(again, tmp_path) == weights(model, tmp_path)


@pytest.mark.parametrize(
    "text, message",
    [
        ('{"trial": 1}', "line 1 of"),
        ("5", "line 1 of"),
        ('{"trial": 1, "features": "x", "image": null, "reward": 1}', "line 1 of"),
        ("\udcff\udcfe", "line 1 of"),
        ("[" * 2000, "line 1 of"),
    ],
)
def test_damaged_lines_of_a_log_are_named(text: str, message: str, tmp_path: Path) -> None:
    RoleModelRL(Throw(), log=tmp_path)
    (tmp_path / "trials.jsonl").write_bytes(text.encode("utf-8", "surrogateescape") + b"\n")
    with pytest.raises(ValueError, match=message):
        RoleModelRL(Throw(), log=tmp_path)


@pytest.mark.parametrize("header", ["", "5", "{", "[]", "[" * 2000])
def test_a_damaged_header_of_a_log_is_named(header: str, tmp_path: Path) -> None:
    (tmp_path / "method.json").write_text(header)
    with pytest.raises(ValueError, match=r"method\.json"):
        RoleModelRL(Throw(), log=tmp_path)


class Careless(gymnasium.Env):  # type: ignore[misc, name-defined]
    """Draws every image into the same array, and clips its action in place."""

    observation_space = spaces.Dict({"image": IMAGE, "x": spaces.Box(-1, 1, (1,), np.float32)})
    action_space = spaces.Box(-1, 1, (2,), np.float32)

    def __init__(self) -> None:
        self.seen = {"image": np.zeros(IMAGE.shape, np.uint8), "x": np.zeros(1, np.float32)}
        self.shown: list[int] = []

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.seen["image"][:] = self.np_random.integers(1, 255)
        self.shown.append(int(self.seen["image"][0, 0, 0]))
        return self.seen, {"scene": 0}

    def step(self, action: Any) -> Any:
        action *= 0
        self.seen["image"][:] = 0
        return self.seen, 0.5, True, False, {}


def test_an_environment_that_reuses_its_arrays_changes_no_trial(tmp_path: Path) -> None:
    """The log once had the image after the step, where the environment drew it into the same array."""
    env, trials = Careless(), list[Trial]()
    model = RoleModelRL(env, grouping="reported", log=tmp_path)
    model.learn(4, lambda _, trial: trials.append(trial))
    logged_images = [int(np.load(tmp_path / f"images/{n:06}.npy")[0, 0, 0]) for n in range(1, 5)]
    assert logged_images == env.shown[:4]
    assert [int(trial.observation["image"][0, 0, 0]) for trial in trials] == env.shown[:4]
    assert any(np.any(trial.action != 0) for trial in trials)


def test_an_environment_that_changes_its_spaces_is_refused(tmp_path: Path) -> None:
    class Changing(Throw):
        def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
            answer = super().reset(seed=seed, options=options)
            if self.resets == 4:
                self.action_space = spaces.Box(-1.0, 1.0, (3,), np.float32)
            if self.resets == 9:
                self.observation_space = spaces.Box(0.0, 20.0, (2,), np.float32)
            return answer

    env = Changing()
    model = RoleModelRL(env, log=tmp_path)
    with pytest.raises(ValueError, match="actions"):
        model.learn(20)
    env.action_space = spaces.Box(-1.0, 1.0, (2,), np.float32)
    with pytest.raises(ValueError, match="observations"):
        model.learn(20)
    assert logged(tmp_path) == list(range(1, model.num_trials + 1)) == list(range(1, 8))


BAD_OBSERVATIONS: list[Any] = [
    None,
    "abc",
    ["1", "2"],
    np.ones(2) * 1j,
    [np.nan, 1],
    [np.inf, 1],
    np.ones(3),
    np.ones((2, 3)),
    np.ones((1, 1, 2)),
    np.ones(0),
    np.array([1, None], object),
    np.ma.array([1, 2], mask=[1, 0]),
    np.array(["2020", "2021"], "datetime64[D]"),
    {"a": 1},
    [[1, 2], [3]],
    [1e9, 0],
    object(),
]


@pytest.mark.parametrize("observation", BAD_OBSERVATIONS, ids=range(len(BAD_OBSERVATIONS)))
def test_observations_that_are_none_say_so_in_predict_and_learn(observation: Any) -> None:
    env = Broken(3, lambda answer: (observation, {}), "reset")
    model = RoleModelRL(env)
    with pytest.raises((ValueError, TypeError), match="(?s)the observation is .*expected"):
        model.learn(5)
    assert model.num_trials == 2
    with pytest.raises((ValueError, TypeError), match="(?s)the observation is .*expected"):
        model.predict(observation)


@pytest.mark.parametrize(
    "observation",
    [
        [1, 2],
        np.ones(4)[::2],
        np.ones(2)[::-1],
        np.broadcast_to(np.float32(1), (2,)),
        np.ones(2, ">f8"),
        np.ones(2, np.float16),
        np.ones(2, np.int8),
        np.ones(2, bool),
        np.array([1, 2], object),
    ],
)
def test_arrays_of_any_numbers_strides_and_flags_are_observations(observation: Any) -> None:
    model = RoleModelRL(Throw())
    same = model.probabilities(np.array(observation, np.float64))
    assert np.array_equal(model.probabilities(observation)[0], same[0])


def test_images_are_uint8_of_any_strides() -> None:
    env = Anything(OBSERVATIONS[4], ACTIONS[0])
    model = RoleModelRL(env)
    pose = np.zeros(3, np.float32)
    image = np.random.default_rng(0).integers(0, 255, IMAGE.shape).astype(np.uint8)
    wide = np.zeros((96, 80, 3), np.uint8)
    wide[::2, ::2] = image
    frozen = image.copy()
    frozen.flags.writeable = False
    same = model.probabilities({"image": image, "pose": pose})[0]
    for other in (wide[::2, ::2], np.asfortranarray(image), frozen, image[::-1][::-1]):
        assert np.array_equal(model.probabilities({"image": other, "pose": pose})[0], same)
    for bad in (image / 255, image.astype(int), image[..., 0], image.tolist(), None, image.T):
        with pytest.raises(ValueError, match=r"\['image'\] is .*expected an array of uint8"):
            model.predict({"image": bad, "pose": pose})


def info_with(deviation: Any) -> Callable[[Any], Any]:
    return lambda answer: (*answer[:4], {"deviation": deviation})


@pytest.mark.parametrize(
    "deviation",
    [None, "ab", ["1", "2"], 1.0, [1, 2, 3], [np.inf, 0], [1j, 0], {"a": 1}, [[1], [2, 3]]],
)
def test_bad_deviations_end_learn(deviation: Any, tmp_path: Path) -> None:
    model = RoleModelRL(Broken(3, info_with(deviation), "step"), "hindsight", log=tmp_path)
    with pytest.raises((ValueError, TypeError), match="deviation.*with 2 numbers"):
        model.learn(5)
    assert logged(tmp_path) == [1, 2]


@pytest.mark.parametrize(
    "deviation", [[np.nan, 0.0], [None, 0.0], np.ma.array([0.0, 0.0], mask=[1, 0])]
)
def test_a_deviation_may_be_unknown(deviation: Any, tmp_path: Path) -> None:
    RoleModelRL(Broken(1, info_with(deviation), "step"), "hindsight", log=tmp_path).learn(1)
    line = json.loads((tmp_path / "trials.jsonl").read_text().splitlines()[0])
    assert line["best"][0] is None and isinstance(line["best"][1], float)


@pytest.mark.parametrize(
    "reward", ["5", 1j, None, np.nan, -np.inf, 10**400, object(), np.ones(2), 1e30, -1e300]
)
def test_rewards_that_are_none_end_learn(reward: Any) -> None:
    model = RoleModelRL(Broken(3, lambda answer: (answer[0], reward, *answer[2:]), "step"), "ppo")
    with pytest.raises((ValueError, TypeError), match="the reward .*expected"):
        model.learn(5)
    assert model.num_trials == 2
    assert np.all(np.isfinite(model.probabilities(np.ones(2))[0]))


@pytest.mark.parametrize("ended", [None, "no", np.array([True, False]), 1.0])
def test_whether_an_episode_ended_is_a_truth_value(ended: Any) -> None:
    env = Broken(3, lambda answer: (*answer[:2], ended, False, {}), "step")
    with pytest.raises(TypeError, match="terminated; expected True or False"):
        RoleModelRL(env).learn(5)


def test_rewards_outside_of_their_range_warn_once() -> None:
    class Cost(Throw):
        def step(self, action: Any) -> Any:
            observation, reward, *rest = super().step(action)
            return (observation, -100 * reward, *rest)

    with pytest.warns(UserWarning, match="reward_range") as caught:
        RoleModelRL(Cost()).learn(5)
    assert len(caught) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        RoleModelRL(Cost(), reward_range=(-100, 0)).learn(5)


@pytest.mark.parametrize("scene", [-1, 1.5, "a", True, None, 2**64, np.array([3])])
def test_scenes_are_whole_numbers(scene: Any) -> None:
    env = Broken(2, lambda answer: (answer[0], {"scene": scene}), "reset")
    with pytest.raises(ValueError, match=r"reported the scene .*whole number"):
        RoleModelRL(env, grouping="reported").learn(3)


@pytest.mark.parametrize(
    "observations, actions",
    [
        (spaces.Discrete(2), spaces.Discrete(10**9)),
        (spaces.Discrete(10**9), spaces.Discrete(2)),
        (spaces.Discrete(2), spaces.MultiDiscrete([2] * 60)),
        (spaces.Discrete(2), spaces.MultiDiscrete([10**9, 2])),
        (spaces.Discrete(2), spaces.Box(0, 1, (100_000,), np.float32)),
        (spaces.Discrete(2), spaces.Box(0, 1, (0,), np.float32)),
        (spaces.Box(0, 1, (0,), np.float32), spaces.Discrete(2)),
        (spaces.Dict({}), spaces.Discrete(2)),
        (spaces.Box(0, 255, (400, 400, 1), np.uint8), spaces.Discrete(2)),
    ],
    ids=str,
)
def test_spaces_that_are_too_large_or_empty_are_refused_at_once(
    observations: Any, actions: Any
) -> None:
    """A Discrete of a billion actions once took all memory."""
    began = time.monotonic()
    with pytest.raises((ValueError, TypeError), match="expected"):
        RoleModelRL(Anything(observations, actions))
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    "arguments",
    [
        {"seed": -1},
        {"seed": None},
        {"seed": 1.5},
        {"seed": 2**64},
        {"bins": 2.5},
        {"bins": "ab"},
        {"bins": 10**9},
        {"bins": [3, 0]},
        {"action_range": "ab"},
        {"action_range": (1, 2, 3)},
        {"action_range": ([0, 0, 0], [1, 1, 1])},
        {"action_range": (-5, 5)},
        {"reward_range": 5},
        {"reward_range": ("a", "b")},
        {"reward_range": (np.nan, 1)},
        {"trials_per_scene": 1.5},
        {"similar": "near"},
        {"exploration": [0.1, 0.2]},
        {"method": None},
        {"grouping": 3},
        {"settings": {"method": "ppo"}},
        {"settings": {"seed": 4}},
    ],
    ids=str,
)
def test_arguments_say_what_was_expected(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="expected") as caught:
        RoleModelRL(Throw(), **arguments)
    name = next(iter(arguments))
    assert name in str(caught.value)


def test_numbers_of_numpy_are_arguments_and_the_model_is_saved(tmp_path: Path) -> None:
    """A seed of NumPy once failed in `save`, after all the training."""
    path = tmp_path / "model.safetensors"
    model = RoleModelRL(
        Throw(),
        seed=np.int64(3),  # type: ignore[arg-type]
        similar=np.float32(0.25),  # type: ignore[arg-type]
        trials_per_scene=np.int64(5),  # type: ignore[arg-type]
        exploration=np.float32(0.1),  # type: ignore[arg-type]
        bins=np.array([5, 3]),  # type: ignore[arg-type]
        action_range=(np.float32(-0.5), np.array([0.5, 0.6], np.float32)),
        reward_range=np.array([0.0, 1.0]),  # type: ignore[arg-type]
        log=tmp_path / "log",
    ).learn(np.int64(10))  # type: ignore[arg-type]
    model.save(path)
    assert np.array_equal(
        RoleModelRL.load(path, Throw()).predict([1, 2])[0], model.predict([1, 2])[0]
    )


@pytest.mark.parametrize("trials", [None, -1, 1.5, True, "3", 2**40])
def test_a_number_of_trials_is_a_whole_number(trials: Any) -> None:
    with pytest.raises(ValueError, match="total_trials is"):
        RoleModelRL(Throw()).learn(trials)


@pytest.mark.parametrize("callback", [5, [5], "x", [None], Throw])
def test_callbacks_are_functions_or_callbacks(callback: Any) -> None:
    model = RoleModelRL(Throw())
    with pytest.raises(TypeError, match="expected a Callback or a function"):
        model.learn(3, callback)
    assert model.num_trials == 0


def test_vectors_of_environments_are_refused_and_longer_episodes_too() -> None:
    for count in (1, 2):
        with pytest.raises(TypeError, match=f"vector of {count} environments"):
            RoleModelRL(gymnasium.vector.SyncVectorEnv([Throw] * count))
    long = gymnasium.make("CartPole-v1")
    with pytest.raises(ValueError, match="one step per episode"):
        RoleModelRL(long).learn(1)
    model = RoleModelRL(Throw())
    with pytest.raises(ValueError, match="observations"):
        evaluate_policy(model, long)
    with pytest.raises(ValueError, match="n_eval_episodes"):
        evaluate_policy(model, Throw(), 0)

    class Longer(Throw):
        def step(self, action: Any) -> Any:
            return (*super().step(action)[:2], False, False, {})

    with pytest.raises(ValueError, match="one step per episode"):
        evaluate_policy(model, Longer())


def test_infinite_bounds_are_none_also_where_they_are_the_largest_float32() -> None:
    most = np.finfo(np.float32).max
    for bound in (np.inf, most):
        codec = ObservationCodec.of(spaces.Box(-bound, bound, (2,), np.float32))
        assert codec.encode([0.0, 1.0])[1].tolist() == [0.0, 1.0]
    with pytest.raises(ValueError, match="action_range"):
        RoleModelRL(Anything(OBSERVATIONS[0], spaces.Box(-most, most, (2,), np.float32)))


def test_keys_of_a_dict_may_be_numbers() -> None:
    space = spaces.Dict({1: spaces.Discrete(2), 2: spaces.Tuple([spaces.Box(0, 1, (2,))])})
    model = RoleModelRL(Anything(space, ACTIONS[0])).learn(3)
    assert len(model.probabilities({1: 0, 2: (np.zeros(2),)})[0]) == 3


def test_a_bandit_or_a_held_action_that_is_used_wrongly_says_so() -> None:
    with pytest.raises(gymnasium.error.ResetNeeded):
        OneStep(Throw()).step(np.zeros(2))
    for steps in (0, 1.5, None):
        with pytest.raises(ValueError, match="steps is"):
            HeldAction(Throw(), steps)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="reward is"):
        HeldAction(Throw(), 2, "mean")
