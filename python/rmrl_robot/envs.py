"""Simulated cells as Gymnasium environments: one picture, one correction, one outcome.

Importing this module registers the ids ``rmrl/Table-v0``, ``rmrl/Shelf-v0``, ``rmrl/Laboratory-v0`` and ``rmrl/Lid-v0``. It needs the extra ``gym``:
``pip install "rmrl-robot[gym]"``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from rmrl_robot import _native, gymnasium_ids
from rmrl_robot.configuration import assignments

try:
    import gymnasium
    from gymnasium import spaces
    from gymnasium.error import ResetNeeded
except ImportError as error:
    raise ImportError(
        'the environments need Gymnasium: pip install "rmrl-robot[gym]"', name="gymnasium"
    ) from error

__all__ = ["CorrectionEnv", "LaboratoryEnv", "LidEnv", "ShelfEnv", "TableEnv"]

Observation = dict[str, npt.NDArray[Any]]

#: No camera of a cell sees farther than this from the arm's base, in meters.
_FARTHEST_M = 2.0
#: By how much rounding to float32 may take an action beyond its space, in meters and radians.
_ROUNDING = 1e-7


class CorrectionEnv(gymnasium.Env[Observation, npt.NDArray[Any]]):
    """A simulated cell whose arm picks where the camera sees a plate, corrected by the action.

    An episode has one step. The observation is a dictionary:

    - ``image``: what the overhead camera sees, uint8 ``[H, W, 3]``
    - ``pose``: where the plate was localized in it, float32 ``[3]``: x and y in meters and yaw in radians, in the frame of the
      arm's base

    The action is a correction of the pick, in the same frame: for ``actions="discrete"`` the candidates of x, y and yaw, counted
    from 0 (``candidates`` has their values), for ``actions="box"`` meters, meters and radians. The reward is Eq. 11 of the paper:
    1 for a plate exactly on its target, 0 for one that was not placed.

    Args:
        laboratory: The seed of the simulated laboratory: what its camera, tool and arm err by, its light and its plates.
        difficulty: Times the errors of camera, tool and arm: 1 for the project's distribution of cells, 0 for none.
        actions: ``"discrete"`` or ``"box"``.
        config: More keys of the configuration, nested or dotted, such as ``{"actions.translation_bins": 9}``.
        render_mode: ``"rgb_array"`` lets ``render`` return the picture that was seen last.

    Raises:
        ConfigurationError: A key or a value is invalid; the message says what was expected.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 1}  # noqa: RUF012
    #: The keys of the configuration that make the task.
    task: ClassVar[Mapping[str, Any]] = {}
    #: What a laboratory moves, from where, and to where.
    _transfer: tuple[str, str, str] | None = None

    def __init__(
        self,
        *,
        laboratory: int = 0,
        difficulty: float = 1.0,
        actions: Literal["discrete", "box"] = "discrete",
        config: Mapping[str, Any] | None = None,
        render_mode: str | None = None,
    ) -> None:
        if render_mode is not None and render_mode not in self.metadata["render_modes"]:
            raise ValueError(f"render_mode is {render_mode!r}; expected None or 'rgb_array'")
        if actions not in ("discrete", "box"):
            raise ValueError(f"actions is {actions!r}; expected 'discrete' or 'box'")
        self.render_mode = render_mode
        defaults = {"method": "rm-rl", "schedule.trials_per_scene": 1, "cell.seed": laboratory}
        keys = assignments({**defaults, **self.task}) + assignments(config or {})
        self._cell = _native.Environment(keys, float(difficulty), self._transfer)
        #: The candidates of x and y in meters, and of yaw in radians.
        self.candidates = [np.asarray(values) for values in self._cell.candidates()]
        self._values = [values.tolist() for values in self.candidates]
        self._most = np.array([np.abs(values).max() for values in self.candidates])
        self._is_discrete = actions == "discrete"
        self.action_space = self._actions()
        self._unit = self._unit_of_actions()
        height, width = self._cell.image_size()
        far = np.array([_FARTHEST_M, _FARTHEST_M, np.pi], np.float32)
        self._poses = spaces.Box(-far, far, dtype=np.float32)
        self.observation_space = spaces.Dict(  # type: ignore[assignment]
            {
                "image": spaces.Box(0, 255, (height, width, 3), np.uint8),
                "pose": self._poses,
            }
        )
        self._is_begun = False
        self._picture: npt.NDArray[np.uint8] | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Begins an episode.

        Args:
            seed: Begins again with the placements and the noise of this seed. Without one the episodes continue.
            options: ``{"scene": n}`` starts near where other episodes of the scene ``n`` do, counted from 1.

        Returns:
            The observation, and an info with ``trial``, ``scene`` and ``faults``.

        Raises:
            Fault: No attempt succeeded.
        """
        scene = _scene(options)
        super().reset(seed=seed)
        self._is_begun = False
        if seed is not None or not self._cell.is_running():
            begin = int(self.np_random.integers(2**32)) if seed is None else seed
            if begin >= 2**64:
                raise ValueError(f"the seed is {begin}; expected less than 2**64")
            self._cell.start(begin)
        image, pose, info = self._cell.reset(scene)
        self._is_begun = True
        return self._seen(image, pose), info

    def step(
        self, action: npt.NDArray[Any]
    ) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Ends the episode with a correction.

        Returns:
            The observation after placing, the reward, ``terminated`` (always), ``truncated`` (never), and an info.

        Raises:
            ResetNeeded: No episode has begun.
            Fault: No attempt succeeded.
        """
        if not self._is_begun:
            raise ResetNeeded("an episode has one step: call `reset` before each `step`")
        correction = self._correction(action)
        self._is_begun = False
        image, pose, reward, info = self._cell.step(correction)
        info["deviation"] /= self._unit
        return self._seen(image, pose), reward, True, False, info

    def render(self) -> npt.NDArray[np.uint8] | None:
        """The picture that was seen last, uint8 ``[H, W, 3]``, for ``render_mode="rgb_array"``."""
        if self.render_mode is None:
            gymnasium.logger.warn("there is no render_mode: make it with render_mode='rgb_array'")
            return None
        if self._picture is None:
            raise ResetNeeded("nothing was seen yet: call `reset` before `render`")
        return self._picture.copy()

    def close(self) -> None:
        """Ends the cell. May be called twice."""
        self._is_begun = False
        self._cell.close()

    @property
    def configuration(self) -> str:
        """The configuration of the cell as TOML, with every key."""
        return self._cell.configuration()

    def _actions(self) -> spaces.Space[Any]:
        if self._is_discrete:
            return spaces.MultiDiscrete([len(values) for values in self.candidates])
        most = self._most.astype(np.float32)
        return spaces.Box(-most, most, dtype=np.float32)

    def _unit_of_actions(self) -> npt.NDArray[np.float64]:
        """What an action of 1 means in each dimension: a step from candidate to candidate, or 1 m and 1 rad."""
        if not self._is_discrete:
            return np.ones(3)
        steps = [np.diff(values) for values in self.candidates]
        return np.array([step[0] if len(step) else np.inf for step in steps])

    def _correction(self, action: npt.NDArray[Any]) -> list[float]:
        given = np.asarray(action)
        space = self.action_space
        if given.shape != (3,) or given.dtype.kind not in "iuf":
            raise ValueError(f"the action is {action!r}; expected one of {space}")
        if isinstance(space, spaces.MultiDiscrete):
            # Lists: an episode spends more time in NumPy's functions on three numbers.
            chosen = list(zip(self._values, given.tolist(), strict=True))
            is_whole = given.dtype.kind != "f"
            if not (is_whole and all(0 <= one < len(values) for values, one in chosen)):
                raise ValueError(f"the action is {action!r}; expected integers below {space.nvec}")
            return [values[one] for values, one in chosen]
        most = self._most
        if not np.all(np.abs(given) <= most + _ROUNDING):
            raise ValueError(f"the action is {action!r}; expected at most {most} m, m and rad")
        return [float(one) for one in np.clip(given, -most, most)]

    def _seen(self, image: npt.NDArray[np.uint8], pose: npt.NDArray[np.float64]) -> Observation:
        self._picture = image
        return {
            "image": image,
            "pose": pose.astype(np.float32).clip(self._poses.low, self._poses.high),
        }


