"""``python -m tests.images lock SPEC…``, ``serve``, ``digest REPOSITORY:TAG`` and ``layout FOLDER``."""

from __future__ import annotations

import argparse
import signal
import sys

from lego_compile.cli import main as lego_compile
from tests.images.contents import build
from tests.images.gallery import gallery, read
from tests.images.oci import write_layout
from tests.images.registry import NoRegistry


def main(arguments: list[str]) -> int:
    """Run one command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.images", description=__doc__)
    parser.add_argument("--catalog", default="catalog/gaia-data.yaml", help="whose images are meant")
    commands = parser.add_subparsers(dest="command", required=True)
    lock = commands.add_parser("lock", help="run `lego-compile lock` against a registry that has the images")
    lock.add_argument("words", nargs="+", help="centre specs, and options of `lego-compile lock` after `--`")
    commands.add_parser("serve", help="start a registry that has the images, until it is interrupted")
    digest = commands.add_parser(
        "digest", help="print REPOSITORY:TAG@DIGEST; of all images when none is named"
    )
    digest.add_argument("image", nargs="*", help="REPOSITORY:TAG")
    layout = commands.add_parser("layout", help="write all images as one OCI image layout")
    layout.add_argument("folder")
    asked = parser.parse_args(arguments)
    if asked.command in ("lock", "serve"):
        try:
            with gallery(read(asked.catalog)) as (_registry, via):
                if asked.command == "lock":
                    return lego_compile(["lock", *via, *asked.words])
                print(f"lego-compile lock {' '.join(via)} SPEC", flush=True)
                for number in (signal.SIGINT, signal.SIGTERM):
                    signal.signal(number, lambda *_: sys.exit(0))
                signal.pause()
        except NoRegistry as missing:
            print(f"{parser.prog}: {missing}", file=sys.stderr)
            return 1
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
