"""Role-model reinforcement learning on other environments of one step per episode."""

from __future__ import annotations

import json
import math
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

gymnasium = pytest.importorskip("gymnasium")

from gymnasium import spaces
from one_step_envs import ACTIONS, IMAGE, OBSERVATIONS, Anything, Broken, Throw, weights

from rmrl_robot.errors import Fault
from rmrl_robot.method import (
    Callback,
    EvalCallback,
    RoleModelRL,
    Trial,
    evaluate_policy,
)
from rmrl_robot.one_step import HeldAction, OneStep


def greedy(model: RoleModelRL, env: Any, episodes: int = 200) -> float:
    return evaluate_policy(model, env, episodes, seed=1234)[0]


def random_reward(env: Any, episodes: int = 500) -> float:
    rewards = []
    env.action_space.seed(1)
    for episode in range(episodes):
        env.reset(seed=1234 if episode == 0 else None)
        rewards.append(float(env.step(env.action_space.sample())[1]))
    return float(np.mean(rewards))


@pytest.mark.parametrize(
    "dimensions, arguments",
    [
        (2, {"method": "rm-rl"}),
        (2, {"method": "hindsight"}),
        (2, {"method": "rm-rl", "grouping": "reported"}),
        (5, {"method": "hindsight", "bins": 5}),
    ],
)
def test_it_learns_what_random_actions_do_not(dimensions: int, arguments: dict[str, Any]) -> None:
    model = RoleModelRL(Throw(dimensions), seed=3, **arguments).learn(200)
    assert model.num_trials == 200
    reward, by_chance = (
        greedy(model, Throw(dimensions)),
        random_reward(Throw(dimensions)),
    )
    assert reward > by_chance + 0.25, (reward, by_chance)


def test_role_models_need_fewer_trials_than_policy_gradients() -> None:
    reached = {
        method: np.mean(
            [
                greedy(RoleModelRL(Throw(), method, seed=s).learn(150), Throw(), 100)
                for s in range(4)
            ]
        )
        for method in ("rm-rl", "reinforce")
    }
    assert reached["rm-rl"] > reached["reinforce"] + 0.1, reached


def test_the_same_seed_gives_the_same_bits_and_another_others(tmp_path: Path) -> None:
    one, again, other = (
        weights(RoleModelRL(Throw(), seed=seed).learn(40), tmp_path) for seed in (1, 1, 2)
    )
    assert one == again and one != other


def test_a_saved_model_predicts_the_same_and_learns_further_as_if_never_saved(
    tmp_path: Path,
) -> None:
    path = tmp_path / "model.safetensors"
    model = RoleModelRL(Throw(), seed=5, seed_each_trial=True).learn(30)
    model.save(path)
    alone = RoleModelRL.load(path)
    for observation in np.random.default_rng(0).uniform(0, 10, (20, 2)):
        assert np.array_equal(alone.predict(observation)[0], model.predict(observation)[0])
        for one, other in zip(alone.probabilities(observation), model.probabilities(observation)):
            assert np.array_equal(one, other)
    with pytest.raises(ValueError, match="set_env"):
        alone.learn(10)
    loaded = RoleModelRL.load(path, Throw())
    assert loaded.num_trials == 30
    assert weights(loaded.learn(20), tmp_path) == weights(model.learn(20), tmp_path)


def test_a_loaded_model_meets_new_states_unless_each_trial_has_its_seed(tmp_path: Path) -> None:
    def states(model: RoleModelRL) -> list[bytes]:
        seen: list[bytes] = []
        model.learn(3, lambda _, trial: seen.append(trial.observation.tobytes()))
        return seen

    path = tmp_path / "model.safetensors"
    for each in (False, True):
        model = RoleModelRL(Throw(), seed_each_trial=each)
        first = states(model)
        model.save(path)
        second, after_load = states(model), states(RoleModelRL.load(path, Throw()))
        assert not set(first) & set(after_load)
        assert (second == after_load) == each


