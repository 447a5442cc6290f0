"""What a step costs: in Python beside the same step in Rust, and of two environments beside each other.

Run it alone on a machine with two cores or more: python python/benchmarks/env_step.py
"""

from __future__ import annotations

import argparse
import time
from concurrent.futures import ThreadPoolExecutor

import gymnasium
import numpy as np

from rmrl_robot.envs import TableEnv

MIDDLE = np.array([3, 3, 6])


def python_times(env: TableEnv, count: int) -> list[float]:
    """Seconds of each episode, driven from Python."""
    env.reset(seed=0)
    env.step(MIDDLE)
    times = []
    for _ in range(count):
        began = time.perf_counter()
        env.reset()
        env.step(MIDDLE)
        times.append(time.perf_counter() - began)
    return times


def rust_times(env: TableEnv, count: int) -> list[float]:
    """Seconds of each of the same episodes, made in Rust alone."""
    env.reset(seed=0)
    env.step(MIDDLE)
    middle = [float(values[one]) for values, one in zip(env.candidates, MIDDLE, strict=True)]
    return env._cell.time_episodes(count, middle)


def rate(episodes: int, began: float) -> float:
    """Episodes a second since then."""
    return episodes / (time.perf_counter() - began)


def threads(count: int) -> tuple[float, float]:
    """Episodes a second of one environment, and of two on two threads."""
    envs = [TableEnv(), TableEnv()]
    for env in envs:
        python_times(env, 1)
    began = time.perf_counter()
    [(envs[0].reset(), envs[0].step(MIDDLE)) for _ in range(count)]
    one = rate(count, began)

    def work(env: TableEnv) -> None:
        for _ in range(count):
            env.reset()
            env.step(MIDDLE)

    began = time.perf_counter()
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(work, envs))
    return one, rate(2 * count, began)


def processes(count: int) -> tuple[float, float]:
    """Episodes a second of AsyncVectorEnv with one environment, and with two."""
    rates = []
    for number in (1, 2):
        envs = gymnasium.make_vec("rmrl/Table-v0", num_envs=number, vectorization_mode="async")
        envs.reset(seed=0)
        actions = np.tile(MIDDLE, (number, 1))
        for _ in range(2):
            envs.step(actions)
        began = time.perf_counter()
        # An episode has one step, so every second call resets.
        for _ in range(2 * count):
            envs.step(actions)
        rates.append(rate(number * count, began))
        envs.close()
    return rates[0], rates[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--episodes", type=int, default=30)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    env = TableEnv()
    # The least of several times: what else the machine does only adds to them.
    pairs = [
        (python_times(env, arguments.episodes), rust_times(env, arguments.episodes))
        for _ in range(arguments.repeats)
    ]
    in_python, in_rust = (
        np.min([pair[side] for pair in pairs], axis=0).sum() / arguments.episodes for side in (0, 1)
    )
    overhead = 100 * (in_python / in_rust - 1)
    print(
        f"an episode takes {1e3 * in_python:.1f} ms in Python, {1e3 * in_rust:.1f} ms in Rust: {overhead:+.1f} %"
    )
    for name, (one, two) in (
        ("threads", threads(arguments.episodes)),
        ("AsyncVectorEnv", processes(arguments.episodes)),
    ):
        print(f"{name}: {one:.1f} episodes/s of one, {two:.1f} of two: {two / one:.2f} times")


if __name__ == "__main__":
    main()
