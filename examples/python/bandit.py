"""Role-model reinforcement learning on an environment that is not ours: the contextual bandit of buffalo-gym.

Each of four contexts has ten arms, and one of them pays most: 10 on average, the others 0 to 5, all with noise. A bandit
never ends, so each of its steps becomes an episode.

    pip install "rmrl-robot[gym]" buffalo-gym
    python examples/python/bandit.py
"""

from __future__ import annotations

import argparse
from typing import Any

import buffalo_gym  # type: ignore[import-untyped]  # noqa: F401, its import registers the bandits
import gymnasium
import numpy as np

from rmrl_robot.method import RoleModelRL
from rmrl_robot.one_step import OneStep

STATES, ARMS = 4, 10


def bandit(seed: int) -> Any:
    """The bandit of a seed. It draws its contexts from NumPy's global generator."""
    np.random.seed(seed)
    env = gymnasium.make(
        "ContextualBandit-v0",
        arms=ARMS,
        states=STATES,
        pace=1,
        max_episode_steps=-1,
        disable_env_checker=True,
    )
    return OneStep(env)


def mean_reward(env: Any, actions: list[int]) -> float:
    """What these actions, one for each context, are paid on average: the bandit says it in its info."""
    _, info = env.reset()
    return float(np.mean([info["offsets"][0][state][actions[state]] for state in range(STATES)]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--trials", type=int, nargs="+", default=[50, 100, 200, 400])
    arguments = parser.parse_args()
    rows: dict[str, list[list[float]]] = {}
    for seed in range(arguments.first, arguments.first + arguments.seeds):
        env = bandit(seed)
        env.reset(seed=seed)
        _, info = env.reset()
        paid = np.array([info["offsets"][0][state] for state in range(STATES)])
        rows.setdefault("random", []).append([float(paid.mean())] * len(arguments.trials))
        best = float(paid.mean(axis=0).max())
        rows.setdefault("constant", []).append([best] * len(arguments.trials))
        for method in ("reinforce", "ppo", "rm-rl"):
            env = bandit(seed)
            model = RoleModelRL(env, method, seed=seed, reward_range=(-3, 13))
            reached = []
            for trials in arguments.trials:
                model.learn(trials - model.num_trials)
                contexts = [np.array([state], np.float32) for state in range(STATES)]
                reached.append(mean_reward(env, [int(model.predict(one)[0]) for one in contexts]))
            rows.setdefault(method, []).append(reached)
    print(f"mean reward of {arguments.seeds} bandits, ± 1.96 standard errors")
    print("method    " + "".join(f"{trials:>7} trials" for trials in arguments.trials))
    for method, of_seeds in rows.items():
        table = np.array(of_seeds)
        half = 1.96 * table.std(axis=0, ddof=1) / np.sqrt(len(table))
        cells = [f"{mean:8.2f} ± {one:.2f}" for mean, one in zip(table.mean(axis=0), half)]
        print(f"{method:<10}" + " ".join(cells))


if __name__ == "__main__":
    main()
