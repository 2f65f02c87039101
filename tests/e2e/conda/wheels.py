"""Wheels of PyPI as conda packages, as conda-forge makes them: ``noarch: python``, or one for each Python.

Runs in the Debian root folder of ``build_root.py``; nothing of this project can be imported here.
"""

from __future__ import annotations

import configparser
import email
import json
import stat
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from packages import PLACEHOLDER, File, Package  # type: ignore[import-not-found, unused-ignore]
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename

_SITE = "site-packages"
_NAMES = {"jupyterlab-widgets": "jupyterlab_widgets"}
"""Names that conda-forge spells in another way than PyPI's registry does."""


def converted(path: Path, pythons: tuple[str, ...]) -> Iterator[Package]:
    """The packages of a wheel.

    Args:
        path: of the wheel.
        pythons: of those ``3.13``, ``3.14`` that it was downloaded for.
    """
    wheel_name, version, _, tags = parse_wheel_filename(path.name)
    name = _named(wheel_name)
    pure = all(tag.platform == "any" for tag in tags)
    with zipfile.ZipFile(path) as wheel:
        content = {each.filename: _read(wheel, each) for each in wheel.infolist() if not each.is_dir()}
    (top,) = {each.split("/")[0] for each in content if each.split("/")[0].endswith(".dist-info")}
    said = email.message_from_bytes(content[f"{top}/METADATA"].content)
    needs = [Requirement(each) for each in said.get_all("Requires-Dist", [])]
    points = _entry_points(content.get(f"{top}/entry_points.txt", File()).content.decode())
    content[f"{top}/INSTALLER"] = File(b"conda")
    content.pop(
        f"{top}/RECORD", None
    )  # which conda-build removes too: its hashes are not those of the installed files
    if pure:
        depends = {spec for python in pythons for spec in _depends(needs, python)}
        yield Package(
            name=name, version=str(version), build="pyh0000000_0", noarch=True, entry_points=tuple(points),
            files=_adapted(name, dict(_placed(content, _SITE, "python-scripts"))),
            depends=("python >=3.10", *sorted(depends)),
        )  # fmt: skip
        return
    for python in pythons:
        files = dict(_placed(content, f"lib/python{python}/{_SITE}", "bin"))
        files |= {f"bin/{each.split('=')[0].strip()}": _program(each) for each in points}
        yield Package(
            name=name, version=str(version), build=f"py{python.replace('.', '')}_0", files=_adapted(name, files),
            depends=(f"python {python}.*", "__glibc >=2.17", *sorted(_depends(needs, python))),
        )  # fmt: skip


def _read(wheel: zipfile.ZipFile, member: zipfile.ZipInfo) -> File:
    return File(wheel.read(member), bool((member.external_attr >> 16) & stat.S_IXUSR))


def _placed(content: Mapping[str, File], site: str, programs: str) -> Iterator[tuple[str, File]]:
    """Paths of a wheel → paths below a prefix (packaging.python.org, "Binary distribution format", .data)."""
    for path, file in content.items():
        first, _, rest = path.partition("/")
        if not first.endswith(".data"):
            yield f"{site}/{path}", file
            continue
        kind, _, rest = rest.partition("/")
        if kind == "scripts":
            head, _, body = file.content.partition(b"\n")
            if head.startswith(b"#!python"):
                head = f"#!{PLACEHOLDER}/bin/python".encode()
            yield f"{programs}/{rest}", File(head + b"\n" + body, True)
        elif kind in ("purelib", "platlib"):
            yield f"{site}/{rest}", file
        elif kind == "data":
            yield rest, file


def _adapted(name: str, files: dict[str, File]) -> dict[str, File]:
    """The kernelspec of conda-forge's ipykernel starts the Python of its prefix; that of the wheel starts any."""
    path = "share/jupyter/kernels/python3/kernel.json"
    if name == "ipykernel":
        spec = json.loads(files[path].content)
        spec["argv"][0] = f"{PLACEHOLDER}/bin/python"
        files[path] = File(json.dumps(spec, indent=1).encode())
    return files


def _depends(needs: list[Requirement], python: str) -> Iterator[str]:
    environment = {
        "python_version": python, "python_full_version": f"{python}.0", "sys_platform": "linux",
        "platform_system": "Linux", "platform_machine": "x86_64", "os_name": "posix", "extra": "",
        "platform_python_implementation": "CPython", "implementation_name": "cpython",
    }  # fmt: skip
    for each in needs:
        if each.marker is None or each.marker.evaluate(environment):
            bounds = ",".join(sorted(str(bound) for bound in each.specifier))
            yield f"{_named(each.name)} {bounds}".strip()


def _named(distribution: str) -> str:
    name = canonicalize_name(distribution)
    return _NAMES.get(name, name)


def _entry_points(text: str) -> list[str]:
    parser = configparser.ConfigParser(delimiters=("=",), interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(text)
    section = "console_scripts"
    return [f"{key} = {value}" for key, value in parser.items(section)] if parser.has_section(section) else []


def _program(point: str) -> File:
    """conda/conda-build:conda_build/noarch_python.py, and what pip writes."""
    module, _, function = point.partition("=")[2].strip().partition(":")
    text = f"#!{PLACEHOLDER}/bin/python\nimport sys\nfrom {module} import {function.split('.')[0]}\n"
    return File(f"{text}if __name__ == '__main__':\n    sys.exit({function}())\n".encode(), True)
