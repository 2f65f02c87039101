"""The guard and the snippet for groups, run as the container and the hub run them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from lego_compile.targets.assets import asset


def guard(*prefixes: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the guard with a variable for each prefix."""
    bricks = {f"LEGO_BRICK_B{index}": str(prefix) for index, prefix in enumerate(prefixes)}
    words = ["/bin/sh", "-c", asset("z2jh", "guard.sh").decode()]
    path = {"PATH": "/usr/bin:/bin"}
    return subprocess.run(
        words, capture_output=True, text=True, timeout=60, env={**path, **bricks, **environment}
    )


def brick(folder: Path) -> Path:
    """A folder that looks like a conda environment."""
    folder.joinpath("conda-meta").mkdir(parents=True)
    folder.joinpath("conda-meta", "history").touch()
    return folder


def test_with_all_bricks_the_session_goes_on(tmp_path: Path) -> None:
    """The hook succeeds and says nothing; so it does without any brick."""
    for done in (guard(brick(tmp_path / "a"), brick(tmp_path / "b c")), guard(OTHER="LEGO_BRICK_X=/nowhere")):
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("first", [True, False])
def test_a_missing_brick_ends_the_session(tmp_path: Path, first: bool) -> None:
    """A prefix that is missing, or empty, fails the hook, and the message names it."""
    there, empty = brick(tmp_path / "there"), tmp_path / "empty"
    empty.mkdir()
    for missing in (tmp_path / "gone", empty):
        done = guard(*([missing, there] if first else [there, missing]))
        assert done.returncode == 1
        assert f"there is no brick at {missing} (LEGO_BRICK_B" in done.stderr


def test_nothing_in_a_variable_is_executed(tmp_path: Path) -> None:
    """Values are data, whatever is in them."""
    target = tmp_path / "made"
    done = guard(Path(f"$(touch {target})"), Path(f"`touch {target}`"), Path(f"x; touch {target}"))
    assert (done.returncode, target.exists()) == (1, False)


def test_without_env_it_fails(tmp_path: Path) -> None:
    """An image without the program ``env`` cannot be checked, so it does not pass."""
    assert guard(PATH=str(tmp_path)).returncode != 0


def snippet(values: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    """The callable that the snippet gives to KubeSpawner, with the chart's module made up."""

    def get_config(key: str, default: Any = None) -> Any:
        node: Any = values
        for step in key.split("."):
            if not isinstance(node, dict) or step not in node:
                return default
            node = node[step]
        return node

    module = ModuleType("z2jh")
    module.get_config = get_config  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "z2jh", module)
    config = SimpleNamespace(KubeSpawner=SimpleNamespace())
    exec(asset("z2jh", "lego_profiles.py").decode(), {"c": config})
    return config.KubeSpawner.profile_list


def spawner(name: str, *groups: str) -> Any:
    """As much of a spawner as the snippet looks at."""
    return SimpleNamespace(
        user=SimpleNamespace(name=name, groups=[SimpleNamespace(name=each) for each in groups])
    )


PROFILES = [{"slug": "open"}, {"slug": "field"}, {"slug": "deep"}]
RESERVED = {"field": ["staff"], "deep": ["m1", "staff"]}


def slugs(values: dict[str, Any], who: Any, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a user may choose."""
    return [each["slug"] for each in snippet(values, monkeypatch)(who)]


def test_listed_members_are_the_members(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the values list members, the hub's own groups do not count: who was taken off is out."""
    lego = {"profileGroups": RESERVED, "groupMembers": {"staff": ["ada"]}}
    values = {"custom": {"lego": lego}, "singleuser": {"profileList": PROFILES}}
    assert slugs(values, spawner("ada"), monkeypatch) == ["open", "field", "deep"]
    assert slugs(values, spawner("grace", "staff"), monkeypatch) == ["open"]
    assert slugs(values, spawner("grace", "m1"), monkeypatch) == ["open", "deep"]


def test_without_members_the_hub_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Groups without listed members are those of JupyterHub, filled by the login service or by hand."""
    lego = {"profileGroups": RESERVED, "groupMembers": {"staff": []}}
    values = {"custom": {"lego": lego}, "singleuser": {"profileList": PROFILES}}
    assert slugs(values, spawner("grace", "staff"), monkeypatch) == ["open", "field", "deep"]
    assert slugs(values, spawner("grace"), monkeypatch) == ["open"]


def test_nothing_left_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any profile KubeSpawner would start a bare session, so the snippet says no."""
    from tornado.web import HTTPError

    values = {
        "custom": {"lego": {"profileGroups": RESERVED}},
        "singleuser": {"profileList": PROFILES[1:]},
    }
    with pytest.raises(HTTPError, match="403"):
        snippet(values, monkeypatch)(spawner("grace"))
