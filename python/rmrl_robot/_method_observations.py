"""Observations of other environments, as the trainer takes them: features, and at most one image."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from rmrl_robot._method_values import ENDLESS, LARGEST, floats, gymnasium, real_numbers, shown

Features = npt.NDArray[np.float32]
Image = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class ObservationPart:
    """A leaf of an observation space.

    Attributes:
        path: The keys that lead to it.
        kind: ``image``, ``numbers`` (scaled to -1..1 where both bounds are below 1e30) or ``choice`` (one-hot).
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
                raise ValueError(f"{self.name()} is missing in {shown(observation)}") from error
        return observation

    def rows(self, value: Any) -> int | None:
        """How many values a batch of this part has; ``None`` for a single value, and for what is neither."""
        try:
            shape = list(np.shape(value))
        except ValueError:
            return None
        return int(shape[0]) if shape and shape[1:] == self.shape and shape != self.shape else None

    def image(self, value: Any) -> Image:
        """An image of this part: a copy, because environments draw the next one into the same array."""
        if (
            not isinstance(value, np.ndarray)
            or value.dtype != np.uint8
            or list(value.shape) != self.shape
        ):
            raise ValueError(
                f"{self.name()} is {shown(value)}; expected an array of uint8 with the shape {self.shape}"
            )
        return np.array(value)

    def features(self, value: Any) -> Features:
        """The features of a value of this part."""
        expected = f"expected finite numbers of the shape {self.shape}"
        try:
            given = real_numbers(value)
        except TypeError as error:
            raise TypeError(f"{self.name()} is {shown(value)}; {expected}") from error
        if list(given.shape) != self.shape or not np.all(np.isfinite(given)):
            raise ValueError(f"{self.name()} is {shown(value)}; {expected}")
        flat, low, high = given.ravel(), np.array(self.low), np.array(self.high)
        if self.kind == "choice":
            if np.any(flat != np.round(flat)) or np.any(flat < low) or np.any(flat >= high):
                raise ValueError(
                    f"{self.name()} is {shown(value)}; expected whole numbers from {self.low} to "
                    f"below {self.high}"
                )
            hot = [np.arange(first, last) == one for first, last, one in zip(low, high, flat)]
            return np.concatenate(hot).astype(np.float32)
        bounded = (np.abs(low) < ENDLESS) & (np.abs(high) < ENDLESS) & (low < high)
        middle = np.where(bounded, (np.where(bounded, low, 0) + np.where(bounded, high, 0)) / 2, 0)
        half = np.where(bounded, (np.where(bounded, high, 2) - np.where(bounded, low, 0)) / 2, 1)
        scaled = (flat - middle) / half
        if np.any(np.abs(scaled) > LARGEST):
            raise ValueError(
                f"{self.name()} is {shown(value)}, beyond {LARGEST:g} times its bounds, which are 1 where the space has none; "
                "expected scaled numbers: gymnasium.wrappers.TransformObservation scales them"
            )
        return np.asarray(scaled, dtype=np.float32)


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
        if not any(part.width or part.kind == "image" for part in parts):
            raise TypeError(f"the observation space {space} is empty; expected numbers or an image")
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
        return self._encode([part.of(observation) for part in self.parts])

    def encode_rows(self, observations: Any) -> list[tuple[Image | None, Features]] | None:
        """Each observation of a batch, whose parts have a first dimension more; ``None`` for a single observation."""
        values = [part.of(observations) for part in self.parts]
        rows = {part.rows(value) for part, value in zip(self.parts, values)}
        if len(rows) != 1 or None in rows:
            return None
        (count,) = rows
        return [self._encode([value[row] for value in values]) for row in range(count or 0)]

    def _encode(self, values: Sequence[Any]) -> tuple[Image | None, Features]:
        image: Image | None = None
        features: list[Features] = []
        for part, value in zip(self.parts, values):
            if part.kind == "image":
                image = part.image(value)
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
                        "low": floats(part["low"]),
                        "high": floats(part["high"]),
                    }
                )
                for part in parts
            ]
        )


def _parts(space: Any, path: list[str | int]) -> list[ObservationPart]:
    spaces = gymnasium().spaces
    if isinstance(space, spaces.Dict):
        for key in space.spaces:
            if isinstance(key, bool) or not isinstance(key, (str, int)):
                raise TypeError(
                    f"the observation space has the key {key!r}; expected a string or an int"
                )
        nested = [_parts(one, [*path, key]) for key, one in space.spaces.items()]
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
        return [ObservationPart(path, "choice", list(space.shape), floats(low), floats(high))]
    if isinstance(space, spaces.MultiBinary):
        size = math.prod(space.shape)
        return [ObservationPart(path, "numbers", list(space.shape), [0.0] * size, [1.0] * size)]
    if isinstance(space, spaces.Box):
        shape = [int(side) for side in space.shape]
        if space.dtype == np.uint8 and len(shape) == 3 and shape[2] == 3:
            return [ObservationPart(path, "image", shape, [], [])]
        bounds = floats(space.low.ravel()), floats(space.high.ravel())
        return [ObservationPart(path, "numbers", shape, *bounds)]
    raise TypeError(
        f"the observation space has {space}; expected Box, Discrete, MultiDiscrete, MultiBinary, or a Dict or "
        "Tuple of these"
    )