def test_a_model_loads_only_where_it_fits(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    RoleModelRL(Throw(), bins=5).learn(10).save(path)
    with pytest.raises(ValueError, match="shape"):
        RoleModelRL.load(path, Throw(3))
    data = path.read_bytes()
    for broken in (b"", b"nonsense", data[:50], data[: len(data) // 2]):
        path.write_bytes(broken)
        with pytest.raises(ValueError, match="model.safetensors"):
            RoleModelRL.load(path)


def with_reward(reward: Any) -> Any:
    return lambda answer: (answer[0], reward, *answer[2:])


@pytest.mark.parametrize(
    "call, what, error, message",
    [
        ("reset", RuntimeError("the robot is gone"), RuntimeError, "the robot is gone"),
        ("step", KeyError("x"), KeyError, "x"),
        ("step", KeyboardInterrupt(), KeyboardInterrupt, None),
        ("reset", lambda answer: None, TypeError, "returned None; expected"),
        ("reset", lambda answer: answer[0], TypeError, "expected .observation, info."),
        ("reset", lambda answer: (None, {}), ValueError, "the observation is None"),
        (
            "reset",
            lambda answer: (answer[0] * np.nan, {}),
            ValueError,
            "nan.*expected finite",
        ),
        (
            "reset",
            lambda answer: (answer[0][:1], {}),
            ValueError,
            r"expected finite numbers of the shape \[2\]",
        ),
        ("step", lambda answer: None, TypeError, "returned None; expected"),
        ("step", with_reward(math.nan), ValueError, "nan"),
        (
            "step",
            with_reward(None),
            (TypeError, ValueError),
            "expected a (finite )?number",
        ),
        ("step", with_reward(np.ones(2)), TypeError, "expected a number"),
        (
            "step",
            lambda answer: (answer[0], 1.0, False, False, {}),
            ValueError,
            "one step per episode",
        ),
    ],
)
def test_an_error_of_the_environment_ends_learn_and_loses_no_trial(
    call: str, what: Any, error: Any, message: str | None, tmp_path: Path
) -> None:
    env = Broken(14, what, call)
    model = RoleModelRL(env, seed=2, log=tmp_path / "log")
    with pytest.raises(error, match=message):
        model.learn(40)
    assert model.num_trials == 13
    # It goes on where it stopped, and the log makes the same model again.
    model.learn(17)
    assert model.num_trials == 30 and env.steps in (30, 31)
    again = RoleModelRL(Throw(), seed=2, log=tmp_path / "log")
    assert again.num_trials == 30
    assert weights(again, tmp_path) == weights(model, tmp_path)


def test_a_killed_run_resumes_from_its_log_as_if_never_killed(tmp_path: Path) -> None:
    whole = RoleModelRL(Throw(), seed=2, seed_each_trial=True, log=tmp_path / "whole").learn(35)
    lines = (tmp_path / "whole/trials.jsonl").read_bytes().splitlines(keepends=True)
    killed = tmp_path / "killed"
    killed.mkdir()
    (killed / "method.json").write_bytes((tmp_path / "whole/method.json").read_bytes())
    (killed / "trials.jsonl").write_bytes(b"".join(lines[:17]) + lines[17][:40])

    resumed = RoleModelRL(Throw(), seed=2, seed_each_trial=True, log=killed)
    assert resumed.num_trials == 17
    resumed.learn(35 - resumed.num_trials)
    assert (killed / "trials.jsonl").read_bytes() == b"".join(lines)
    assert weights(resumed, tmp_path) == weights(whole, tmp_path)


def test_the_log_of_another_model_or_a_damaged_one_is_refused(tmp_path: Path) -> None:
    RoleModelRL(Throw(), log=tmp_path).learn(12)
    with pytest.raises(ValueError, match="its seed is 0, this model's is 1"):
        RoleModelRL(Throw(), seed=1, log=tmp_path)
    path = tmp_path / "trials.jsonl"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:3], *lines[4:]]) + "\n")
    with pytest.raises(ValueError, match="has trial 5 where 4 is expected"):
        RoleModelRL(Throw(), log=tmp_path)
    path.write_text("\n".join([*lines[:3], "{", *lines[4:]]) + "\n")
    with pytest.raises(ValueError, match="line 4 of"):
        RoleModelRL(Throw(), log=tmp_path)


