"""Lets Stable-Baselines3 check our environments, and its PPO learn on one, beside our methods.

    pip install "rmrl_robot-*.whl[gym]" stable-baselines3
    python tools/sb3_learns.py [--steps 2000] [--seed 1] [--laboratory 3]

Every id passes `stable_baselines3.common.env_checker.check_env`. PPO and `RoleModelRL` see the same: the pose, scaled. After training each policy
is greedy in the same 40 episodes, which no training had. Prints the true error of each, and exits with 1 unless that of PPO is
below that of the *constant* offset, which an engineer measures in ten trials.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
import torch
from gymnasium import spaces
from gymnasium.wrappers import FilterObservation, FlattenObservation, TransformObservation
from stable_baselines3 import PPO
from stable_baselines3.common.env_checker import check_env

import rmrl_robot.envs  # noqa: F401, registers the ids
from rmrl_robot.method import RoleModelRL

TASK = "rmrl/Table-v0"
#: Seeds of the episodes that train, that measure the constant offset, and that judge.
TRAIN, MEASURE, JUDGE = 1, 500, 777
EPISODES = 40
Policy = Callable[[Any], Any]


def make(laboratory: int, actions: str = "discrete") -> Any:
    """The environment with the pose alone, about -1 to 1: a network learns nothing from 0.35 m."""
    env = gymnasium.make(TASK, laboratory=laboratory, actions=actions, disable_env_checker=True)
    flat = FlattenObservation(FilterObservation(env, ["pose"]))
    middle, half = np.array([0.34, -0.12, 0.0]), np.array([0.1, 0.1, 0.6])
    return TransformObservation(
        flat,
        lambda pose: np.clip((pose - middle) / half, -1, 1).astype(np.float32),
        spaces.Box(-1.0, 1.0, (3,), np.float32),
    )


def errors_mm(env: Any, policy: Policy) -> Any:
    """The true errors of the policy in the episodes that judge, in millimeters. A plate that is not placed counts as 20."""
    errors = []
    for episode in range(EPISODES):
        seen, _ = env.reset(seed=JUDGE if episode == 0 else None)
        info = env.step(policy(seen))[4]
        errors.append(1e3 * info["true_e_trans_m"])
    return np.nan_to_num(np.array(errors), nan=20.0)


def constant_offset(laboratory: int) -> Any:
    """What ten trials without a correction say on average about the right correction, in m, m and rad."""
    env = make(laboratory, "box")
    found = []
    for trial in range(10):
        env.reset(seed=MEASURE if trial == 0 else None)
        found.append(-env.step(np.zeros(3, np.float32))[4]["deviation"])
    most = env.action_space.high
    env.close()
    return np.clip(np.nanmean(found, axis=0), -most, most)


def check_ids() -> None:
    """Lets Stable-Baselines3 check every id of ours, with both kinds of actions."""
    ids = sorted(name for name in gymnasium.registry if name.startswith("rmrl/"))
    for name in ids:
        for actions in ("discrete", "box"):
            env = gymnasium.make(name, actions=actions, disable_env_checker=True).unwrapped
            # It warns that actions in meters are not from -1 to 1; `RescaleAction` does that.
            check_env(env, warn=False)
            env.close()
    print(f"Stable-Baselines3 checked {', '.join(ids)}", flush=True)


def ppo(laboratory: int, steps: int, seed: int) -> Policy:
    """PPO of Stable-Baselines3 after so many steps, each of which is an episode."""
    env = make(laboratory)
    env.reset(seed=TRAIN)
    model = PPO(
        "MlpPolicy",
        env,
        n_steps=100,
        batch_size=50,
        learning_rate=1e-3,
        gamma=0.0,
        gae_lambda=1.0,
        policy_kwargs={"net_arch": [32, 32]},
        seed=seed,
        device="cpu",
    )
    model.learn(steps)
    return lambda seen: model.predict(seen, deterministic=True)[0]


def ours(laboratory: int, method: str, trials: int, seed: int) -> Policy:
    """One of our methods after so many trials, with scenes and candidates that are refined twice, as in `rmrl train`."""
    model = RoleModelRL(
        make(laboratory, "box"),
        method,
        grouping="options",
        bins=[7, 7, 13],
        settings={"schedule.refinements": 2},
        seed=seed,
    )
    model.learn(trials)
    return lambda seen: model.predict(seen)[0]


def main() -> None:
    """Checks, trains and compares."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=2000, help="of PPO")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--laboratory", type=int, default=3)
    arguments = parser.parse_args()
    laboratory, steps, seed = arguments.laboratory, arguments.steps, arguments.seed
    torch.set_num_threads(1)
    check_ids()

    middle = make(laboratory).action_space.nvec // 2
    offset = constant_offset(laboratory)
    rows: list[tuple[str, int, str, Callable[[], Policy]]] = [
        ("no correction", 0, "discrete", lambda: lambda _: middle),
        ("constant offset", 10, "box", lambda: lambda _: offset),
        ("RM-RL", 150, "box", lambda: ours(laboratory, "rm-rl", 150, seed)),
        ("hindsight", 60, "box", lambda: ours(laboratory, "hindsight", 60, seed)),
        ("PPO of Stable-Baselines3", steps, "discrete", lambda: ppo(laboratory, steps, seed)),
    ]
    print(f"{'':26}{'trials':>8}{'mean mm':>10}{'median mm':>11}{'seconds':>9}")
    means = {}
    for name, trials, actions, train in rows:
        began = time.monotonic()
        policy = train()
        took_s = time.monotonic() - began
        env = make(laboratory, actions)
        errors = errors_mm(env, policy)
        env.close()
        means[name] = errors.mean()
        print(
            f"{name:26}{trials:8}{errors.mean():10.2f}{np.median(errors):11.2f}{took_s:9.0f}",
            flush=True,
        )
    if not means["PPO of Stable-Baselines3"] < means["constant offset"]:
        sys.exit("error: PPO did not get below the constant offset")


if __name__ == "__main__":
    main()
