"""A catalog → the files of the git repository that builds its images."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from lego_compile.emit import json, yaml
from lego_compile.emit.tree import File
from lego_compile.imaging import containerfile, pipelines
from lego_compile.imaging.environment import brick_virtual, environment, system_packages, system_virtual
from lego_compile.imaging.readme import readme

if TYPE_CHECKING:
    from lego_compile.spec.catalog import Brick, CatalogSpec, System

_SCRIPTS = (
    "about.sh", "build.sh", "changed.sh", "credential.sh", "kernels.py", "lock.sh", "login.sh", "offer.sh",
    "propose.sh", "publish.sh", "push.sh", "release.sh", "scan.sh", "test.sh",
)  # fmt: skip


def lower(catalog: CatalogSpec) -> dict[str, File]:
    """Every file of the repository, by path.

    Args:
        catalog: one that ``check`` found nothing wrong with. Its releases are not read: publishing one changes nothing.
    """
    build = catalog.build
    assert build is not None
    images: dict[str, Brick | System] = {}
    images |= {f"systems/{name}": each for name, each in catalog.systems.items() if each.build}
    images |= {f"bricks/{name}": each for name, each in catalog.bricks.items() if each.build}
    texts: dict[str, str] = {"README.md": readme(catalog, images), "images.tsv": _table(images)}
    texts["tools/Containerfile"] = containerfile.tools(catalog, build.images)
    texts[".gitignore"] = "/layout/\n/layout.sbom.json\n/published/\n/.docker/\n"
    for name, brick in catalog.bricks.items():
        if brick.build:
            texts |= {f"bricks/{name}/{path}": text for path, text in _brick(name, brick, catalog).items()}
    for name, system in catalog.systems.items():
        if system.build:
            texts |= {f"systems/{name}/{path}": text for path, text in _system(name, system, catalog).items()}
    head = containerfile.HEAD.format(catalog.catalog)
    if build.pipelines.gitlab is not None:
        texts[".gitlab-ci.yml"] = yaml.dump(pipelines.gitlab(build, images), head)
    if build.pipelines.github is not None:
        texts[".github/workflows/images.yml"] = yaml.dump(pipelines.github_images(build, images), head)
        texts[".github/workflows/locks.yml"] = yaml.dump(pipelines.github_locks(build, images), head)
    files = {path: File(text.encode()) for path, text in texts.items()}
    return {
        **files,
        **{f"bin/{name}": File(_script(name), executable=name.endswith(".sh")) for name in _SCRIPTS},
    }


def _table(images: dict[str, Brick | System]) -> str:
    """What scripts ask ``bin/about.sh`` for: folder, repository, prefix and platforms."""
    rows = []
    for image, entry in images.items():
        prefix = entry.prefix if image.startswith("bricks/") else entry.conda  # type: ignore[union-attr]
        rows.append(f"{image}\t{entry.image}\t{prefix}\t{','.join(entry.platforms)}\n")
    return "".join(rows)


def _brick(name: str, entry: Brick, catalog: CatalogSpec) -> dict[str, str]:
    assert catalog.build is not None
    assert entry.build is not None
    files = {
        "Containerfile": containerfile.brick(name, entry, catalog, catalog.build.images),
        "environment.yaml": yaml.dump(environment(name, entry, [*entry.build.packages], catalog)),
        "virtual-packages.yaml": yaml.dump(brick_virtual(entry, catalog)),
    }
    for kernel in entry.kernels:
        files[f"kernels/{kernel.directory}.sed"] = containerfile.title_script(kernel.title)
    if entry.build.variables:
        files["variables.json"] = json.dump(dict(sorted(entry.build.variables.items())))
    return files


def _system(name: str, entry: System, catalog: CatalogSpec) -> dict[str, str]:
    assert catalog.build is not None
    manager = {"kernel_spec_manager_class": "nb_conda_kernels.CondaKernelSpecManager"}
    server = manager if "nb_conda_kernels" in entry.provides else {}
    return {
        "Containerfile": containerfile.system(name, entry, catalog, catalog.build.images),
        "environment.yaml": yaml.dump(environment(name, entry, system_packages(entry), catalog)),
        "virtual-packages.yaml": yaml.dump(system_virtual(entry)),
        "condarc.yaml": yaml.dump({"envs_dirs": [*entry.environments]}),
        "jupyter.json": json.dump({"ServerApp": {**server, "root_dir": entry.home}}),
    }


def _script(name: str) -> bytes:
    """A fixed file of the package, the same for every catalog."""
    with open(os.path.join(os.path.dirname(__file__), "assets", "bin", name), "rb") as file:
        return file.read()