def test_a_fault_repeats_the_trial_and_one_that_needs_a_person_ends_learn() -> None:
    env = Broken(3, Fault("Localization", "no target in sight"), "step")
    assert RoleModelRL(env).learn(10).num_trials == 10
    assert env.steps == 11
    with pytest.raises(Fault, match="the button"):
        RoleModelRL(Broken(3, Fault("Stopped", "the button is pressed"), "step")).learn(10)


def test_callbacks_see_every_trial_and_may_end_learn_and_use_the_model_in_pauses() -> None:
    seen: list[Trial] = []

    class Follower(Callback):
        every = 15

        def __init__(self) -> None:
            self.calls: list[str] = []

        def on_start(self, model: RoleModelRL) -> None:
            self.calls.append("start")

        def on_pause(self, model: RoleModelRL) -> bool | None:
            model.predict(np.zeros(2, np.float32))
            self.calls.append(f"pause {model.num_trials}")
            return None

        def on_end(self, model: RoleModelRL) -> None:
            self.calls.append(f"end {model.num_trials}")

    def follow(model: RoleModelRL, trial: Trial) -> bool:
        seen.append(trial)
        assert model.num_trials == trial.number
        with pytest.raises(RuntimeError, match="under way"):
            model.predict(np.zeros(2, np.float32))
        return trial.number < 44

    follower, evaluation = Follower(), EvalCallback(Throw(), every=20, episodes=5)
    model = RoleModelRL(Throw()).learn(100, [follow, follower, evaluation])
    assert [trial.number for trial in seen] == list(range(1, 45))
    assert all(
        trial.reward == pytest.approx(Throw.step(_at(trial), trial.action)[1]) for trial in seen
    )
    assert follower.calls == ["start", "pause 20", "pause 30", "end 44"]
    assert [trials for trials, *_ in evaluation.evaluations] == [20, 40]
    assert model.num_trials == 44


def _at(trial: Trial) -> Throw:
    env = Throw()
    env.target = trial.observation
    return env


def test_an_error_of_a_callback_ends_learn_and_loses_no_trial() -> None:
    def fail(model: RoleModelRL, trial: Trial) -> None:
        if trial.number == 7:
            raise OSError("no space left")

    model = RoleModelRL(Throw())
    with pytest.raises(OSError, match="no space left"):
        model.learn(20, fail)
    assert model.num_trials == 7
    assert model.learn(3).num_trials == 10


@pytest.mark.parametrize("method", ["rm-rl", "hindsight"])
@pytest.mark.parametrize("observations", OBSERVATIONS, ids=str)
def test_observations_of_every_space(observations: Any, method: str, tmp_path: Path) -> None:
    env = Anything(observations, ACTIONS[0])
    model = RoleModelRL(env, method, grouping="reported", trials_per_scene=2, log=tmp_path).learn(4)
    again = RoleModelRL(env, method, grouping="reported", trials_per_scene=2, log=tmp_path)
    observation, _ = env.reset()
    assert np.array_equal(again.probabilities(observation)[0], model.probabilities(observation)[0])
    assert weights(again, tmp_path) == weights(model, tmp_path)


def test_a_policy_may_leave_the_image_out() -> None:
    env = Anything(OBSERVATIONS[4], ACTIONS[0])
    model = RoleModelRL(env, settings={"policy.view": "none"}).learn(12)
    seen, _ = env.reset()
    dark = {**seen, "image": np.zeros_like(seen["image"])}
    assert np.array_equal(model.probabilities(seen)[0], model.probabilities(dark)[0])
    with pytest.raises(ValueError, match="has no encoder"):
        settings = {"policy.view": "none", "policy.encoder.train": True}
        RoleModelRL(env, settings=settings)


