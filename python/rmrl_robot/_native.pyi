"""The part of this package that is written in Rust."""

from collections.abc import Sequence

def run_command(words: Sequence[str]) -> int:
    """Runs the command ``rmrl`` with these words, and returns its exit status."""

def resolve_configuration(file: str | None = None, assignments: Sequence[str] = ()) -> str:
    """The complete configuration as TOML."""
