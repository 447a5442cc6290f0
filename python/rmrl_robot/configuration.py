"""Configurations: keys and values as ``rmrl config`` prints them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rmrl_robot import _native
from rmrl_robot.errors import ConfigurationError


def assignments(values: Mapping[str, Any]) -> list[str]:
    """The assignments ``key=value`` of nested or dotted keys.

    Examples:
        >>> assignments({"trials": 30, "task": {"kind": "shelf"}})
        ['trials=30', 'task.kind="shelf"']
    """
    if not isinstance(values, Mapping):
        raise ConfigurationError(
            f"the configuration is {values!r}; expected a mapping of keys and values, such as {{'trials': 30}}"
        )
    return [f"{key}={_toml(key, value)}" for key, value in _leaves(values, "")]


def resolve(
    values: Mapping[str, Any] | None = None, *, file: str | os.PathLike[str] | None = None
) -> str:
    """The complete configuration as TOML: the defaults, then a file, then single values.

    Raises:
        ConfigurationError: A key or a value is invalid; the message says what was expected.
    """
    path = None if file is None else os.fspath(file)
    return _native.resolve_configuration(path, assignments(values or {}))


def _leaves(values: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if not isinstance(key, str):
            raise ConfigurationError(
                f"the key {key!r} is a {type(key).__name__}; expected a string"
            )
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def _toml(key: str, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, os.PathLike)):
        return json.dumps(os.fspath(value), ensure_ascii=False)
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, Sequence):
        return f"[{', '.join(_toml(key, one) for one in value)}]"
    raise ConfigurationError(
        f"{key} is {value!r}; expected a number, a string, a boolean, a list or a mapping of these"
    )
