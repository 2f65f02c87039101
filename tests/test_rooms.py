"""Who may import whom. A new import that crosses a wall fails here, with the wall's name."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "lego_compile"

ROOMS = {  # room: the rooms it may import
    "hashing": set(),
    "source": set(),
    "emit": {"hashing"},
    "uniquejson": set(),
    "registry": {"uniquejson"},
    "diagnostic": set(),
    "ir": {"diagnostic"},
    "spec": {"source", "diagnostic"},
    "mirrors": {"diagnostic"},
    "fingerprint": {"hashing"},
    "facts": {"spec", "source", "diagnostic", "uniquejson"},
    "agreement": {"ir", "diagnostic"},
    "lookup": {"spec", "diagnostic", "mirrors", "fingerprint"},
    "sizes": {"spec", "diagnostic"},
    "tags": set(),
    "session": set(),
    "choices": {"ir", "diagnostic", "agreement", "spec"},
    "resolve": {"spec", "ir", "diagnostic", "mirrors", "lookup", "agreement", "sizes", "choices", "session"},
    "targets": {"ir", "emit", "diagnostic", "spec", "hashing", "session"},
    "scans": {"spec", "diagnostic", "uniquejson"},
    "verify": {"targets", "ir", "diagnostic", "source", "mirrors"},
    "schema": {"spec", "targets"},
    "pipeline": {
        "source",
        "diagnostic",
        "spec",
        "mirrors",
        "resolve",
        "ir",
        "targets",
        "verify",
        "emit",
        "scans",
        "sizes",
    },
    "locking": {"diagnostic", "emit", "facts", "fingerprint", "lookup", "registry", "spec"},
    "asking": {"diagnostic", "registry"},
    "inspecting": {"diagnostic", "emit", "facts", "registry", "spec", "uniquejson"},
    "cataloguing": {
        "diagnostic",
        "source",
        "spec",
        "emit",
        "facts",
        "fingerprint",
        "locking",
        "lookup",
        "agreement",
        "asking",
        "registry",
        "tags",
    },
    "imaging": {"diagnostic", "emit", "facts", "session", "spec"},
    "commands": {
        "imaging",
        "cli",
        "pipeline",
        "verify",
        "schema",
        "emit",
        "diagnostic",
        "source",
        "spec",
        "targets",
        "locking",
        "asking",
        "registry",
        "mirrors",
        "resolve",
        "lookup",
        "tags",
        "cataloguing",
        "inspecting",
        "sizes",
        "ir",
    },
    "arguments": {"cli"},
    "cli": {"arguments", "commands", "diagnostic"},
    "__main__": {"cli"},
    "__init__": set(),
}
HEAVY = {"pydantic", "ruamel", "jinja2", "jsonschema", "rich", "urllib3", "zstandard"}
"""Third-party packages that a compile never imports."""
NETWORK = {"socket", "http", "requests", "ssl", "urllib3"}
"""Packages that only the room ``registry`` imports."""
FILES = {
    "emit/tree.py", "emit/manifest.py", "emit/file.py", "source/read.py", "commands/reference.py",
    "registry/credentials.py", "commands/doctoring.py", "inspecting/folder.py", "inspecting/layout.py",
}  # fmt: skip
"""The modules that may touch the user's files; a few more read data of the package."""
PACKAGE_DATA = {
    "imaging/lower.py", "session/__init__.py", "spec/load.py", "targets/assets.py", "targets/capability.py", "cli.py",
}  # fmt: skip


def modules() -> list[Path]:
    """Every module of the package that is imported as one; assets are shipped, not imported."""
    return sorted(path for path in PACKAGE.rglob("*.py") if "assets" not in path.parts)


def imports(path: Path) -> Iterator[str]:
    """Dotted names that a module imports, at whatever level."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room(path: Path) -> str:
    """The room of a module: its folder, or its own name at the top."""
    relative = path.relative_to(PACKAGE)
    return relative.parts[0] if len(relative.parts) > 1 else relative.stem


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_only_the_rooms_it_may(path: Path) -> None:
    """The import rule of ARCHITECTURE.md holds for every module."""
    used = {name.split(".")[1] for name in imports(path) if name.startswith("lego_compile.")}

    assert used - {room(path), "__version__"} <= ROOMS[room(path)]


@pytest.mark.parametrize("name", ["z2jh", "compose", "apptainer"])
def test_a_target_imports_no_other_target_and_lift_believes_nobody(name: str) -> None:
    """``lift`` shares no code with the writer it judges; targets know nothing of each other."""
    for path in sorted((PACKAGE / "targets" / name).glob("*.py")):
        used = set(imports(path))
        others = {
            f"lego_compile.targets.{other}" for other in ("z2jh", "compose", "apptainer") if other != name
        }
        assert not {each for each in used for other in others if each.startswith(other)}
        if path.name.startswith("lift"):
            own = {f"lego_compile.targets.{name}.{part}" for part in ("lower", "emit", "check", "options")}
            assert not {each for each in used for part in own if each.startswith(part)}
            assert not {each for each in used if each.startswith("lego_compile.emit")}


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_files_and_heavy_packages_stay_in_their_places(path: Path) -> None:
    """pydantic is in the models only; files are touched in a few modules; one room asks the network."""
    relative = path.relative_to(PACKAGE).as_posix()
    used = {name.split(".")[0] for name in imports(path)}
    is_model = relative in {
        f"spec/{name}.py" for name in ("types", "center", "build", "catalog", "lock", "login", "scans")
    }

    if not relative.startswith("registry/"):
        assert not used & NETWORK
        assert "urllib.request" not in set(imports(path))
    if not (is_model or path.name.startswith("options")):
        assert not used & {"pydantic"}
    if relative not in FILES | PACKAGE_DATA:
        calls = [node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
        assert not [call.id for call in calls if isinstance(call, ast.Name) and call.id == "open"]


def test_a_compile_imports_only_what_it_needs() -> None:
    """A heavy module that creeps into the compile path is a second that every operator waits."""
    code = (
        "import sys; from lego_compile.cli import main; code = main(['-q', '--check', 'centers/grenoble.yaml']);"
        "print(code, *sorted(sys.modules))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=PACKAGE.parent, check=True
    )
    code_, *loaded = run.stdout.split()

    assert code_ == "0", run.stderr
    assert not {name.split(".")[0] for name in loaded} & HEAVY
    assert not {"pathlib", "tempfile", "subprocess", "concurrent", "multiprocessing", "urllib"} & set(loaded)
    others = [name for name in loaded if not name.startswith("lego_compile")]
    assert len(others) <= 127
    assert len(loaded) - len(others) <= 120  # small ones of ours, for all three targets
