"""Text of a catalog, read back from images that Buildah built: nothing in it was expanded, ended or continued."""

from __future__ import annotations

import json

import pytest

from tests.e2e.build_root import BUILD
from tests.e2e.built import buildah
from tests.e2e.conftest import BASE
from tests.e2e.namespace import CannotRun
from tests.e2e.root import entered
from tests.imaging.catalogs import text, written
from tests.imaging.test_imaging_files import HOSTILE, hostile


def test_labels_arrive_as_they_were_written() -> None:
    """Every odd text, as title and as description, of a brick and of a system image."""
    try:
        with entered(BASE, recipe=BUILD) as root:
            for number, title in enumerate(HOSTILE):
                files = written(hostile(title))
                for folder in ("bricks/ocean", "systems/lab"):
                    lines = text(files, f"{folder}/Containerfile").split("\n")
                    said = "\n".join(["FROM scratch", *(each for each in lines if each.startswith("LABEL "))])
                    tag = f"localhost/labels-{number}:1"
                    buildah(root, "--tag", tag, "--file", "-", "/run", text=said + "\n")
                    labels = json.loads(root.run("buildah", "inspect", tag).stdout)["OCIv1"]["config"][
                        "Labels"
                    ]
                    assert labels["org.opencontainers.image.title"] == title
                    assert labels["org.opencontainers.image.description"] == title
    except CannotRun as reason:
        pytest.skip(str(reason))
