"""A wrapper that makes each step of a bandit an episode of its own. Needs gymnasium."""

from __future__ import annotations

from typing import Any, SupportsFloat

try:
    import gymnasium
except ImportError as error:
    raise ImportError('OneStep needs gymnasium: pip install "rmrl-robot[gym]"') from error


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
