"""``python -m tests.images lock SPEC…``, ``digest REPOSITORY:TAG`` and ``layout FOLDER``."""

from __future__ import annotations

import argparse
import sys

from tests.images.contents import build
from tests.images.locks import lock_path, lock_text, read
from tests.images.oci import write_layout


def main(arguments: list[str]) -> int:
    """Run one command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.images", description=__doc__)
    parser.add_argument("--catalog", default="catalog/gaia-data.yaml", help="whose images are meant")
    commands = parser.add_subparsers(dest="command", required=True)
    lock = commands.add_parser("lock", help="write the locks of centre specs")
    lock.add_argument("spec", nargs="+", help="centre specs; locks among them are passed over")
    digest = commands.add_parser(
        "digest", help="print REPOSITORY:TAG@DIGEST; of all images when none is named"
    )
    digest.add_argument("image", nargs="*", help="REPOSITORY:TAG")
    layout = commands.add_parser("layout", help="write all images as one OCI image layout")
    layout.add_argument("folder")
    asked = parser.parse_args(arguments)
    if asked.command == "lock":
        for spec in asked.spec:
            if not spec.endswith(".lock.yaml"):
                lock_path(spec).write_text(lock_text(spec), encoding="utf-8")
        return 0
    images = build(read(asked.catalog))
    if asked.command == "layout":
        write_layout(asked.folder, images)
        return 0
    known = {f"{repository}:{tag}": built.index_digest for (repository, tag), built in images.items()}
    for name in asked.image or sorted(known):
        if name not in known:
            parser.error(f"no image {name!r}; without a name, `digest` prints all of them")
        print(f"{name}@{known[name]}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
