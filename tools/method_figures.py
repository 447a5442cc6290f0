"""Figures of docs/python/method.md: how many trials each method needs on the test's own environment.

    python tools/method_figures.py --seeds 10
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "python" / "tests"))

from test_method import Throw, greedy, random_reward

from rmrl_robot.method import RoleModelRL


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--trials", type=int, nargs="+", default=[50, 100, 200, 400])
    parser.add_argument("--dimensions", type=int, default=2)
    arguments = parser.parse_args()
    env = Throw(arguments.dimensions)
    print(f"random: {random_reward(env, 2000):.3f}")
    print("method             " + "".join(f"{trials:>8} trials" for trials in arguments.trials))
    for method in ("reinforce", "actor-critic", "ppo", "rm-rl", "hindsight"):
        table = []
        for seed in range(arguments.seeds):
            model = RoleModelRL(Throw(arguments.dimensions), method, seed=seed)
            reached = []
            for trials in arguments.trials:
                model.learn(trials - model.num_trials)
                reached.append(greedy(model, Throw(arguments.dimensions)))
            table.append(reached)
        means, errors = np.mean(table, 0), np.std(table, 0, ddof=1) / np.sqrt(len(table))
        cells = [f"{mean:8.3f} ± {error:.3f}" for mean, error in zip(means, errors, strict=True)]
        print(f"{method:<18}" + " ".join(cells), flush=True)


if __name__ == "__main__":
    main()
