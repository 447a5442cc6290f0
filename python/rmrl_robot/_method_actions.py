"""Actions of other environments, as the trainer takes them: the candidates of three heads."""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from rmrl_robot._method_values import ENDLESS, floats, gymnasium, real_numbers, shown

HEADS = 3
MOST_CANDIDATES = 4001
"""The most candidates of a head."""
MOST_DIMENSIONS = 64
"""The most dimensions of an action; the candidates of so many are more than the heads can have."""


@dataclass(frozen=True)
class ActionCodec:
    """The dimensions of an action, each of candidates, and how three heads share them.

    A dimension of one candidate has no head, because nothing is to be chosen. Up to three others have a head each. With
    more, neighboring dimensions are joined: the candidates of a joined head are all combinations of theirs.

    Attributes:
        kind: ``discrete``, ``multi`` or ``box``.
        shape: The shape of an action.
        dtype: The type of an action's array.
        values: The candidates of each dimension, rising.
        heads: The dimensions of each head, in order.
    """

    kind: str
    shape: list[int]
    dtype: str
    values: list[list[float]]
    heads: list[list[int]] = field(default_factory=list)

    @staticmethod
    def of(
        space: Any,
        bins: int | Sequence[int],
        action_range: tuple[Any, Any] | None,
    ) -> ActionCodec:
        """The codec of an action space, with a Box in ``bins`` evenly spaced values of each dimension.

        Raises:
            TypeError: The space has no candidates.
            ValueError: The space is not bounded, or has too many candidates.
        """
        spaces = gymnasium().spaces
        if isinstance(space, spaces.Discrete):
            kind, shape = "discrete", []
            values = [_choices(int(space.start), int(space.n))]
        elif isinstance(space, (spaces.MultiDiscrete, spaces.MultiBinary)):
            kind, shape = "multi", [int(side) for side in space.shape]
            binary = isinstance(space, spaces.MultiBinary)
            count = [2] * math.prod(shape) if binary else np.asarray(space.nvec).ravel().tolist()
            start = [0] * len(count) if binary else np.asarray(space.start).ravel().tolist()
            values = [_choices(first, n) for first, n in zip(start, count)]
        elif isinstance(space, spaces.Box):
            kind, shape = "box", [int(side) for side in space.shape]
            values = _box_values(space, bins, action_range)
        else:
            raise TypeError(
                f"the action space is {space}; expected Discrete, MultiDiscrete, MultiBinary or Box"
            )
        dtype = np.dtype(space.dtype).name
        return ActionCodec(kind, shape, dtype, values, _shared([len(one) for one in values]))

    @property
    def is_joined(self) -> bool:
        """Whether a head has several dimensions."""
        return any(len(dimensions) > 1 for dimensions in self.heads)

    @property
    def is_ordered(self) -> bool:
        """Whether the neighbors of a good candidate are nearly as good: separate dimensions of a Box."""
        return self.kind == "box" and not self.is_joined

    @property
    def can_refine(self) -> bool:
        """Whether the middle between two candidates is an action, too."""
        return self.is_ordered and np.issubdtype(np.dtype(self.dtype), np.floating)

    def candidates(self) -> list[list[float]]:
        """The candidates of each head: the values of its dimension, or the numbers of the combinations."""
        of_heads = []
        for dimensions in self.heads:
            if len(dimensions) == 1:
                of_heads.append(self.values[dimensions[0]])
            else:
                sizes = [len(self.values[dimension]) for dimension in dimensions]
                of_heads.append(floats(range(math.prod(sizes))))
        return of_heads + [[0.0]] * (HEADS - len(of_heads))

    def flat(self, of_heads: Sequence[float]) -> list[float]:
        """The value of each dimension, by the value of each head's candidate."""
        flat = [values[0] for values in self.values]
        for dimensions, value in zip(self.heads, of_heads):
            if len(dimensions) == 1:
                flat[dimensions[0]] = value
                continue
            number = int(value)
            for dimension in reversed(dimensions):
                number, digit = divmod(number, len(self.values[dimension]))
                flat[dimension] = self.values[dimension][digit]
        return flat

    def action(self, of_heads: Sequence[float]) -> Any:
        """The environment's action: an int, or an array of its shape and type."""
        flat = self.flat(of_heads)
        if self.kind == "discrete":
            return np.int64(flat[0])
        return np.array(flat, dtype=np.dtype(self.dtype)).reshape(self.shape)

    def best(self, of_heads: Sequence[float], deviation: Any) -> list[float | None]:
        """The value of each head that would have been best, by how far off each dimension was; ``None`` where unknown."""
        off = real_numbers(deviation).ravel()
        best = [value - one for value, one in zip(self.flat(of_heads), off)]
        found: list[float | None] = []
        for dimensions in self.heads:
            if any(math.isnan(best[dimension]) for dimension in dimensions):
                found.append(None)
            elif len(dimensions) == 1:
                found.append(best[dimensions[0]])
            else:
                number = 0
                for dimension in dimensions:
                    values = self.values[dimension]
                    digit = int(np.argmin(np.abs(np.array(values) - best[dimension])))
                    number = number * len(values) + digit
                found.append(float(number))
        return found + [None] * (HEADS - len(found))

    def marginals(
        self, of_heads: Sequence[npt.NDArray[np.float32]]
    ) -> list[npt.NDArray[np.float32]]:
        """The probabilities of each dimension's candidates, by those of each head's."""
        marginals: list[npt.NDArray[np.float32]] = [np.ones(1, np.float32)] * len(self.values)
        for dimensions, probabilities in zip(self.heads, of_heads):
            if len(dimensions) == 1:
                marginals[dimensions[0]] = probabilities
                continue
            table = probabilities.reshape([len(self.values[one]) for one in dimensions])
            for axis, dimension in enumerate(dimensions):
                others = tuple(other for other in range(len(dimensions)) if other != axis)
                marginals[dimension] = table.sum(axis=others)
        return marginals

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @staticmethod
    def from_json(codec: Mapping[str, Any]) -> ActionCodec:
        return ActionCodec(**codec)


