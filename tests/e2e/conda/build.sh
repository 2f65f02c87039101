#!/bin/bash
# Makes what images are built of, in a Debian root folder of its own (see ../build_root.py):
#   /channel         a conda channel: Debian's Pythons and wheels of PyPI, as packages
#   /srv/micromamba  root of the stand-in of the micromamba image
#   /srv/base        root of the stand-in of a slim Debian image
# Downloads packages of PyPI and Debian. The sources of the programs are in /srv/conda already.
set -euo pipefail
export PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
stage=/srv/stage
mkdir -p "$stage" /channel /var/lib/containers

# ── a slim Debian: what the official image leaves out is left out ─────────────────────────────────────
# A mirror may be a copy of an earlier day, which debootstrap takes as well.
debian() {
  local mirror
  mirror=$(sed -nE 's/^deb ([^ ]+) .*/\1/p' /etc/apt/sources.list | head -1)
  # shellcheck disable=SC2016  # $1 is for the hook
  mmdebstrap --quiet --mode=root --variant=minbase --include=ca-certificates,tini \
    --aptopt='APT::Sandbox::User "root"' --aptopt='Acquire::Check-Valid-Until "false"' --dpkgopt=force-unsafe-io \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/info/*' \
    --customize-hook='rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/* "$1"/var/log/*' sid /srv/base "$mirror"
}
debian &

# ── the channel ───────────────────────────────────────────────────────────────────────────────────────
python3.14 -m venv "$stage/tools"
pip() { "$stage/tools/bin/python" -m pip --quiet "$@"; }
pip install py-rattler packaging
wheels() { # wheels PYTHON PACKAGE...
  local python=$1
  shift
  pip download --only-binary :all: --python-version "$python" --implementation cp --dest "$stage/wheels/$python" "$@"
}
wheels 3.13 ipykernel xxhash toolz ipywidgets
wheels 3.14 ipykernel tabulate jupyterlab jupyterhub batchspawner requests ipywidgets
"$stage/tools/bin/python" /srv/conda/channel.py /channel "$stage/wheels/3.13" "$stage/wheels/3.14"
wait $!  # a job that failed is a script that failed

# ── micromamba: the channel's own Python with rattler, on that Debian ─────────────────────────────────
mamba=/srv/micromamba
mkdir -p "$mamba/opt/mamba" "$mamba/usr/local/bin"
"$stage/tools/bin/python" - "$mamba/opt/mamba" <<'PY'
import pathlib, sys
from rattler.package_streaming import extract
(python,) = pathlib.Path("/channel/linux-64").glob("python-3.14.*.conda")
extract(python, sys.argv[1])
PY
rm -rf "$mamba/opt/mamba/info"
pip --python "$mamba/opt/mamba/bin/python3.14" install --no-compile py-rattler
install -m 755 /srv/conda/micromamba.py "$mamba/usr/local/bin/micromamba"
install -m 755 /srv/conda/solve.py "$mamba/opt/mamba/bin/solve"

# ── what is in all of that ────────────────────────────────────────────────────────────────────────────
python3 - >/channel/versions.json <<'PY'
import json, os, pathlib
found = {"glibc": os.confstr("CS_GNU_LIBC_VERSION").split()[1]}
for each in sorted(pathlib.Path("/channel").glob("*/repodata.json")):
    said = json.loads(each.read_text())
    for record in (*said["packages"].values(), *said["packages.conda"].values()):
        found.setdefault(record["name"], []).append(record["version"])
print(json.dumps(found, indent=1, sort_keys=True))
PY
rm -rf "$stage"
