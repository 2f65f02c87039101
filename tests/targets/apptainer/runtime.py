"""A stand-in for ``apptainer``: records how it was called, and does what the tests need of it.

``pull`` takes images from a folder (a file per digest, instead of a registry), ``sif list`` answers as the real one
does, and ``exec`` runs the command in the environment that the real one would make. Instead of mounting, it makes
the mounted directories, so the tests use prefixes below their own folder; what it runs at /run/lego is where the
session is. Programs of the system image are in a
folder ``image``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

_PROGRAM = """#!{python} -I
import json, os, shutil, signal, sys, time

HERE = {here!r}


def main(words):
    with open(HERE + "/calls", "a") as file:
        file.write(json.dumps({{"words": words, "environment": dict(os.environ)}}) + "\\n")
    if words[0] == "pull":
        path, source = words[-2:]
        place = os.environ.get("APPTAINER_TMPDIR") or os.environ["SINGULARITY_TMPDIR"]
        unpacked = place + "/bundle-temp"  # which stays when it is killed
        open(unpacked, "w").close()
        try:
            if source.startswith("oci:"):
                with open(source[4:] + "/index.json") as file:
                    manifests = json.load(file)["manifests"]
                with open(source[4:] + "/blobs/sha256/" + manifests[0]["digest"][7:]) as file:
                    layer = json.load(file)["layers"][0]["digest"]
                shutil.copyfile(source[4:] + "/blobs/sha256/" + layer[7:], path)
            else:
                shutil.copyfile(HERE + "/registry/" + source.split("@sha256:")[1], path)
        except FileNotFoundError:
            sys.exit("FATAL: while making image from oci registry: manifest unknown")
        while open(path).read() == "slow":
            time.sleep(0.05)
        os.unlink(unpacked)
    elif words[0] in ("--version", "buildcfg"):
        print(open(HERE + "/" + words[0].strip("-")).read())
    elif words[0] == "inspect":
        said = open(words[-1]).read().partition("{{")  # labels stand behind the number
        print(json.dumps({{"data": {{"attributes": {{"labels": json.loads("".join(said[1:]) or "null")}}}}}}))
    elif words[:2] == ["sif", "list"]:
        number = open(words[2]).read().split()[1]
        print("-" * 78)
        print("ID   |GROUP   |LINK    |SIF POSITION (start-end)  |TYPE")
        print("-" * 78)
        print("1    |1       |NONE    |32176-32219               |Def.FILE")
        print("2    |1       |NONE    |32768-35122               |JSON.Generic")
        if number != "none":
            print(number + "    |1       |NONE    |36864-2928640             |FS (Squashfs/*System/amd64)")
    elif words[:2] == ["sif", "dump"]:
        print("hsqs", open(words[3]).read(), words[2])
    else:
        execute(words[1:])


def execute(words):
    mounts = []
    while words[0].startswith("--"):
        flag = words.pop(0)
        if flag in ("--pwd", "--mount"):
            value = words.pop(0)
            if flag == "--mount":
                mounts.append(dict(field.partition("=")[::2] for field in value.split(",")))
    session = next((mount["src"] for mount in mounts if mount["dst"] == "/run/lego"), "/run/lego")
    for mount in mounts:
        if mount["dst"] == "/run/lego/etc":
            os.rmdir(session + "/etc")
            os.symlink(mount["src"], session + "/etc")
        elif mount["dst"] == "/run/lego":
            with open(HERE + "/session", "w") as file:
                json.dump([mount["src"], os.stat(mount["src"]).st_mode & 0o777, sorted(os.listdir(mount["src"]))], file)
        elif mount["dst"].startswith(HERE):
            if "image-src" in mount and "forbidden" in open(mount["src"]).read():
                shutil.rmtree(mount["dst"], ignore_errors=True)  # of an earlier session
            elif "image-src" in mount:
                os.makedirs(mount["dst"] + "/conda-meta", exist_ok=True)
                open(mount["dst"] + "/conda-meta/history", "w").close()
            elif os.path.isdir(mount["src"]):
                os.makedirs(mount["dst"], exist_ok=True)
    words = [word.replace("/run/lego", session) for word in words]
    inside = {{"PATH": HERE + "/image:/usr/bin:/bin"}}
    for name, value in os.environ.items():
        prefix, _, name = name.partition("_")
        if prefix in ("APPTAINERENV", "SINGULARITYENV"):
            inside[name] = value
    for number in (signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)  # whatever was ignored
    os.execve(words[1], words[1:], inside)


main(sys.argv[1:])
"""


CONF = """\
# as it is shipped, but for comments (apptainer/apptainer:etc/apptainer.conf)
allow setuid = yes
user bind control = yes
enable overlay = yes
enable underlay = preferred
mount home = yes
allow container sif = yes
allow container squashfs = yes
bind path = /etc/localtime
bind path = /etc/hosts
# limit container owners = gmk, apptainer, nobody
"""


class Runtime:
    """The stand-in, in a folder of its own.

    Attributes:
        here: the folder; what the tests mount lies below it.
        program: the executable.
        conf: its configuration.
        libexec: where it has its helpers.
        modules: what the system image's ``python3`` imports, besides the standard library.
    """

    def __init__(self, here: Path) -> None:
        self.here = here
        self.program = here / "bin" / "apptainer"
        self.program.parent.mkdir(parents=True)
        self.program.write_text(_PROGRAM.format(python=sys.executable, here=str(here)))
        self.program.chmod(0o755)
        (here / "registry").mkdir()
        (here / "version").write_text("apptainer version 1.4.5-2")
        self.conf = here / "apptainer.conf"
        self.conf.write_text(CONF)
        self.libexec = here / "libexec"
        (here / "buildcfg").write_text(f"LIBEXECDIR={self.libexec}\nAPPTAINER_CONF_FILE={self.conf}\n")
        self.modules = here / "image" / "modules"
        self.modules.mkdir(parents=True)
        (self.modules / "nb_conda_kernels.py").touch()
        self.install("python3", f'PYTHONPATH="{self.modules}" exec "{sys.executable}" "$@"')
        self.install("jupyter-lab", 'echo "lab $*"')

    def install(self, name: str, script: str) -> None:
        """Put a program into the system image."""
        path = self.here / "image" / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def publish(self, digest: str, content: str = "image 4") -> None:
        """Put an image into the registry; the second word is the number of its file system in a SIF."""
        (self.here / "registry" / digest.partition(":")[2]).write_text(content)

    def calls(self) -> list[dict[str, Any]]:
        """How it was called so far: ``words`` and ``environment``."""
        path = self.here / "calls"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def session(self) -> list[Any]:
        """Path, mode and content of the session directory as the last session had it."""
        found: list[Any] = json.loads((self.here / "session").read_text())
        return found
