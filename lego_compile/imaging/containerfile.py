"""Containerfiles, for ``buildah build`` and ``docker buildx build`` alike.

What depends on the world (images, packages of the distribution) is an ``ARG``; what depends on the catalog and is text
of people is a ``LABEL`` or a file of the context: a ``RUN`` line holds paths and fixed words only.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from lego_compile.facts import LABEL, VOCABULARY
from lego_compile.imaging.packages import SUBDIRS

if TYPE_CHECKING:
    from lego_compile.spec.build import BuildImages
    from lego_compile.spec.catalog import Brick, CatalogSpec, System

HEAD = "Written by `lego-compile images` from the catalog {}: change it there."
_STAGE = """\
FROM ${{MICROMAMBA}} AS build
ARG TARGETARCH
# hadolint ignore=DL3002 # nothing of this stage is run: its files are copied
USER 0
COPY . /lego/
# conda-linux-*.lock are made by bin/lock.sh: no build without them, and the same packages in every build.
RUN set -eu; \\
    case "$TARGETARCH" in \\
{cases}      *) echo "not built for the architecture '$TARGETARCH'" >&2; exit 1 ;; \\
    esac; \\
    if [ ! -f "/lego/$lock" ]; then echo "there is no $lock: run bin/lock.sh first" >&2; exit 1; fi; \\
    micromamba create -y -q -p {prefix} --file "/lego/$lock"; \\
    rm -rf {prefix}/pkgs # the cache of packages, when the prefix is where micromamba keeps it
"""
_PYC = """\
# Times of files change on the way to a user, and a .pyc that is checked by time is then made again at every start of
# a kernel: these are checked by nothing. One process: what is written of a file depends on the files before it.
# Files that no Python of this version can read are no error (exit code 1).
RUN set -eu; \\
    python={prefix}/bin/python; \\
    if [ -x "$python" ]; then \\
      PYTHONHASHSEED=0 "$python" -m compileall -qq -f --invalidation-mode unchecked-hash {prefix}/lib \\
        || [ "$?" -eq 1 ]; \\
    fi