@pytest.mark.parametrize("method", ["rm-rl", "hindsight", "ppo-rm-rl"])
@pytest.mark.parametrize("actions", ACTIONS, ids=str)
def test_actions_of_every_space(actions: Any, method: str) -> None:
    env = Anything(OBSERVATIONS[1], actions)
    model = RoleModelRL(env, method, bins=3).learn(12)
    for deterministic in (True, False):
        assert env.action_space.contains(model.predict(2, deterministic=deterministic)[0])
    for probabilities in model.probabilities(2):
        assert probabilities.sum() == pytest.approx(1, abs=1e-5)
    assert len(model.probabilities(2)) == max(math.prod(actions.shape or ()), 1)


def test_hindsight_in_joined_dimensions_labels_the_combination_of_the_best_values() -> None:
    from rmrl_robot._method_actions import ActionCodec

    codec = ActionCodec.of(spaces.Box(-1, 1, (7,), np.float32), 3, None)
    assert codec.heads == [[0, 1], [2, 3], [4, 5, 6]]
    of_heads = [float(len(head) - 1) for head in codec.candidates()]
    assert codec.flat(of_heads) == [1.0] * 7
    best = codec.best(of_heads, [2, 0.9, 0, 1, np.nan, 1, 1])
    flat = codec.flat([-1.0 if one is None else one for one in best])
    for dimensions, one in zip(codec.heads, best):
        if 4 in dimensions:
            assert one is None
        else:
            assert [flat[d] for d in dimensions] == [[-1, 0, 1, 0][d] for d in dimensions]


