"""The arguments of ``RoleModelRL``, checked, and the configuration that they make."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from rmrl_robot import configuration
from rmrl_robot._method_actions import ActionCodec
from rmrl_robot._method_observations import ObservationCodec
from rmrl_robot._method_values import real_numbers, shown

METHODS = (
    "rm-rl",
    "hindsight",
    "reinforce",
    "replay",
    "actor-critic",
    "actor-critic-rm-rl",
    "ppo",
    "ppo-rm-rl",
)
"""The methods that learn in other environments; see ``rmrl methods``."""

GROUPINGS = ("similarity", "reported", "options", "trials")
"""Which states share a role model; see :class:`RoleModelRL`."""


def space_of(env: Any, name: str) -> Any:
    count = getattr(env, "num_envs", None)
    if count is not None:
        raise TypeError(f"{shown(env)} is a vector of {count} environments; expected a single one")
    space = getattr(env, name, None)
    if space is None:
        raise TypeError(f"{shown(env)} has no {name}; expected a Gymnasium environment")
    return space


def check_names(method: Any, grouping: Any) -> None:
    if not isinstance(method, str) or method not in METHODS:
        raise ValueError(f"method is {shown(method)}; expected one of {', '.join(METHODS)}")
    if not isinstance(grouping, str) or grouping not in GROUPINGS:
        raise ValueError(f"grouping is {shown(grouping)}; expected one of {', '.join(GROUPINGS)}")


def number_to(value: Any, name: str, most: float) -> float:
    expected = "a finite number from 0" if most == math.inf else f"a number from 0 to {most:g}"
    try:
        number = float(real_numbers(value).reshape(()))
    except (TypeError, ValueError):
        number = math.nan
    if not 0 <= number <= most or number == math.inf:
        raise ValueError(f"{name} is {shown(value)}; expected {expected}")
    return number


def exploration_share(share: float | None, method: str, actions: ActionCodec) -> float:
    if share is None:
        return 0.0 if "rm-rl" not in method else 0.1 if actions.is_ordered else 0.3
    return number_to(share, "exploration", 1)


def reward_bounds(bounds: Any) -> list[float] | None:
    if bounds is None:
        return None
    try:
        low, high = real_numbers(bounds).tolist()
    except (TypeError, ValueError):
        low = high = math.nan
    if not -math.inf < low < high < math.inf:
        raise ValueError(
            f"reward_range is {shown(bounds)}; expected (low, high), finite and rising"
        )
    return [low, high]


def setting_list(settings: Any) -> list[str]:
    if settings is not None and not isinstance(settings, Mapping):
        raise TypeError(
            f"settings is {shown(settings)}; expected a mapping of keys to values, such as "
            '{"policy.learning_rate": 1e-3}'
        )
    found = configuration.assignments(settings or {})
    for one in found:
        key = one.split("=", 1)[0]
        if key in ("method", "seed"):
            raise ValueError(
                f"settings has {key}; expected it as the argument {key} of RoleModelRL"
            )
    return found


def alike(notes: Mapping[str, Any], observations: ObservationCodec) -> float | None:
    """The largest distance of states that are alike; ``None`` for the states of a scene."""
    grouping = notes["grouping"]
    if grouping == "similarity" and observations.width == 0 and "rm-rl" in notes["method"]:
        raise ValueError(
            'grouping is "similarity", but the observation is an image alone and has no features; expected "reported", '
            '"options" or "trials"'
        )
    return float(notes["similar"]) if grouping in ("similarity", "reported") else None


def assignments(
    notes: Mapping[str, Any], observations: ObservationCodec, actions: ActionCodec
) -> list[str]:
    """The configuration of the trainer: defaults for other environments, then the user's settings."""
    given = dict(one.split("=", 1) for one in notes["settings"])
    sees_images = observations.sees_images and given.get("policy.view") != '"none"'
    values: dict[str, Any] = {
        "method": notes["method"],
        "policy.ood.abstain": False,
        "policy.label_sigma_bins": 1.0 if actions.is_ordered else 0.0,
        "schedule.refinements": 0,
        "policy.view": "global" if sees_images else "none",
        "policy.encoder.weights": "random",
        "policy.encoder.train": sees_images,
        "policy.encoder.image_size": 64,
    }
    if notes["trials_per_scene"] is not None:
        values["schedule.trials_per_scene"] = notes["trials_per_scene"]
    if not actions.can_refine and float(given.get("schedule.refinements", 0)) != 0:
        raise ValueError(
            "schedule.refinements is set, but the middle between two of these actions is none; expected 0"
        )
    if actions.is_joined and float(given.get("policy.label_sigma_bins", 0)) != 0:
        raise ValueError(
            "policy.label_sigma_bins is set, but joined dimensions have no neighbors; expected 0"
        )
    return configuration.assignments(values) + list(notes["settings"])
