"""The policy of a run as LeRobot asks it."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import torch
from huggingface_hub import snapshot_download
from lerobot.configs.policies import PreTrainedConfig
from lerobot.policies.pretrained import PreTrainedPolicy
from numpy.typing import NDArray
from torch import Tensor, nn

from lerobot_policy_rmrl.configuration_rmrl import NOT_TRAINED, PLATE, STATE, RmrlConfig
from rmrl_robot import Decision, Policy

#: The folder with the files of the run, in one that ``save_pretrained`` wrote.
FILES = "rmrl"
#: What decides, and what it needs: of two that decide, a run deploys the first.
DECIDES = ("belief.json", "policy.safetensors")
BESIDE = ("config.toml", "camera.toml", "trials.jsonl")


class RmrlPolicy(PreTrainedPolicy):
    """Corrects where the arm picks a plate: one action for one observation.

    The same code decides as in ``rmrl_robot.Policy`` and ``rmrl eval``, so the corrections have the same bits,
    rounded to float32.
    """

    config_class = RmrlConfig
    name = "rmrl"

    def __init__(self, config: RmrlConfig, **_: Any) -> None:
        super().__init__(config)
        config.validate_features()
        if not config.run:
            raise ValueError(
                "which run? Give its directory by --policy.run=RUN, or a folder that "
                "`python -m lerobot_policy_rmrl RUN --out DIR` wrote by --policy.path=DIR"
            )
        self.config: RmrlConfig = config
        self.policy = Policy.load(config.run)
        # LeRobot asks the first parameter where a policy computes.
        self.where = nn.Parameter(torch.empty(0), requires_grad=False)

    def decide(self, batch: dict[str, Any]) -> list[Decision]:
        """Decides for every observation of a batch, with probabilities and abstentions.

        Args:
            batch: The picture, float32 of 0 to 1 or uint8 ``[batch, 3, height, width]``; ``observation.state``
                ``[batch, 3]``; ``observation.plate_px`` ``[batch, 3]`` if known, NaN where it is not.

        Raises:
            ValueError: A feature is missing, or is something else.
        """
        pictures = _pictures(_given(batch, self.config.image), self.config.image)
        poses = _vectors(_given(batch, STATE), STATE, len(pictures))
        places: list[NDArray[np.float64] | None] = [None] * len(pictures)
        if self.config.use_plate_px and PLATE in batch:
            seen = _vectors(batch[PLATE], PLATE, len(pictures))
            places = [place if np.isfinite(place).all() else None for place in seen]
        states = zip(pictures, poses, places, strict=True)
        return [self.policy.act(picture, pose, place) for picture, pose, place in states]

    def select_action(self, batch: dict[str, Any], **_: Any) -> Tensor:
        """The corrections for a batch: dx and dy in meters, dyaw in radians, float32 ``[batch, 3]``.

        Zeros where the policy abstains. The arguments are those of :meth:`decide`.
        """
        corrections = [one.correction for one in self.decide(batch)]
        return torch.tensor(np.array(corrections), dtype=torch.float32, device=self.where.device)

    def predict_action_chunk(self, batch: dict[str, Any], **_: Any) -> Tensor:
        """The corrections as chunks of one action, float32 ``[batch, 1, 3]``."""
        return self.select_action(batch).unsqueeze(1)

    def reset(self) -> None:
        """Nothing: a correction depends on one observation."""

    def forward(self, batch: dict[str, Any]) -> NoReturn:
        """Refuses to train.

        Raises:
            NotImplementedError: Always.
        """
        raise NotImplementedError(NOT_TRAINED)

    def get_optim_params(self) -> NoReturn:
        """Refuses to train.

        Raises:
            NotImplementedError: Always.
        """
        raise NotImplementedError(NOT_TRAINED)

    def _save_pretrained(self, save_directory: Path, **_: Any) -> None:
        assert self.config.run is not None
        (save_directory / FILES).mkdir(exist_ok=True)
        for file in _files(Path(self.config.run)):
            shutil.copyfile(file, save_directory / FILES / file.name)
        saved = replace(self.config, run=None, pretrained_path=None)
        saved._save_pretrained(save_directory)

    @classmethod
    def from_pretrained(
        cls,
        pretrained_name_or_path: str | Path,
        *,
        config: PreTrainedConfig | None = None,
        **options: Any,
    ) -> RmrlPolicy:
        """Loads a folder that ``save_pretrained`` wrote, or its name on the Hugging Face Hub.

        Raises:
            FileNotFoundError: It holds no policy of the type ``rmrl``.
        """
        kept = ("revision", "cache_dir", "local_files_only", "token", "force_download")
        hub = {key: options[key] for key in kept if options.get(key) is not None}
        if config is None:
            config = PreTrainedConfig.from_pretrained(pretrained_name_or_path, **hub)
        folder = Path(pretrained_name_or_path)
        if not folder.is_dir():
            folder = Path(snapshot_download(str(pretrained_name_or_path), **hub))
        if not isinstance(config, RmrlConfig):
            raise TypeError(f"{folder} holds a policy of the type {config.type}, expected rmrl")
        files = folder / FILES
        found = [files / name for name in DECIDES if (files / name).is_file()]
        if not found:
            raise FileNotFoundError(
                f"{files} has neither {' nor '.join(DECIDES)}; write the folder again by "
                f"`python -m lerobot_policy_rmrl RUN --out {folder}`"
            )
        config.run = str(found[0])
        policy = cls(config)
        policy.to(config.device or "cpu")
        policy.eval()
        return policy


def _files(run: Path) -> list[Path]:
    """The files that a policy needs, of a run or of a file in it or elsewhere."""
    root, chosen = (run, DECIDES) if run.is_dir() else (run.parent, (run.name,))
    deciding = [root / name for name in chosen if (root / name).is_file()][:1]
    if not run.is_dir() and not (run.name in DECIDES and (root / "config.toml").is_file()):
        return deciding
    return deciding + [root / name for name in BESIDE if (root / name).is_file()]


def _given(batch: dict[str, Any], key: str) -> Any:
    if key not in batch:
        raise ValueError(f"{key} is missing; given are {sorted(batch)}")
    return batch[key]


def _pictures(given: Any, key: str) -> list[NDArray[np.uint8]]:
    """Pictures of a batch as uint8 ``[height, width, 3]``."""
    if not isinstance(given, Tensor) or given.ndim != 4 or given.shape[1] != 3:
        found = list(given.shape) if isinstance(given, Tensor) else type(given).__name__
        raise ValueError(f"{key} is {found}, expected a tensor [batch, 3, height, width]")
    array = given.detach().cpu().permute(0, 2, 3, 1).contiguous().numpy()
    if array.dtype != np.uint8:
        if not (array.dtype.kind == "f" and array.min() >= 0.0 and array.max() <= 1.0):
            raise ValueError(f"{key} has to be uint8, or floats of 0 to 1; do not normalize it")
        array = (array * 255.0).round().astype(np.uint8)
    return list(array)


def _vectors(given: Any, key: str, count: int) -> NDArray[np.float64]:
    if not isinstance(given, Tensor) or tuple(given.shape) != (count, 3):
        found = list(given.shape) if isinstance(given, Tensor) else type(given).__name__
        raise ValueError(f"{key} is {found}, expected a tensor [{count}, 3]")
    return given.detach().cpu().numpy().astype(np.float64)
