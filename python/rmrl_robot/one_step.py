"""Wrappers that make episodes of one step: of a bandit, and of an environment that holds an action. Need gymnasium."""

from __future__ import annotations

from typing import Any, SupportsFloat

try:
    import gymnasium
except ImportError as error:
    raise ImportError(
        'OneStep and HeldAction need gymnasium: pip install "rmrl-robot[gym]"'
    ) from error


class OneStep(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Each step of a bandit as an episode.

    Bandits go on for as many steps as you like: the observation after a step is the context of the next one. Here ``step``
    ends the episode, and ``reset`` returns that observation. The bandit itself is reset only once, and when ``reset`` gets a
    seed: many bandits draw other rewards when they are reset.

    Only for environments in which an action has no effect on what comes after the next reward.
    """

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        super().__init__(env)
        self._next: tuple[Any, dict[str, Any]] | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """The next context, and what the bandit said beside it."""
        if self._next is None or seed is not None:
            self._next = self.env.reset(seed=seed, options=options)
        return self._next

    def step(self, action: Any) -> tuple[Any, SupportsFloat, bool, bool, dict[str, Any]]:
        """A step that ends the episode."""
        if self._next is None:
            raise gymnasium.error.ResetNeeded("step() before reset(); expected a reset first")
        observation, reward, terminated, truncated, info = self.env.step(action)
        # A bandit that has really ended is reset by the next episode.
        self._next = None if terminated or truncated else (observation, info)
        return observation, reward, True, False, info


class HeldAction(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Episodes of one decision: the action is held for some steps of the environment, and then the episode ends.

    Makes a motion of an environment that is controlled step by step, such as a robot whose action is the displacement of one
    step. Every ``reset`` resets the environment.

    Args:
        env: An environment of episodes of at least ``steps`` steps. One that ends earlier ends the episode, too.
        steps: The number of steps, from 1.
        reward: ``"sum"`` of the rewards of these steps, or the ``"last"`` one, such as a distance at the end.
    """

    def __init__(self, env: gymnasium.Env[Any, Any], steps: int, reward: str = "sum") -> None:
        super().__init__(env)
        if not isinstance(steps, int) or steps < 1:
            raise ValueError(f"steps is {steps!r}; expected a whole number from 1")
        if reward not in ("sum", "last"):
            raise ValueError(f'reward is {reward!r}; expected "sum" or "last"')
        self._steps = steps
        self._sums = reward == "sum"

    def step(self, action: Any) -> tuple[Any, SupportsFloat, bool, bool, dict[str, Any]]:
        """The observation and the info of the last step, and the reward; the episode has ended."""
        total = 0.0
        for _ in range(self._steps):
            observation, reward, terminated, truncated, info = self.env.step(action)
            total = total + float(reward) if self._sums else float(reward)
            if terminated or truncated:
                break
        return observation, total, True, False, info
