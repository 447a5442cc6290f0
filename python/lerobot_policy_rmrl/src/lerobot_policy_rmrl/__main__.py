"""Writes the policy of a run as a folder that LeRobot loads.

python -m lerobot_policy_rmrl RUN --out DIR
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from lerobot.configs.types import FeatureType, PolicyFeature

from lerobot_policy_rmrl.configuration_rmrl import ACTION, PLATE, STATE, RmrlConfig
from lerobot_policy_rmrl.modeling_rmrl import RmrlPolicy
from lerobot_policy_rmrl.processor_rmrl import make_rmrl_pre_post_processors
from rmrl_robot import Run
from rmrl_robot.errors import RunError


def write(run: Path, out: Path) -> None:
    """Writes configuration, processors and the files of the policy of ``run`` into the folder ``out``.

    Raises:
        RunError: There is no run, or it has no policy.
        OSError: The run has no camera, which says how large its pictures are, or ``out`` cannot be written.
    """
    camera = Run(run).calibration
    config = RmrlConfig(run=str(run), push_to_hub=False)
    config.input_features = {
        config.image: PolicyFeature(FeatureType.VISUAL, (3, camera.height, camera.width)),
        STATE: PolicyFeature(FeatureType.STATE, (3,)),
        PLATE: PolicyFeature(FeatureType.STATE, (3,)),
    }
    config.output_features = {ACTION: PolicyFeature(FeatureType.ACTION, (3,))}
    RmrlPolicy(config).save_pretrained(out)
    for pipeline in make_rmrl_pre_post_processors(config):
        pipeline.save_pretrained(out)


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(
        prog="lerobot_policy_rmrl", description=__doc__.splitlines()[0]
    )
    parser.add_argument("run", type=Path, metavar="RUN")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    arguments = parser.parse_args()
    try:
        write(arguments.run, arguments.out)
    except (OSError, RunError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{arguments.out}: --policy.path={arguments.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
