"""The command ``rmrl``."""

from __future__ import annotations

import signal
import sys

from rmrl_robot import _native


def main() -> None:
    """Runs ``rmrl`` with the arguments of this process, and exits with its status."""
    words = sys.argv[1:]
    # Its help and its wrong words are those of the command, which lists it, too.
    if words[:1] == ["view"] and not {"-h", "--help"} & set(words):
        from rmrl_robot.view import main as view

        sys.exit(view(words[1:]))
    # The command handles signals itself: the first one stops the arm, the second one the process.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.exit(_native.run_command(["rmrl", *words]))
