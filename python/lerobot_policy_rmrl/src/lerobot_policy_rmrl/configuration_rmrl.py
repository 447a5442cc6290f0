"""What a policy of the type ``rmrl`` is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NoReturn

from lerobot.configs.policies import PreTrainedConfig
from lerobot.configs.types import FeatureType, PolicyFeature

#: The estimated pose of the plate: x and y in meters, yaw in radians, world frame.
STATE = "observation.state"
#: Where the picture shows the plate: u and v of its center and its diagonal, in pixels.
PLATE = "observation.plate_px"
#: The correction of the pick: dx and dy in meters, dyaw in radians, world frame.
ACTION = "action"

NOT_TRAINED = (
    "LeRobot does not train policies of the type rmrl: they learn from trials of the arm, not from recorded actions. "
    "Train with `rmrl train`, and give the run: --policy.type=rmrl --policy.run=RUN"
)


@PreTrainedConfig.register_subclass("rmrl")
@dataclass
class RmrlConfig(PreTrainedConfig):
    """A policy that a run of ``rmrl train`` learned.

    Attributes:
        run: The run's directory, or a ``policy.safetensors`` or ``belief.json``. ``None`` in a folder that
            ``save_pretrained`` wrote: it holds the files.
        image: The feature with the picture of the overhead camera, ``[3, height, width]``.
        use_plate_px: Whether a given ``observation.plate_px`` is used. Without it the place of the plate in the
            picture follows from its pose.
        device: Where tensors are expected and returned. The policy itself computes as its run says.
    """

    run: str | None = None
    image: str = "observation.images.overhead"
    use_plate_px: bool = True
    device: str | None = "cpu"

    @property
    def observation_delta_indices(self) -> None:
        """None: one observation, no history."""

    @property
    def action_delta_indices(self) -> None:
        """None: one action, no chunk."""

    @property
    def reward_delta_indices(self) -> None:
        """None: no rewards."""

    def get_optimizer_preset(self) -> NoReturn:
        """Refuses: LeRobot asks for it when it begins to train.

        Raises:
            NotImplementedError: Always.
        """
        raise NotImplementedError(NOT_TRAINED)

    def get_scheduler_preset(self) -> None:
        """None: nothing is trained."""

    def validate_features(self) -> None:
        """Checks that a dataset or environment has what the policy needs, where features are known.

        Raises:
            ValueError: A feature is missing or has another shape; the message has its name.
        """
        inputs: dict[str, PolicyFeature] = self.input_features or {}
        outputs: dict[str, PolicyFeature] = self.output_features or {}
        if inputs:
            _expect(inputs, STATE, (3,), "x and y in meters and yaw in radians")
            picture = inputs.get(self.image)
            if picture is None or picture.type is not FeatureType.VISUAL:
                given = [key for key, one in inputs.items() if one.type is FeatureType.VISUAL]
                raise ValueError(
                    f"{self.image} is missing, the picture of the overhead camera; pictures are {given}. "
                    "Name it by --policy.image"
                )
            if len(picture.shape) != 3 or picture.shape[0] != 3:
                raise ValueError(
                    f"{self.image} has the shape {picture.shape}, expected [3, height, width]"
                )
        if outputs:
            _expect(outputs, ACTION, (3,), "dx and dy in meters and dyaw in radians")


def _expect(
    features: dict[str, PolicyFeature], key: str, shape: tuple[int, ...], what: str
) -> None:
    found: Any = features.get(key)
    if found is None or tuple(found.shape) != shape:
        given = sorted(features) if found is None else list(found.shape)
        raise ValueError(
            f"{key} has to be {list(shape)}, {what}, as `rmrl export lerobot` writes it; found {given}"
        )