"""
_SLIM = """\
RUN find {prefix} -type f \\( {names} \\) -delete
"""
_TITLES = """\
# What people see in the launcher: kernels/NAME.sed sets the display_name that the catalog says.
RUN set -eu; \\
    for each in /lego/kernels/*.sed; do \\
      spec="{prefix}/share/jupyter/kernels/$(basename "$each" .sed)/kernel.json"; \\
      if [ ! -f "$spec" ]; then echo "no package brought the kernel $spec" >&2; exit 1; fi; \\
      sed -i -f "$each" "$spec"; \\
    done
"""
_VARIABLES = """\
RUN mkdir -p {prefix}/etc/conda/env_vars.d && cp /lego/variables.json {prefix}/etc/conda/env_vars.d/lego.json
"""
_FINISH = """\
# conda asks for the history, of which nothing is needed and the time of the build is not wanted; `frozen` tells who
# copies the environment why it must stay as it is.
RUN set -eu; \\
    : > {prefix}/conda-meta/history; \\
    printf '%s\\n' '{{"message": "{frozen}"}}' > {prefix}/conda-meta/frozen; \\
    chmod -R a+rX {prefix}
"""
_BRICK_FROZEN = "a brick is read-only: make an environment of your own on top of it"
_SYSTEM_FROZEN = "the system image is the same for everybody: make an environment of your own"


def brick(name: str, entry: Brick, catalog: CatalogSpec, images: BuildImages) -> str:
    """The Containerfile of a brick: its environment is the root of the image, and nothing else is in it."""
    build = entry.build
    assert build is not None
    prefix = entry.prefix
    names = [*([] if build.static_libraries else ["*.a"]), "*.js.map"]
    parts = [
        f"# {HEAD.format(catalog.catalog)}\n",
        f"ARG MICROMAMBA={images.micromamba}\n",
        _stage(prefix, entry.platforms),
        _TITLES.format(prefix=prefix),
        _SLIM.format(prefix=prefix, names=" -o ".join(f"-name '{each}'" for each in names)),
        _PYC.format(prefix=prefix),
        *([_VARIABLES.format(prefix=prefix)] if build.variables else []),
        _FINISH.format(prefix=prefix, frozen=_BRICK_FROZEN),
        "# No shell and no C library: a brick is mounted into a system image, whose own are used.\n"
        f"FROM scratch\nCOPY --from=build {prefix} /\n",
        _labels({**_described(entry, catalog), **brick_labels(name, entry)}),
    ]
    return "\n".join(parts)


def tools(catalog: CatalogSpec, images: BuildImages) -> str:
    """The Containerfile of what the jobs run in: everything that ``bin/`` calls."""
    return f"""\
# {HEAD.format(catalog.catalog)}

ARG BASE={images.base}
ARG COSIGN={images.cosign}
ARG GRYPE={images.grype}
ARG MICROMAMBA={images.micromamba}
ARG SYFT={images.syft}

FROM ${{COSIGN}} AS cosign
FROM ${{GRYPE}} AS grype
FROM ${{MICROMAMBA}} AS micromamba
FROM ${{SYFT}} AS syft

FROM ${{BASE}}
# How lego-compile is installed: from a package index, or `git+https://…` with a commit.
ARG LEGO_COMPILE=lego-compile
# hadolint ignore=DL3002 # of a job that buildah runs without privileges all the same
USER 0
# hadolint ignore=DL3008,DL3013
RUN set -eu; \\
    apt-get update; \\
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \\
      buildah ca-certificates gh git python3 python3-venv qemu-user-static skopeo; \\
    rm -rf /var/lib/apt/lists/*; \\
    python3 -m venv /opt/tools; \\
    /opt/tools/bin/pip install --no-cache-dir conda-lock "$LEGO_COMPILE"; \\
    ln -s /opt/tools/bin/conda-lock /opt/tools/bin/lego-compile /usr/local/bin/
COPY --from=cosign /ko-app/cosign /usr/local/bin/cosign
COPY --from=grype /grype /usr/local/bin/grype
COPY --from=micromamba /bin/micromamba /usr/local/bin/micromamba
COPY --from=syft /syft /usr/local/bin/syft
"""


def brick_labels(name: str, entry: Brick) -> dict[str, str]:
    """What the catalog knows of a brick; what only its files know is added by ``inspect --label``."""
    requires = {key: each for key, each in sorted(entry.requires.system.items()) if key != "glibc"}
    said = {"spec": VOCABULARY, "name": name, "prefix": entry.prefix, "subpath": entry.subpath}
    if requires:
        said["requires"] = _json(requires)
    if entry.requires.gpu:
        said["gpu"] = entry.requires.gpu
    return {f"{LABEL}brick.{key}": value for key, value in said.items()}


def system(name: str, entry: System, catalog: CatalogSpec, images: BuildImages) -> str:
    """The Containerfile of a system image: a Debian, a conda prefix with JupyterLab, and a user who is not root."""
    build = entry.build
    assert build is not None
    user = entry.home.rsplit("/", 1)[1]
    prefix = entry.conda
    entrypoint = 'ENTRYPOINT ["tini", "--"]\n' if "tini" in build.apt else ""
    parts = [
        f"# {HEAD.format(catalog.catalog)}\n",
        f"ARG BASE={build.base or images.base}\nARG MICROMAMBA={images.micromamba}\n",
        _stage(prefix, entry.platforms),
        _SLIM.format(prefix=prefix, names="-name '*.a' -o -name '*.js.map'"),
        _PYC.format(prefix=prefix),
        f"""\
RUN set -eu; \\
    mkdir -p {prefix}/etc/jupyter/jupyter_server_config.d; \\
    cp /lego/jupyter.json {prefix}/etc/jupyter/jupyter_server_config.d/lego.json
""",
        _FINISH.format(prefix=prefix, frozen=_SYSTEM_FROZEN),
        f"""\
FROM ${{BASE}}
ARG APT="{" ".join(build.apt)}"
USER 0
# APT may be empty, for a base that has them.
# hadolint ignore=DL3008,SC2086
RUN set -eu; \\
    if [ -n "$APT" ]; then \\
      apt-get update; \\
      DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $APT; \\
      rm -rf /var/lib/apt/lists/* /var/log/apt /var/log/dpkg.log /var/cache/ldconfig/aux-cache; \\
    fi
# The base may have another user of this number.
RUN set -eu; \\
    sed -i -e '/^[^:]*:[^:]*:{entry.uid}:/d' -e '/^{user}:/d' /etc/passwd; \\
    printf '%s\\n' '{user}:x:{entry.uid}:{entry.gid}::{entry.home}:/bin/bash' >> /etc/passwd; \\
    grep -q '^[^:]*:[^:]*:{entry.gid}:' /etc/group || printf '%s\\n' '{user}:x:{entry.gid}:' >> /etc/group; \\
    mkdir -p {entry.home} {" ".join(entry.environments)}; \\
    chown {entry.uid}:{entry.gid} {entry.home}
COPY --from=build {prefix} {prefix}
COPY condarc.yaml /etc/conda/condarc.d/lego.yaml
ENV PATH="{prefix}/bin:$PATH" LANG="C.UTF-8" SHELL="/bin/bash" HOME="{entry.home}"
USER {entry.uid}:{entry.gid}
WORKDIR {entry.home}
EXPOSE 8888
{entrypoint}CMD ["jupyterhub-singleuser", "--ip=0.0.0.0", "--port=8888"]
""",
        _labels({**_described(entry, catalog), **system_labels(name, entry)}),
    ]
    return "\n".join(parts)


def system_labels(name: str, entry: System) -> dict[str, str]:
    """What the catalog knows of a system image; what only its files know is added by ``inspect --label``."""
    said = {
        "spec": VOCABULARY,
        "name": name,
        "home": entry.home,
        "user": f"{entry.uid}:{entry.gid}",
        # A prefix without conda in it is no conda's: `inspect` refuses the label (LC669).
        **({"conda": entry.conda} if "conda" in entry.provides else {}),
        "environments": _json(entry.environments),
    }
    return {f"{LABEL}system.{key}": value for key, value in said.items()}


def title_script(title: str) -> str:
    """A sed script that sets the ``display_name`` of a kernelspec, in ASCII: sed may be run in any locale."""
    name = json.dumps(title).replace("\\", "\\\\").replace("&", "\\&").replace("/", "\\/")
    return (
        's/"display_name"[[:space:]]*:[[:space:]]*"\\(\\\\.\\|[^"\\\\]\\)*"/"display_name": ' + name + "/\n"
    )


def _stage(prefix: str, platforms: Sequence[str]) -> str:
    cases = dict.fromkeys((each.split("/")[1], SUBDIRS[each]) for each in platforms)
    lines = "".join(f"      {arch}) lock=conda-{subdir}.lock ;; \\\n" for arch, subdir in cases)
    return _STAGE.format(prefix=prefix, cases=lines)


def _described(entry: Brick | System, catalog: CatalogSpec) -> dict[str, str]:
    assert catalog.build is not None
    said = {"title": entry.title, "description": entry.description, "source": catalog.build.source}
    return {f"org.opencontainers.image.{key}": value for key, value in said.items() if value}


def _labels(labels: Mapping[str, str]) -> str:
    """``LABEL`` lines; the release and the commit are those of the pipeline."""
    return "\n".join(
        [
            "ARG RELEASE=",
            "ARG REVISION=",
            'LABEL org.opencontainers.image.version="$RELEASE" org.opencontainers.image.revision="$REVISION"',
            *_label_lines(labels),
            "",
        ]
    )


def _label_lines(labels: Mapping[str, str]) -> Iterator[str]:
    for key, value in labels.items():
        yield f"LABEL {key}={quoted(value)}"


def quoted(value: str) -> str:
    r"""A word that no builder expands: in double quotes ``\``, ``"`` and ``$`` are escaped, and nothing else is special
    (moby/buildkit:frontend/dockerfile/shell/lex.go, processDoubleQuote; openshift/imagebuilder has a copy)."""
    for each in '\\"$':
        value = value.replace(each, "\\" + each)
    return f'"{value}"'


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
