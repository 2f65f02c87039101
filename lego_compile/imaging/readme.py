"""``README.md`` of the repository: what it builds, what a pipeline needs, and what a green one means."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lego_compile.spec.catalog import Brick, CatalogSpec, System

_WRITTEN = """\
Written by `lego-compile images`; the catalog is where it is changed. `conda-linux-*.lock` beside each `Containerfile`
are made by `bin/lock.sh`, here, and are the only files that `lego-compile images` leaves alone.
"""
_SECRETS = """\
## What a pipeline needs

| variable | is |
| --- | --- |
| `REGISTRY_USER`, `REGISTRY_PASSWORD` | may push to the repositories above |
| `LEGO_TOKEN` | may push branches to this repository and to the catalog's, and open merge requests there |

They are variables of GitLab (*masked* and *protected*: branches of strangers do not see them) or secrets of GitHub,
which whoever may push a branch can read with a workflow of their own: give that right to those who may publish. A build
runs code of the packages that it installs, in the job that pushes the result: take them from channels that you trust.
With GitHub runners of your own, have pull requests from forks approved first: what builds is not confined by seccomp.
Only the default branch publishes; a merge request builds, inspects, tests and scans, and pushes nothing. Runners must
let a container make user namespaces (buildah builds without privileges), and for a platform without a runner of its
own they need QEMU registered with binfmt_misc.

The jobs run in `{tools}`, which is built once by hand, and again when its Containerfile changes:

```console
$ buildah build --tag {tools} tools
$ buildah push {tools}   # and write the digest that it says into the catalog
```
"""
_STEPS = """\
## What happens

| step | script |
| --- | --- |
| packages are solved again{when}, and new locks are offered as a merge request | `lock.sh`, `offer.sh` |
| an image whose folder changed is built for each platform, and its labels are completed from its files | `build.sh` |
| every kernel of a brick is started in the published system image, and runs a cell | `test.sh`, `kernels.py` |
| its contents are listed (SBOM), and known vulnerabilities are looked for | `scan.sh` |
| what was built for all platforms becomes one release, is pushed{signed} | `push.sh`, `publish.sh` |
| the release is offered to the catalog as a merge request | `propose.sh` |

A release is called after the time of the last commit that changed the image (`release.sh`), and is never replaced.
The same commit gives the same conda packages, with times of the commit, and `.pyc` that no time makes stale; whether a
second build has the same digest is not promised (what `apt` installs in a system image is of the day). The first brick
needs a published system image: build that first.

**A green scan is not a proof.** Scanners know vulnerabilities of Debian and of Python wheels well, and of conda
packages hardly any: most of a brick is not judged. Solving locks again, on a schedule, brings repaired packages.
"""


def readme(catalog: CatalogSpec, images: Mapping[str, Brick | System]) -> str:
    """The page, in Markdown."""
    build = catalog.build
    assert build is not None
    parts = [f"# Images of {catalog.catalog}\n", _WRITTEN, "\n".join(_table(images)) + "\n"]
    others = [name for name, each in catalog.bricks.items() if not each.build]
    others += [name for name, each in catalog.systems.items() if not each.build]
    if others:
        parts.append(f"Somebody else's images, which are not built here: {', '.join(others)}.\n")
    parts.append(_SECRETS.format(tools=build.images.tools.partition("@")[0]))
    when = f" at `{build.schedule}` (cron, UTC"
    when += "; in GitLab, add that schedule to the project)" if build.pipelines.gitlab is not None else ")"
    signed = ", and signed by the identity of the pipeline" if build.sign == "keyless" else ""
    parts.append(_STEPS.format(when=when, signed=signed))
    return "\n".join(parts)


def _table(images: Mapping[str, Brick | System]) -> Iterator[str]:
    yield "| folder | what | published as | platforms |"
    yield "| --- | --- | --- | --- |"
    for folder, entry in images.items():
        yield f"| `{folder}` | {_inert(entry.title)} | `{entry.image}` | {', '.join(entry.platforms)} |"


def _inert(text: str) -> str:
    """Text of people in a cell of a table: nothing in it is Markdown or HTML."""
    return re.sub(r"([\\`*_{}\[\]()#+!|<>&~$-])", r"\\\1", text)