@pytest.mark.parametrize(
    "arguments, error, message",
    [
        ({"method": "dqn"}, ValueError, "expected one of rm-rl"),
        ({"grouping": "color"}, ValueError, "expected one of similarity"),
        ({"similar": math.nan}, ValueError, "similar is nan"),
        ({"reward_range": (1, 1)}, ValueError, "reward_range"),
        ({"exploration": 1.5}, ValueError, "exploration is 1.5"),
        ({"bins": 0}, ValueError, "bins is 0"),
        ({"bins": [3]}, ValueError, "or 2 of them"),
        ({"settings": {"policy.learning_rat": 1}}, ValueError, "learning_rat"),
        ({"settings": {"policy.view": "crop"}}, ValueError, "crop"),
        ({"trials_per_scene": 0}, ValueError, "trials_per_scene"),
    ],
)
def test_arguments_are_checked(arguments: dict[str, Any], error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        RoleModelRL(Throw(), **arguments)


def test_environments_that_do_not_fit_are_refused() -> None:
    endless = spaces.Box(-np.inf, np.inf, (1,), np.float32)
    with pytest.raises(ValueError, match="action_range"):
        RoleModelRL(Anything(OBSERVATIONS[0], endless))
    RoleModelRL(Anything(OBSERVATIONS[0], endless), action_range=(-2, 2))
    with pytest.raises(TypeError, match="Text"):
        RoleModelRL(Anything(spaces.Text(3), ACTIONS[0]))
    with pytest.raises(TypeError, match="expected Discrete"):
        RoleModelRL(Anything(OBSERVATIONS[0], spaces.Text(3)))
    with pytest.raises(TypeError, match="several images"):
        RoleModelRL(Anything(spaces.Tuple([IMAGE, IMAGE]), ACTIONS[0]))
    with pytest.raises(ValueError, match="no features"):
        RoleModelRL(Anything(IMAGE, ACTIONS[0]))
    with pytest.raises(TypeError, match="2 environments"):
        RoleModelRL(gymnasium.vector.SyncVectorEnv([Throw, Throw]))
    with pytest.raises(ValueError, match="fewer bins"):
        RoleModelRL(Anything(OBSERVATIONS[0], spaces.Box(-1, 1, (20,), np.float32)))
    with pytest.raises(TypeError, match="observation_space"):
        RoleModelRL(object())


def test_groupings_need_what_they_name() -> None:
    env = Throw()
    RoleModelRL(env, grouping="options", trials_per_scene=3).learn(7)
    assert [one["scene"] for one in env.options] == [1, 1, 1, 2, 2, 2, 3]
    env = Throw()
    RoleModelRL(env).learn(2)
    assert env.options == [None, None]

    class Silent(Throw):
        def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
            return super().reset(seed=seed)[0], {}

        def step(self, action: Any) -> Any:
            return (*super().step(action)[:4], {})

    with pytest.raises(ValueError, match=r'info\["scene"\]'):
        RoleModelRL(Silent(), grouping="reported").learn(1)
    with pytest.raises(ValueError, match="with 2 numbers"):
        RoleModelRL(Silent(), "hindsight").learn(1)


def test_candidates_of_a_box_are_refined_and_a_refined_model_is_saved(
    tmp_path: Path,
) -> None:
    settings = {"schedule": {"refinements": 2, "refine_interval": 20}}
    model = RoleModelRL(Throw(), "hindsight", bins=5, settings=settings).learn(60)
    assert [len(one) for one in model.probabilities(np.zeros(2))] == [17, 17]
    model.save(tmp_path / "model.safetensors")
    again = RoleModelRL.load(tmp_path / "model.safetensors")
    assert np.array_equal(again.predict(np.ones(2))[0], model.predict(np.ones(2))[0])
    with pytest.raises(ValueError, match="refinements"):
        RoleModelRL(Anything(OBSERVATIONS[0], ACTIONS[0]), settings=settings)


def test_rewards_of_any_size_are_scaled() -> None:
    class Cost(Throw):
        def step(self, action: Any) -> Any:
            observation, reward, *rest = super().step(action)
            return (observation, 1000 * (reward - 1), *rest)

    model = RoleModelRL(Cost(), seed=3, reward_range=(-1000, 0)).learn(150)
    same = RoleModelRL(Throw(), seed=3).learn(150)
    assert greedy(model, Throw()) == pytest.approx(greedy(same, Throw()), abs=0.1)


def test_the_interpreter_is_free_while_it_learns() -> None:
    done, count = threading.Event(), 0

    def work() -> None:
        RoleModelRL(Throw(), settings={"schedule.replay_batches": 300}).learn(10)
        done.set()

    thread = threading.Thread(target=work)
    thread.start()
    while not done.wait(0.002):
        count += 1
    thread.join()
    assert count > 10


def test_a_bandit_becomes_an_environment_of_one_step() -> None:
    class Bandit(gymnasium.Env):  # type: ignore[misc, name-defined]
        observation_space = spaces.Discrete(3)
        action_space = spaces.Discrete(4)
        resets = 0

        def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
            super().reset(seed=seed)
            Bandit.resets += 1
            self.context = int(self.np_random.integers(3))
            return self.context, {}

        def step(self, action: Any) -> Any:
            reward = float(action == self.context)
            self.context = int(self.np_random.integers(3))
            return self.context, reward, False, False, {}

    model = RoleModelRL(OneStep(Bandit()), grouping="similarity", seed=1).learn(150)
    assert Bandit.resets == 1
    assert [int(model.predict(context)[0]) for context in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="OneStep"):
        RoleModelRL(Bandit()).learn(1)


def test_the_log_is_json_that_others_read(tmp_path: Path) -> None:
    RoleModelRL(Throw(), log=tmp_path).learn(12)
    lines = [json.loads(line) for line in (tmp_path / "trials.jsonl").read_text().splitlines()]
    assert [line.get("trial") for line in lines] == [*range(1, 13), None]
    assert lines[-1] == {"end": 12}
    assert all(0 < line["reward"] <= 1 and len(line["features"]) == 2 for line in lines[:-1])


@pytest.mark.parametrize("observations", OBSERVATIONS, ids=str)
@pytest.mark.parametrize("actions", [ACTIONS[0], ACTIONS[3], ACTIONS[4], ACTIONS[5]], ids=str)
def test_a_batch_gets_the_action_of_each_of_its_observations(
    observations: Any, actions: Any
) -> None:
    env = Anything(observations, actions)
    model = RoleModelRL(env, grouping="reported", bins=3).learn(4)
    observations.seed(5)
    each = [observations.sample() for _ in range(3)]
    found, state = model.predict(_batched(each))
    assert state is None
    assert found.shape == (3, *(actions.shape or ())) and found.dtype == actions.dtype
    for row, one in zip(found, each):
        assert np.array_equal(row, model.predict(one)[0])
        assert actions.contains(row)


def _batched(each: list[Any]) -> Any:
    first = each[0]
    if isinstance(first, dict):
        return {key: _batched([one[key] for one in each]) for key in first}
    if isinstance(first, tuple):
        return tuple(_batched(list(column)) for column in zip(*each))
    return np.stack(each)


def test_a_dimension_of_one_candidate_takes_no_head(tmp_path: Path) -> None:
    model = RoleModelRL(Throw(4), "hindsight", bins=[9, 1, 9, 9], seed=1).learn(60)
    assert [len(one) for one in model.probabilities(np.zeros(2))] == [9, 1, 9, 9]
    action, _ = model.predict(np.full(2, 5))
    assert action[1] == 0.0 and np.any(action != 0)
    assert model._actions.is_ordered
    model.save(tmp_path / "model.safetensors")
    again = RoleModelRL.load(tmp_path / "model.safetensors", Throw(4))
    assert np.array_equal(again.predict(np.full(2, 5))[0], action)


def test_learn_shows_its_progress(capsys: pytest.CaptureFixture[str]) -> None:
    RoleModelRL(Throw()).learn(12, progress_bar=True)
    shown = capsys.readouterr()
    assert "12/12 trials" in shown.err and "mean reward of the last 12" in shown.err
    assert shown.out == ""


def test_a_held_action_is_an_episode() -> None:
    class Walk(gymnasium.Env):  # type: ignore[misc, name-defined]
        """Walks to a goal, step by step."""

        observation_space = spaces.Box(-1.0, 1.0, (1,), np.float32)
        action_space = spaces.Box(-0.25, 0.25, (1,), np.float32)

        def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
            super().reset(seed=seed)
            self.goal, self.at = self.np_random.uniform(-1, 1), 0.0
            return np.array([self.goal], np.float32), {}

        def step(self, action: Any) -> Any:
            self.at += float(action[0])
            reward = 1 - abs(self.goal - self.at)
            return np.zeros(1, np.float32), reward, abs(self.at) > 0.9, False, {}

    env = HeldAction(Walk(), 4, "last")
    env.reset(seed=0)
    _, reward, terminated, truncated, _ = env.step(np.array([0.1]))
    assert terminated and not truncated
    assert reward == pytest.approx(1 - abs(env.unwrapped.goal - 0.4))
    env.reset(seed=0)
    assert env.step(np.array([0.5]))[1] == pytest.approx(1 - abs(env.unwrapped.goal - 1.0))
    summed = HeldAction(Walk(), 4)
    summed.reset(seed=0)
    expected = sum(1 - abs(summed.unwrapped.goal - 0.1 * n) for n in (1, 2, 3, 4))
    assert summed.step(np.array([0.1]))[1] == pytest.approx(expected)
    model = RoleModelRL(env, seed=1).learn(150)
    assert greedy(model, env) > 0.8


def test_a_cell_of_ours_with_scenes_by_its_options(tmp_path: Path) -> None:
    from rmrl_robot.envs import TableEnv

    env = TableEnv(laboratory=3)
    model = RoleModelRL(env, grouping="options", trials_per_scene=2, seed=1).learn(4)
    seen, _ = env.reset(seed=5)
    action, _ = model.predict(seen)
    assert env.action_space.contains(action)
    model.save(tmp_path / "model.safetensors")
    again, _ = RoleModelRL.load(tmp_path / "model.safetensors", env).predict(seen)
    assert np.array_equal(action, again)
    env.close()
