"""The command ``rmrl``."""

from __future__ import annotations

import signal
import sys

from rmrl_robot import _native


def main() -> None:
    """Runs ``rmrl`` with the arguments of this process, and exits with its status."""
    # The command handles signals itself: the first one stops the arm, the second one the process.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.exit(_native.run_command(["rmrl", *sys.argv[1:]]))
