"""Spaces of other environments, as the trainer takes them: features, an image, and the candidates of three heads."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

HEADS = 3
MOST_CANDIDATES = 4001
"""The most candidates of a head."""

Features = npt.NDArray[np.float32]
Image = npt.NDArray[np.uint8]


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


def _shown(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"an array of {value.dtype} with the shape {list(value.shape)}"
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]}..."


@dataclass(frozen=True)
class ObservationPart:
    """A leaf of an observation space.

    Attributes:
        path: The keys that lead to it.
        kind: ``image``, ``numbers`` (scaled to -1..1 where both bounds are finite) or ``choice`` (one-hot).
        shape: The shape of its array.
        low: Of numbers, the lower bounds, flat. Of choices, the first value of each.
        high: Of numbers, the upper bounds, flat. Of choices, one above the last value of each.
    """

    path: list[str | int]
    kind: str
    shape: list[int]
    low: list[float]
    high: list[float]

    @property
    def width(self) -> int:
        """The number of its features."""
        if self.kind == "choice":
            return sum(int(high - low) for low, high in zip(self.low, self.high))
        return len(self.low) if self.kind == "numbers" else 0

    def name(self) -> str:
        return "the observation" + "".join(f"[{key!r}]" for key in self.path)

    def of(self, observation: Any) -> Any:
        """This part of an observation."""
        for key in self.path:
            try:
                observation = observation[key]
            except (KeyError, IndexError, TypeError) as error:
                raise ValueError(f"{self.name()} is missing in {_shown(observation)}") from error
        return observation

    def features(self, value: Any) -> Features:
        """The features of a value of this part."""
        try:
            numbers = np.asarray(value, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise TypeError(
                f"{self.name()} is {_shown(value)}; expected numbers of the shape {self.shape}"
            ) from error
        if list(numbers.shape) != self.shape or not np.all(np.isfinite(numbers)):
            raise ValueError(
                f"{self.name()} is {_shown(numbers.tolist())}; expected finite numbers of the shape "
                f"{self.shape}"
            )
        flat, low, high = numbers.ravel(), np.array(self.low), np.array(self.high)
        if self.kind == "choice":
            if np.any(flat != np.round(flat)) or np.any(flat < low) or np.any(flat >= high):
                raise ValueError(
                    f"{self.name()} is {_shown(value)}; expected whole numbers from {self.low} to "
                    f"below {self.high}"
                )
            hot = [np.arange(first, last) == one for first, last, one in zip(low, high, flat)]
            return np.concatenate(hot).astype(np.float32)
        bounded = np.isfinite(low) & np.isfinite(high) & (low < high)
        middle = np.where(bounded, (np.where(bounded, low, 0) + np.where(bounded, high, 0)) / 2, 0)
        half = np.where(bounded, (np.where(bounded, high, 2) - np.where(bounded, low, 0)) / 2, 1)
        return np.asarray((flat - middle) / half, dtype=np.float32)


@dataclass(frozen=True)
class ObservationCodec:
    """What the trainer sees of observations: features, and at most one image."""

    parts: list[ObservationPart]

    @staticmethod
    def of(space: Any) -> ObservationCodec:
        """The codec of an observation space.

        Raises:
            TypeError: The trainer cannot see such a space.
        """
        parts = list(_parts(space, []))
        if sum(part.kind == "image" for part in parts) > 1:
            raise TypeError(
                f"the observation space {space} has several images; expected at most one"
            )
        return ObservationCodec(parts)

    @property
    def sees_images(self) -> bool:
        return any(part.kind == "image" for part in self.parts)

    @property
    def width(self) -> int:
        """The number of features; 0 for an image alone."""
        return sum(part.width for part in self.parts)

    def encode(self, observation: Any) -> tuple[Image | None, Features]:
        """The image, uint8 ``[height, width, 3]`` or ``None``, and the features, float32 ``[max(width, 1)]``."""
        image: Image | None = None
        features: list[Features] = []
        for part in self.parts:
            value = part.of(observation)
            if part.kind == "image":
                if not isinstance(value, np.ndarray) or list(value.shape) != part.shape:
                    raise ValueError(
                        f"{part.name()} is {_shown(value)}; expected uint8 with the shape {part.shape}"
                    )
                image = value
            else:
                features.append(part.features(value))
        # An image alone has a feature that says nothing.
        joined = np.concatenate(features) if self.width else np.zeros(1, dtype=np.float32)
        return image, joined.astype(np.float32)

    def to_json(self) -> list[dict[str, Any]]:
        # JSON has no infinity.
        def written(bounds: list[float]) -> list[float | str]:
            return [bound if math.isfinite(bound) else str(bound) for bound in bounds]

        return [
            {**asdict(part), "low": written(part.low), "high": written(part.high)}
            for part in self.parts
        ]

    @staticmethod
    def from_json(parts: Sequence[Mapping[str, Any]]) -> ObservationCodec:
        return ObservationCodec(
            [
                ObservationPart(
                    **{
                        **part,
                        "low": _floats(part["low"]),
                        "high": _floats(part["high"]),
                    }
                )
                for part in parts
            ]
        )


def _parts(space: Any, path: list[str | int]) -> list[ObservationPart]:
    spaces = gymnasium().spaces
    if isinstance(space, spaces.Dict):
        nested = [_parts(one, [*path, str(key)]) for key, one in space.spaces.items()]
        return list(itertools.chain.from_iterable(nested))
    if isinstance(space, spaces.Tuple):
        nested = [_parts(one, [*path, index]) for index, one in enumerate(space.spaces)]
        return list(itertools.chain.from_iterable(nested))
    if isinstance(space, spaces.Discrete):
        first = int(space.start)
        return [ObservationPart(path, "choice", [], [first], [first + int(space.n)])]
    if isinstance(space, spaces.MultiDiscrete):
        low = np.asarray(space.start).ravel()
        high = low + np.asarray(space.nvec).ravel()
        return [ObservationPart(path, "choice", list(space.shape), _floats(low), _floats(high))]
    if isinstance(space, spaces.MultiBinary):
        size = math.prod(space.shape)
        return [ObservationPart(path, "numbers", list(space.shape), [0.0] * size, [1.0] * size)]
    if isinstance(space, spaces.Box):
        shape = [int(side) for side in space.shape]
        if space.dtype == np.uint8 and len(shape) == 3 and shape[2] == 3:
            return [ObservationPart(path, "image", shape, [], [])]
        bounds = _floats(space.low.ravel()), _floats(space.high.ravel())
        return [ObservationPart(path, "numbers", shape, *bounds)]
    raise TypeError(
        f"the observation space has {space}; expected Box, Discrete, MultiDiscrete, MultiBinary, or a Dict or "
        "Tuple of these"
    )


def _floats(values: Any) -> list[float]:
    return [float(value) for value in values]


@dataclass(frozen=True)
class ActionCodec:
    """The dimensions of an action, each of candidates, and how three heads share them.

    Up to three dimensions have a head each. With more, neighboring dimensions are joined: the candidates of a joined
    head are all combinations of theirs.

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
            first = int(space.start)
            values = [_floats(range(first, first + int(space.n)))]
            kind, shape = "discrete", []
        elif isinstance(space, (spaces.MultiDiscrete, spaces.MultiBinary)):
            kind, shape = "multi", [int(side) for side in space.shape]
            binary = isinstance(space, spaces.MultiBinary)
            count = [2] * math.prod(shape) if binary else np.asarray(space.nvec).ravel().tolist()
            start = [0] * len(count) if binary else np.asarray(space.start).ravel().tolist()
            values = [_floats(range(first, first + n)) for first, n in zip(start, count)]
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
                of_heads.append(_floats(range(math.prod(sizes))))
        return of_heads + [[0.0]] * (HEADS - len(of_heads))

    def flat(self, of_heads: Sequence[float]) -> list[float]:
        """The value of each dimension, by the value of each head's candidate."""
        flat = [0.0] * len(self.values)
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
        off = np.asarray(deviation, dtype=np.float64).ravel()
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