def _scene(options: dict[str, Any] | None) -> int | None:
    unknown = set(options or {}) - {"scene"}
    if unknown:
        raise ValueError(f"the options have {sorted(unknown)}; expected only 'scene'")
    scene = (options or {}).get("scene")
    if scene is None:
        return None
    if isinstance(scene, bool) or not isinstance(scene, (int, np.integer)):
        raise TypeError(f"the option scene is {scene!r}; expected an integer")
    if not 1 <= scene < 2**32:
        raise ValueError(f"the option scene is {scene}; expected at least 1")
    return int(scene)


class TableEnv(CorrectionEnv):
    """A plate into a box on the table. The id is ``rmrl/Table-v0``."""

    task: ClassVar[Mapping[str, Any]] = {"task.kind": "table"}


class ShelfEnv(CorrectionEnv):
    """A plate into a slot on a shelf. The id is ``rmrl/Shelf-v0``."""

    task: ClassVar[Mapping[str, Any]] = {"task.kind": "shelf"}


class LaboratoryEnv(CorrectionEnv):
    """A plate from one site of a simulated laboratory to another. The id is ``rmrl/Laboratory-v0``.

    The transfer is that of a real laboratory, with every motion proven, but the action says where the jaws close. Sites and
    taught poses are those of ``configs/laboratory.toml``, in which ``laboratory`` draws what camera, tool, arm and the person who
    taught the sites err by. A person puts the plate into ``start``, off by 2 mm and 1 degree.

    The reward, ``deviation`` and all errors are by the simulator's truth: what the camera is off cancels in what it measures.

    Args:
        laboratory: As in `CorrectionEnv`.
        difficulty: As in `CorrectionEnv`.
        start: The slot where the plate lies, such as ``"bench"``. The camera has to see it.
        target: The slot where it shall lie, such as ``"reader"`` or ``"hotel:1"``.
        actions: As in `CorrectionEnv`.
        config: As in `CorrectionEnv`, also ``sites`` and other sections of a laboratory.
        render_mode: As in `CorrectionEnv`.
    """

    def __init__(
        self,
        *,
        laboratory: int = 0,
        difficulty: float = 1.0,
        start: str = "bench",
        target: str = "reader",
        actions: Literal["discrete", "box"] = "discrete",
        config: Mapping[str, Any] | None = None,
        render_mode: str | None = None,
    ) -> None:
        self._transfer = ("plate", start, target)
        super().__init__(
            laboratory=laboratory,
            difficulty=difficulty,
            actions=actions,
            config=config,
            render_mode=render_mode,
        )


