"""What PyTorch takes for the learning of a whole run of 150 trials: as many steps of the same sizes.

    PYTHONPATH=tools python bench/whole_run.py --policy FILE --threads N [--channels-last] [--fused-adam]

As `rmrl train` with the method rm-rl and a ResNet-18 that learns: before each trial a look at the
picture and after it a policy-gradient step; after each scene of ten, ten passes over it and a replay of
ten batches of sixteen; and at the end a look at every picture again, for the policy's support. There is
no cell: pictures are random. Prints a line of JSON.
"""

import argparse
import json
import time
from pathlib import Path

import torch
from pytorch import CANDIDATES, Batch, Case, Setting, Trainer, looker, policy_of
from safetensors.torch import load_file

CASE = Case(work="train", depth=18, base_width=64, size=128, batch=16)
TRIALS = 150
TRIALS_PER_SCENE = 10
SCENE_EPOCHS = 10
REPLAY_INTERVAL = 10
REPLAY_BATCHES = 10
BATCH_SIZE = 16


def random_batch(count: int, setting: Setting) -> Batch:
    planes = torch.randint(0, 256, (count, 3, CASE.size, CASE.size), dtype=torch.uint8)
    labels = torch.stack([torch.randint(0, n, (count,)) for n in CANDIDATES], dim=1)
    batch = Batch(planes.permute(0, 2, 3, 1), torch.rand(count, 3) - 0.5, labels)
    return batch.permuted(setting.channels_last)


def run(trainer: Trainer, setting: Setting) -> None:
    one = random_batch(1, setting)
    look_setting = Setting(channels_last=setting.channels_last, inference_mode=setting.fused_adam)
    look = looker(trainer.policy, look_setting, one, copied=False)
    for trial in range(1, TRIALS + 1):
        look()
        # The policy gradient is this loss with the reward as a factor.
        trainer.step(one)
        if trial % TRIALS_PER_SCENE == 0:
            scene = random_batch(TRIALS_PER_SCENE, setting)
            for _ in range(SCENE_EPOCHS):
                trainer.step(scene)
        if trial % REPLAY_INTERVAL == 0:
            for _ in range(REPLAY_BATCHES):
                trainer.step(random_batch(BATCH_SIZE, setting))
    for _ in range(TRIALS):
        look()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--policy", type=Path, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--channels-last", action="store_true")
    parser.add_argument("--fused-adam", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    setting = Setting(channels_last=arguments.channels_last, fused_adam=arguments.fused_adam)
    trainer = Trainer(policy_of(CASE, load_file(arguments.policy)), setting)
    wall, processor = time.perf_counter(), time.process_time()
    run(trainer, setting)
    times = {
        "processor_secs": time.process_time() - processor,
        "wall_secs": time.perf_counter() - wall,
    }
    print(json.dumps({"setting": setting.name, **times}))


if __name__ == "__main__":
    main()
