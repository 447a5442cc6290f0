"""Hooks of the documentation site: what its pages link to outside `docs` becomes a file of the site, as plain text."""

from __future__ import annotations

import os
import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent
LINK = re.compile(r"(?P<open>\]\()(?P<target>\.\.[^)\s#]*)(?P<anchor>#[^)\s]*)?(?P<close>\))")


def _outside(page: str, target: str) -> str | None:
    """The file of the repository that a page of `docs` links to, if it lies outside `docs`."""
    path = posixpath.normpath(posixpath.join("docs", posixpath.dirname(page), target))
    return None if path.startswith("docs/") or not (ROOT / path).is_file() else path


def _place(path: str) -> str:
    """Where the site has a file of the repository."""
    return f"repository/{path}.txt"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the files outside `docs` that pages link to."""
    linked = {
        path
        for file in files.documentation_pages()
        for match in LINK.finditer(file.content_string)
        if (path := _outside(file.src_uri, match["target"])) is not None
    }
    for path in sorted(linked):
        content = (ROOT / path).read_text(encoding="utf-8")
        files.append(File.generated(config, _place(path), content=content))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lets links to files outside `docs` lead to where the site has them. Plain text has no anchors."""
    source = page.file.src_uri

    def moved(match: re.Match[str]) -> str:
        path = _outside(source, match["target"])
        if path is None:
            return match[0]
        there = os.path.relpath(_place(path), posixpath.dirname(source) or ".")
        return f"{match['open']}{there}{match['close']}"

    return LINK.sub(moved, markdown)
