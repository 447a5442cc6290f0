"""Values that others give, checked: their types, and how a message shows them."""

from __future__ import annotations

import numbers
import operator
from typing import Any

import numpy as np
import numpy.typing as npt

ENDLESS = 1e30
"""A bound this large is none: many spaces have the largest float32 where they mean infinity."""
LARGEST = 1e6
"""The largest feature and reward. A network cannot learn from larger ones."""


def gymnasium() -> Any:
    """The package gymnasium.

    Raises:
        ImportError: It is not installed; the message names the extra that brings it.
    """
    try:
        import gymnasium as package
    except ImportError as error:
        raise ImportError(
            'an environment needs gymnasium: pip install "rmrl-robot[gym]"'
        ) from error
    return package


def shown(value: Any) -> str:
    """A value in a message: short, and an array by its type and shape where it is long."""
    if isinstance(value, np.ndarray) and value.size > 8:
        return f"an array of {value.dtype} with the shape {list(value.shape)}"
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]}..."


def real_numbers(value: Any) -> npt.NDArray[np.float64]:
    """A value as float64; what is masked or ``None`` is NaN.

    Raises:
        TypeError: It is no number, nor an array or a sequence of numbers: text, complex numbers, dates, ragged rows.
    """
    try:
        if isinstance(value, np.ma.MaskedArray):
            return np.asarray(np.ma.filled(value.astype(np.float64), np.nan))
        array = np.asarray(value)
        flat = array.ravel() if array.dtype.kind == "O" else ()
        if array.dtype.kind in "biufO" and all(
            one is None or isinstance(one, (numbers.Real, np.bool_)) for one in flat
        ):
            return array.astype(np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise TypeError(str(error)) from error
    raise TypeError(f"{array.dtype} is no type of real numbers")


def whole_number(value: Any, name: str, least: int, most: int) -> int:
    """An argument as an int.

    Raises:
        ValueError: It is no whole number from ``least`` to ``most``.
    """
    try:
        number = None if isinstance(value, (bool, np.bool_)) else operator.index(value)
    except TypeError:
        number = None
    if number is None or not least <= number <= most:
        raise ValueError(
            f"{name} is {shown(value)}; expected a whole number from {least} to {most}"
        )
    return number


def floats(values: Any) -> list[float]:
    """Values as a list of floats."""
    return [float(value) for value in values]
