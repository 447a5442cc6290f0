#!/usr/bin/env python3
"""Counts the public names of a crate by the documentation that `cargo doc` made of it.

    cargo doc -p rmrl --no-deps
    python3 tools/public_names.py target/doc
    python3 tools/public_names.py target/doc --crates all --quiet

The folder is an argument, so that two versions can be compared: build each into a folder of its own
(`--target-dir`), and compare what this prints.

A name counts if a user of the crate can write its path: structs, enums, unions, traits, functions, types,
constants, statics and macros, each at the place where it is public. rustdoc lists exactly these on the page "All
items" of a crate (`target/doc/CRATE/all.html`), also those of private modules that are re-exported, and each once.
The search index would count methods, fields and variants, too, which come and go with their types. To that list
belong re-exports of other crates (`pub use other_crate as name`), which rustdoc lists on the page of their module;
each counts as one name, whatever is behind it. Modules are counted apart, because they only group names.
"""

import argparse
import collections
import html.parser
import json
import pathlib
import sys


class Page(html.parser.HTMLParser):
    """The items of a crate's list, or the re-exports of a module's page."""

    def __init__(self, text):
        super().__init__()
        self.items = []
        self.reexports = []
        self.in_items = False
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        place = attributes.get("href", "")
        if tag == "ul":
            self.in_items = "all-items" in attributes.get("class", "").split()
        elif tag == "a" and self.in_items:
            *modules, file = place.split("/")
            kind, name, _ = file.split(".")
            self.items.append(("::".join(modules), name, kind))
        elif tag == "dt" and attributes.get("id", "").startswith("reexport."):
            self.reexports.append(attributes["id"].removeprefix("reexport."))

    def handle_endtag(self, tag):
        if tag == "ul":
            self.in_items = False


def modules_below(folder, module=()):
    """The crate's modules. Only those that their parents name: rustdoc never removes the pages of earlier ones."""
    yield module
    listed = (folder.joinpath(*module) / "sidebar-items.js").read_text()
    for child in json.loads(listed[listed.index("{"):listed.rindex("}") + 1]).get("mod", []):
        yield from modules_below(folder, (*module, child))


def public_names(folder):
    """The public names of the crate whose documentation is in `folder`, as (name, kind) by module."""
    names = collections.defaultdict(list)
    for module, name, kind in Page((folder / "all.html").read_text()).items:
        names[module].append((name, kind))
    for module in modules_below(folder):
        index = Page((folder.joinpath(*module) / "index.html").read_text())
        names["::".join(module)] += [(name, "re-export") for name in index.reexports]
    return names


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("doc", metavar="DOC", type=pathlib.Path, help="the folder target/doc")
    parser.add_argument("--crates", metavar="NAMES", default="rmrl", help="separated by commas, or all [default: rmrl]")
    parser.add_argument("--quiet", action="store_true", help="print numbers only")
    arguments = parser.parse_args()

    crates = arguments.crates.split(",")
    if crates == ["all"]:
        crates = sorted(page.parent.name for page in arguments.doc.glob("*/all.html"))
    total = 0
    for crate in crates:
        folder = arguments.doc / crate
        if not (folder / "all.html").exists():
            sys.exit(f"{folder} has no all.html: cargo doc -p {crate} --no-deps")
        names = public_names(folder)
        count = sum(map(len, names.values()))
        total += count
        print(f"{crate}: {count} names in {len(names)} modules")
        for module in [] if arguments.quiet else sorted(names):
            print(f"  {'::'.join(filter(None, [crate, module]))} ({len(names[module])})")
            for name, kind in sorted(names[module]):
                print(f"    {name} ({kind})")
    if len(crates) > 1:
        print(f"all: {total} names")


if __name__ == "__main__":
    main()