class LidEnv(CorrectionEnv):
    """A lid off its plate, or onto it. The id is ``rmrl/Lid-v0``.

    As `LaboratoryEnv`; the plate lies in ``site``, and the camera sees it but not the lid, which is clear. To take the lid off
    the action says where the jaws close. To put it on it says where they open; they took it where it was taught to lie.

    Args:
        laboratory: As in `CorrectionEnv`.
        difficulty: As in `CorrectionEnv`.
        lid: ``"off"``: from the plate to the park. ``"on"``: from the park onto the plate.
        site: The slot of the plate. The camera has to see it.
        park: The slot where the lid lies alone.
        actions: As in `CorrectionEnv`.
        config: As in `LaboratoryEnv`.
        render_mode: As in `CorrectionEnv`.
    """

    def __init__(
        self,
        *,
        laboratory: int = 0,
        difficulty: float = 1.0,
        lid: Literal["off", "on"] = "off",
        site: str = "bench",
        park: str = "lid-park",
        actions: Literal["discrete", "box"] = "discrete",
        config: Mapping[str, Any] | None = None,
        render_mode: str | None = None,
    ) -> None:
        if lid not in ("off", "on"):
            raise ValueError(f"lid is {lid!r}; expected 'off' or 'on'")
        self._transfer = ("lid off", site, park) if lid == "off" else ("lid on", park, site)
        super().__init__(
            laboratory=laboratory,
            difficulty=difficulty,
            actions=actions,
            config=config,
            render_mode=render_mode,
        )


gymnasium_ids.register()
