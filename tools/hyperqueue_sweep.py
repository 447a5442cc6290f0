#!/usr/bin/env python3
"""Runs the commands of `rmrl reproduce --list` with HyperQueue (PyPI: hyperqueue).

    pip install hyperqueue
    rmrl reproduce --list | python tools/hyperqueue_sweep.py
    rmrl reproduce --collect

Each line of standard input is one task of one core. Without an argument a server and one worker
for all cores of this machine are started and stopped again. On a cluster give the directory of a
running HyperQueue server (`hq server start`), whose workers may come and go on any node that sees
the folder of the reproduction:

    rmrl reproduce --list | python tools/hyperqueue_sweep.py ~/.hq-server
"""

import sys

from hyperqueue import Client, Job, LocalCluster
from hyperqueue.cluster import WorkerConfig
from hyperqueue.ffi.protocol import ResourceRequest

# What the commands print, by their place in the list.
LOGS = "hyperqueue-logs"


def submit(client: Client, commands: list[str]) -> int:
    """Submits the commands as one job and waits; returns how many failed."""
    job = Job()
    for number, command in enumerate(commands):
        job.program(
            ["sh", "-c", command],
            name=command,
            stdout=f"{LOGS}/{number}.out",
            stderr=f"{LOGS}/{number}.err",
            resources=ResourceRequest(cpus=1),
        )
    submitted = client.submit(job)
    if client.wait_for_jobs([submitted], raise_on_error=False):
        return 0
    failed = client.get_failed_tasks(submitted)
    for task, context in failed.items():
        name = job.task_by_id(task).name
        print(f"failed: {name}\n  {context.error}\n  see {context.stderr}", file=sys.stderr)
    return len(failed)


def main() -> int:
    commands = [line.strip() for line in sys.stdin if line.strip()]
    if not commands:
        print("nothing to do: every unit is finished")
        return 0
    if len(sys.argv) > 1:
        failed = submit(Client(sys.argv[1]), commands)
    else:
        with LocalCluster() as cluster:
            cluster.start_worker(WorkerConfig())
            failed = submit(cluster.client(), commands)
    print(f"{len(commands) - failed} of {len(commands)} units made")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
