"""A real registry with all images of a catalog, and how `lego-compile lock` is told to ask it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from tests.images.contents import build
from tests.images.registry import Registry, push


def read(path: str | Path) -> dict[str, Any]:
    """A YAML file as plain data.

    Raises:
        ValueError: when the file holds no mapping.
    """
    data = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    if not isinstance(data, dict):
        raise ValueError(f"{path}: not a mapping")
    return data


@contextmanager
def gallery(catalog: Mapping[str, Any]) -> Iterator[tuple[Registry, list[str]]]:
    """A registry that holds every image of a catalog; each repository is below the name of its own registry.

    Yields:
        The registry, and the options that make ``lego-compile lock`` ask it.

    Raises:
        NoRegistry: there is no registry program on this machine.
    """
    with Registry() as registry:
        images = build(catalog)
        for (repository, tag), built in images.items():
            push(registry.host, repository, tag, built)
        hosts = sorted({repository.partition("/")[0] for repository, _tag in images})
        yield registry, [word for host in hosts for word in ("--via", f"{host}={registry.host}/{host}")]