def _choices(first: int, count: int) -> list[float]:
    if count > MOST_CANDIDATES:
        raise ValueError(
            f"a dimension of the action has {count} choices; expected at most {MOST_CANDIDATES}"
        )
    return floats(range(first, first + count))


def _box_values(
    space: Any, bins: int | Sequence[int], action_range: tuple[Any, Any] | None
) -> list[list[float]]:
    low, high = _box_bounds(space, action_range)
    size = low.size
    try:
        given = [operator.index(one) for one in np.ravel(np.asarray(bins)).tolist()]
    except (TypeError, ValueError):
        given = []
    counts = given * size if np.ndim(bins) == 0 else given
    if len(counts) != size or any(not 1 <= one <= MOST_CANDIDATES for one in counts):
        raise ValueError(
            f"bins is {shown(bins)}; expected a whole number from 1 to {MOST_CANDIDATES}, or {size} of them, one for each "
            "dimension"
        )
    integer = np.issubdtype(space.dtype, np.integer)
    of_dimensions = []
    for least, most, count in zip(low.tolist(), high.tolist(), counts):
        values = np.linspace(least, most, count) if count > 1 else np.array([(least + most) / 2])
        of_dimensions.append(floats(np.unique(np.round(values)) if integer else values))
    return of_dimensions


def _box_bounds(
    space: Any, action_range: tuple[Any, Any] | None
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The lowest and the highest value of each dimension."""
    expected = (
        "expected (low, high), finite and rising, each a number or an array of the action's shape"
    )
    bounds = (space.low, space.high) if action_range is None else action_range
    try:
        given_low, given_high = bounds
        low = np.broadcast_to(real_numbers(given_low), space.shape).ravel()
        high = np.broadcast_to(real_numbers(given_high), space.shape).ravel()
    except (TypeError, ValueError) as error:
        raise ValueError(f"action_range is {shown(action_range)}; {expected}") from error
    if not (
        np.all(np.abs(low) < ENDLESS) and np.all(np.abs(high) < ENDLESS) and np.all(low < high)
    ):
        raise ValueError(
            f"the actions are in {shown(space)} with the bounds {shown(low.tolist())} and {shown(high.tolist())}; expected "
            "finite bounds that rise: give action_range=(low, high)"
        )
    # A range that was rounded to the type of the space is inside.
    slack = 1e-6 * (high - low)
    if np.any(low < space.low.ravel() - slack) or np.any(high > space.high.ravel() + slack):
        raise ValueError(
            f"action_range is {shown(action_range)}, but the environment takes actions in {shown(space)}; expected a range "
            "inside of it"
        )
    return np.clip(low, space.low.ravel(), None), np.clip(high, None, space.high.ravel())


def _shared(sizes: Sequence[int]) -> list[list[int]]:
    """The dimensions of each head: runs of neighbors with as few combinations as possible, in the largest head first."""
    if not sizes or len(sizes) > MOST_DIMENSIONS:
        raise ValueError(
            f"the action space has {len(sizes)} dimensions; expected 1 to {MOST_DIMENSIONS}"
        )
    free = [dimension for dimension, size in enumerate(sizes) if size > 1]
    count = len(free)
    if count <= HEADS:
        return [[dimension] for dimension in free or [0]]

    def runs(first: int, second: int) -> list[list[int]]:
        edges = [0, first, second, count]
        return [free[start:end] for start, end in itertools.pairwise(edges)]

    def combinations(heads: Sequence[Sequence[int]]) -> tuple[int, int]:
        of_heads = [math.prod(sizes[dimension] for dimension in head) for head in heads]
        return max(of_heads), sum(of_heads)

    edges = itertools.combinations(range(1, count), HEADS - 1)
    heads = min((runs(first, second) for first, second in edges), key=combinations)
    most, _ = combinations(heads)
    if most > MOST_CANDIDATES:
        raise ValueError(
            f"{count} action dimensions of {[sizes[one] for one in free]} candidates make {most} combinations in a head; "
            f"expected at most {MOST_CANDIDATES}: give fewer bins"
        )
    return heads
