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


def in_turn(count: int) -> tuple[list[float], list[float]]:
    """Seconds of each episode driven from Python, and of the same episode made in Rust alone right before or after it."""
    python, rust = TableEnv(), TableEnv()
    for env in (python, rust):
        env.reset(seed=0)
        env.step(MIDDLE)
    middle = rust._correction(MIDDLE)
    times: tuple[list[float], list[float]] = ([], [])

    def in_python() -> None:
        began = time.perf_counter()
        python.reset()
        python.step(MIDDLE)
        times[0].append(time.perf_counter() - began)

    def in_rust() -> None:
        times[1].extend(rust._cell.time_episodes(1, middle))

    for number in range(count):
        # The second of two finds warmer caches.
        for make in (in_python, in_rust) if number % 2 else (in_rust, in_python):
            make()
    return times


def rate(episodes: int, began: float) -> float:
    """Episodes a second since then."""
    return episodes / (time.perf_counter() - began)


def threads(count: int) -> tuple[float, float]:
    """Episodes a second of one environment, and of two on two threads."""
    envs = [TableEnv(), TableEnv()]

    def work(env: TableEnv) -> None:
        for _ in range(count):
            env.reset()
            env.step(MIDDLE)

    def together(envs: list[TableEnv]) -> float:
        for env in envs:
            env.reset(seed=0)
            env.step(MIDDLE)
        began = time.perf_counter()
        with ThreadPoolExecutor(len(envs)) as pool:
            list(pool.map(work, envs))
        return rate(len(envs) * count, began)

    return together(envs[:1]), together(envs)


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
    # The same episodes again and again; the least of the times of each, because what else the machine does only adds to them.
    times = np.array([in_turn(arguments.episodes) for _ in range(2 * arguments.repeats)])
    python, rust = times.min(axis=0).mean(axis=1)
    noise = (times[:, 1] / times[:, 1].min(axis=0) - 1).std()
    print(
        f"an episode takes {1e3 * rust:.1f} ms in Rust, and {1e3 * (python - rust):.2f} ms more in Python: "
        f"{100 * (python / rust - 1):+.1f} %; single episodes scatter by {100 * noise:.0f} %"
    )
    for name, measure in (("threads", threads), ("AsyncVectorEnv", processes)):
        rates = np.array([measure(arguments.episodes) for _ in range(arguments.repeats)])
        one, two = np.median(rates, axis=0)
        print(
            f"{name}: {one:.1f} episodes/s of one, {two:.1f} of two: {np.median(rates[:, 1] / rates[:, 0]):.2f} times"
        )


if __name__ == "__main__":
    main()