def _box_values(
    space: Any, bins: int | Sequence[int], action_range: tuple[Any, Any] | None
) -> list[list[float]]:
    bounds = (space.low, space.high) if action_range is None else action_range
    low, high = (np.broadcast_to(np.asarray(one, float), space.shape).ravel() for one in bounds)
    if not (np.all(np.isfinite(low)) and np.all(np.isfinite(high)) and np.all(low < high)):
        raise ValueError(
            f"the actions are in {space} with the bounds {low.tolist()} and {high.tolist()}; expected finite bounds "
            "that rise: give action_range=(low, high)"
        )
    size = len(low)
    counts = [bins] * size if isinstance(bins, int) else [int(one) for one in bins]
    if len(counts) != size or min(counts) < 1:
        raise ValueError(f"bins is {bins}; expected a positive number, or {size} of them")
    integer = np.issubdtype(space.dtype, np.integer)
    of_dimensions = []
    for least, most, count in zip(low.tolist(), high.tolist(), counts):
        values = np.linspace(least, most, count) if count > 1 else np.array([(least + most) / 2])
        of_dimensions.append(_floats(np.unique(np.round(values)) if integer else values))
    return of_dimensions


def _shared(sizes: Sequence[int]) -> list[list[int]]:
    """The dimensions of each head: runs of neighbors with as few combinations as possible, in the largest head first."""
    if not sizes:
        raise ValueError("the action space has no dimension; expected at least one")
    count = len(sizes)
    if count <= HEADS:
        return [[dimension] for dimension in range(count)]

    def runs(first: int, second: int) -> list[list[int]]:
        edges = [0, first, second, count]
        return [list(range(start, end)) for start, end in itertools.pairwise(edges)]

    def combinations(heads: Sequence[Sequence[int]]) -> tuple[int, int]:
        of_heads = [math.prod(sizes[dimension] for dimension in head) for head in heads]
        return max(of_heads), sum(of_heads)

    edges = itertools.combinations(range(1, count), HEADS - 1)
    heads = min((runs(first, second) for first, second in edges), key=combinations)
    most, _ = combinations(heads)
    if most > MOST_CANDIDATES:
        raise ValueError(
            f"{count} action dimensions of {list(sizes)} candidates make {most} combinations in a head; "
            f"expected at most {MOST_CANDIDATES}: give fewer bins"
        )
    return heads
