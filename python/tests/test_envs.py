"""Environments follow Gymnasium's interface, and the same seed gives the same episodes."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

gymnasium = pytest.importorskip("gymnasium")

from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env

import rmrl_robot.envs
from rmrl_robot.errors import ConfigurationError

IDS = ["rmrl/Table-v0", "rmrl/Shelf-v0", "rmrl/Laboratory-v0", "rmrl/Lid-v0"]


def make(name: str, **arguments: Any) -> Any:
    return gymnasium.make(name, disable_env_checker=True, **arguments).unwrapped


@pytest.mark.parametrize("actions", ["discrete", "box"])
@pytest.mark.parametrize("name", IDS)
def test_gymnasium_has_nothing_to_say(name: str, actions: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        env = make(name, actions=actions, render_mode="rgb_array")
        check_env(env)
        env.close()
        env.close()


def test_a_seed_gives_the_same_episodes_whatever_came_before() -> None:
    env = make("rmrl/Table-v0", laboratory=3)

    def episodes() -> list[Any]:
        made = [env.reset(seed=7), env.step(np.array([2, 4, 6])), env.reset(), env.step([3, 3, 6])]
        return [(one[0]["image"].tobytes(), one[0]["pose"].tobytes(), one[1]) for one in made]

    first = episodes()
    env.reset()
    again = episodes()
    assert [one[:2] for one in first] == [one[:2] for one in again]
    assert first[1][2] == again[1][2] and first[3][2] == again[3][2]
    assert first[0][1] != first[2][1], "the next episode starts elsewhere"
    env.close()


def test_what_is_no_action_is_refused_and_the_episode_stays() -> None:
    env = make("rmrl/Table-v0")
    with pytest.raises(ResetNeeded):
        env.step([3, 3, 6])
    env.reset(seed=1)
    for bad in ([3, 3], [3, 3, 13], [-1, 0, 0], [0.5, 1.0, 2.0], "abc", None, [[1, 2, 3]]):
        with pytest.raises(ValueError, match="the action is"):
            env.step(bad)
    assert env.step([3, 3, 6])[2] is True
    with pytest.raises(ResetNeeded):
        env.step([3, 3, 6])
    env.close()
    box = make("rmrl/Table-v0", actions="box")
    box.reset(seed=1)
    for outside in ([np.nan, 0, 0], [0.1, 0, 0], [0, 0, np.inf]):
        with pytest.raises(ValueError, match="the action is"):
            box.step(np.array(outside))
    box.close()


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"actions": "both"}, ValueError),
        ({"difficulty": -1.0}, ConfigurationError),
        ({"difficulty": float("nan")}, ConfigurationError),
        ({"laboratory": -1}, ConfigurationError),
        ({"config": {"no.such": 1}}, ConfigurationError),
        ({"config": {"cell.kind": "xarm"}}, ConfigurationError),
        ({"render_mode": "human"}, ValueError),
    ],
)
def test_invalid_arguments_are_named(arguments: dict[str, Any], error: type[Exception]) -> None:
    from rmrl_robot.envs import TableEnv

    with pytest.raises(error):
        TableEnv(**arguments)


def test_without_errors_no_correction_places_well_and_with_them_it_does_not() -> None:
    errors = []
    for difficulty in (0.0, 1.0):
        env = make("rmrl/Table-v0", difficulty=difficulty, actions="box")
        env.reset(seed=2)
        off = [env.step(np.zeros(3, np.float32))[4]["e_trans_m"]]
        for _ in range(4):
            env.reset()
            off.append(env.step(np.zeros(3, np.float32))[4]["e_trans_m"])
        errors.append(np.mean(off))
        env.close()
    assert 2 * errors[0] < errors[1] and errors[0] < 0.001, errors


def corrected(env: Any, action: Any, deviation: Any) -> Any:
    """The action minus the deviation: the nearest one that the environment has."""
    better = action - deviation
    if isinstance(env.action_space, gymnasium.spaces.MultiDiscrete):
        return np.clip(np.rint(better), 0, env.action_space.nvec - 1).astype(int)
    return np.clip(better, -env.action_space.high, env.action_space.high)


@pytest.mark.parametrize("env_id", ["rmrl/Table-v0", "rmrl/Shelf-v0"])
@pytest.mark.parametrize("actions", ["discrete", "box"])
def test_the_action_minus_the_deviation_is_better(env_id: str, actions: Any) -> None:
    env = make(env_id, actions=actions, config={"actions.translation_bins": 9})
    # Off by 5 mm along both axes.
    action: Any = np.array([6, 6, 6]) if actions == "discrete" else np.array([0.005, 0.005, 0.0])
    errors = []
    for _ in range(2):
        env.reset(seed=5)
        _, _, _, _, info = env.step(action)
        errors.append(info["e_trans_m"])
        action = corrected(env, action, info["deviation"])
    env.close()
    assert errors[1] < 0.5 * errors[0], errors


@pytest.mark.parametrize("actions", ["discrete", "box"])
@pytest.mark.parametrize(
    ("env_id", "arguments"),
    [
        ("rmrl/Laboratory-v0", {}),
        ("rmrl/Laboratory-v0", {"target": "hotel:1"}),
        ("rmrl/Lid-v0", {"lid": "off"}),
        ("rmrl/Lid-v0", {"lid": "on"}),
    ],
)
def test_in_a_laboratory_the_action_minus_the_deviation_is_better(
    env_id: str, arguments: dict[str, Any], actions: Any
) -> None:
    env = make(env_id, actions=actions, laboratory=1, **arguments)
    # Off by 5 mm along x, and a lid is off across the fingers and turned, too.
    action: Any = np.array([5, 3, 6]) if actions == "discrete" else np.array([0.005, 0.0, 0.0])
    infos = []
    for _ in range(2):
        env.reset(seed=5)
        _, reward, _, _, info = env.step(action)
        infos.append((reward, info))
        assert np.isfinite(info["deviation"]).all(), info
        action = corrected(env, action, info["deviation"])
    env.close()
    (first, before), (second, after) = infos
    assert after["outcome"] == "placed" and after["reason"] == "" and second > first
    if before["outcome"] == "placed":
        assert after["true_e_trans_m"] < 0.5 * before["true_e_trans_m"], infos
    else:
        assert before["reason"] and first == 0.0, infos
    assert np.linalg.norm(after["deviation"][:2]) < np.linalg.norm(before["deviation"][:2])


def test_episodes_in_a_laboratory_are_independent_of_those_before() -> None:
    env = make("rmrl/Lid-v0", laboratory=1)

    def episodes() -> list[Any]:
        made = [env.reset(seed=3), env.step([3, 3, 6]), env.reset(), env.step([2, 4, 5])]
        return [(one[0]["image"].tobytes(), one[0]["pose"].tobytes(), one[1]) for one in made]

    first = episodes()
    env.reset()
    again = episodes()
    assert [one[:2] for one in first] == [one[:2] for one in again]
    assert first[1][2] == again[1][2] and first[3][2] == again[3][2]
    assert first[0][1] != first[2][1], "the next episode starts elsewhere"
    scenes = [env.reset(options={"scene": scene})[0]["pose"] for scene in (8, 8, 9)]
    env.close()
    near, far = (np.linalg.norm((scenes[0] - other)[:2]) for other in scenes[1:])
    assert 0 < near < far


@pytest.mark.parametrize("arguments", [{"lid": "off"}, {"lid": "on"}])
def test_whatever_an_episode_left_the_next_begins(arguments: dict[str, Any]) -> None:
    env = make("rmrl/Lid-v0", laboratory=0, **arguments)
    env.action_space.seed(1)
    env.reset(seed=1)
    outcomes = set()
    for _ in range(12):
        outcomes.add(env.step(env.action_space.sample())[4]["outcome"])
        env.reset()
    env.close()
    assert arguments["lid"] == "on" or outcomes - {"placed"}, outcomes


@pytest.mark.parametrize(
    ("name", "arguments", "named"),
    [
        ("LaboratoryEnv", {"start": "cellar"}, "cellar"),
        ("LaboratoryEnv", {"start": "hotel:1"}, "the camera sees"),
        ("LaboratoryEnv", {"target": "hotel:7"}, "7"),
        ("LaboratoryEnv", {"target": "bench"}, "another slot"),
        ("LaboratoryEnv", {"target": ""}, "target"),
        ("LaboratoryEnv", {"config": {"sites.bench.no_such_key": 1}}, "no_such_key"),
        ("LidEnv", {"site": "hotel:1"}, "the camera sees"),
        ("LidEnv", {"difficulty": -1.0}, "difficulty"),
    ],
)
def test_invalid_places_are_named(name: str, arguments: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigurationError, match=named):
        getattr(rmrl_robot.envs, name)(**arguments)


def test_a_lid_is_on_or_off() -> None:
    with pytest.raises(ValueError, match="'off' or 'on'"):
        rmrl_robot.envs.LidEnv(lid="half")  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_environments_beside_each_other_do_what_each_would_alone(mode: str) -> None:
    alone = make("rmrl/Table-v0")
    seen, _ = alone.reset(seed=9)
    reward = alone.step([3, 3, 6])[1]
    alone.close()
    envs = gymnasium.make_vec("rmrl/Table-v0", num_envs=2, vectorization_mode=mode)
    both, _ = envs.reset(seed=8)
    assert np.array_equal(both["image"][1], seen["image"])
    _, rewards, terminated, _, info = envs.step(np.array([[3, 3, 6], [3, 3, 6]]))
    assert rewards[1] == reward and terminated.all() and info["deviation"].shape == (2, 3)
    envs.close()
