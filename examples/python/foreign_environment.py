"""Role-model reinforcement learning on an environment that is not ours: the Fetch arm of gymnasium-robotics.

The arm has to bring its gripper to a point in the air. The environment controls it step by step; here a decision is one
motion, of five steps with the same displacement, and the reward is minus the distance at its end, in meters. The best motion
is another for each goal, so a constant one is no use.

    pip install "rmrl-robot[gym]" gymnasium-robotics "mujoco==3.4.0"
    python examples/python/foreign_environment.py --seeds 10
"""

from __future__ import annotations

import argparse
import itertools
from typing import Any

import gymnasium
import gymnasium_robotics  # type: ignore[import-untyped]
import numpy as np
from gymnasium import spaces
from gymnasium.wrappers import TransformObservation

from rmrl_robot.method import RoleModelRL
from rmrl_robot.one_step import HeldAction

gymnasium.register_envs(gymnasium_robotics)

REACH_M = 0.16
"""How far the gripper moves at the largest action, 1, in each direction: five steps of about 3.2 cm."""
NEAR_M = 0.05
"""So near the environment calls it a success."""


class ReportsDeviation(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Says after the motion by how much each dimension of the action was off: what hindsight needs."""

    def step(self, action: Any) -> Any:
        observation, reward, terminated, truncated, info = self.env.step(action)
        missed_m = observation["achieved_goal"] - observation["desired_goal"]
        # The fourth dimension opens the gripper, which does not matter here.
        info["deviation"] = [*(missed_m / REACH_M), 0.0]
        return observation, reward, terminated, truncated, info


def reach() -> Any:
    """The environment: the observation is where the goal is from the gripper, scaled to -1..1."""
    env = gymnasium.make("FetchReach-v4", reward_type="dense")
    env = ReportsDeviation(HeldAction(env, steps=5, reward="last"))
    seen = spaces.Box(-1.0, 1.0, (3,), np.float32)
    return TransformObservation(env, goal_from_gripper, seen)


def goal_from_gripper(observation: Any) -> Any:
    offset_m = observation["desired_goal"] - observation["achieved_goal"]
    return np.clip(offset_m / REACH_M, -1, 1).astype(np.float32)


def distances(env: Any, policy: Any, episodes: int) -> Any:
    """The distances from the goal at the ends of so many episodes, in meters: the same goals for every policy."""
    ends = []
    for episode in range(episodes):
        observation, _ = env.reset(seed=1_000_000 if episode == 0 else None)
        ends.append(-env.step(policy(observation))[1])
    return np.array(ends)


def greedy(model: Any) -> Any:
    """What a model has learned, without exploration."""
    return lambda seen: model.predict(seen)[0]


def best_constant(env: Any, episodes: int) -> Any:
    """Of 27 motions, the one that is nearest to the goals on average: those of the test, so it is flattered."""
    motions = [
        np.array([*one, 0], np.float32) for one in itertools.product((-0.4, 0.0, 0.4), repeat=3)
    ]
    means = [distances(env, lambda _, one=one: one, episodes).mean() for one in motions]
    return motions[int(np.argmin(means))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--trials", type=int, nargs="+", default=[100, 200, 400])
    parser.add_argument("--methods", nargs="+", default=["reinforce", "ppo", "rm-rl", "hindsight"])
    parser.add_argument("--episodes", type=int, default=100, help="test episodes")
    arguments = parser.parse_args()
    test = reach()
    constant = best_constant(test, arguments.episodes)
    ends = distances(test, lambda _: constant, arguments.episodes)
    print(f"best constant: {100 * ends.mean():.1f} cm, {100 * (ends < NEAR_M).mean():.0f} % near")
    test.action_space.seed(0)
    ends = distances(test, lambda _: test.action_space.sample(), arguments.episodes)
    print(f"random: {100 * ends.mean():.1f} cm, {100 * (ends < NEAR_M).mean():.0f} % near")
    print(f"mean distance in cm, and share near the goal, after training; {arguments.seeds} seeds")
    for method in arguments.methods:
        reached = []
        for seed in range(arguments.seeds):
            # The gripper has one candidate: it does nothing.
            model = RoleModelRL(
                reach(), method, seed=seed, bins=[9, 9, 9, 1], reward_range=(-0.3, 0)
            )
            of_seed = []
            for trials in arguments.trials:
                model.learn(trials - model.num_trials)
                ends = distances(test, greedy(model), arguments.episodes)
                of_seed.append((100 * ends.mean(), 100 * (ends < NEAR_M).mean()))
            reached.append(of_seed)
        for trials, table in zip(arguments.trials, np.array(reached).transpose(1, 0, 2)):
            # 1.96 standard errors of the mean over seeds.
            half = 1.96 * table.std(axis=0, ddof=1) / np.sqrt(len(table))
            (cm, near), (cm_half, near_half) = table.mean(axis=0), half
            print(
                f"{method:<10} {trials:>4} trials  {cm:5.1f} ± {cm_half:.1f} cm  {near:4.0f} ± {near_half:.0f} % near"
            )


if __name__ == "__main__":
    main()
