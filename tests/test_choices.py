"""Keys of choices, which JupyterHub stores with its users: what was offered once stays good."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from lego_compile.choices import key_of, with_choices
from lego_compile.diagnostic.model import Report
from lego_compile.ir.model import BrickMount, ImageRef


def choices(*uses: str, now: str = "2026.10", retired: tuple[str, ...] = ()) -> tuple[Any, Any, list[str]]:
    """Keys with their labels, hidden keys, and codes, for one brick that is offered in some ways."""
    offered: list[Any] = []
    for index, use in enumerate(uses):
        release = use.partition("@")[2] or now
        image = ImageRef("registry.example.org/x", f"sha256:{index:064}")
        mount = BrickMount("x", "X", image, "/opt/bricks/x", "/", origin=("center", "offer", index))
        offered.append((mount, SimpleNamespace(use=use, pin=SimpleNamespace(release=release))))
    profile: Any = SimpleNamespace(retired={"x": retired} if retired else {})
    report = Report()
    offers, hidden = with_choices(offered, profile, ("center",), report)
    return [(each.choice, each.release) for each in offers], dict(hidden), [each.code for each in report]


@pytest.mark.parametrize(
    ("release", "key"),
    [
        ("2026.3", "v2026-3"),
        ("2026.10-r1", "v2026-10-r1"),
        ("A_b..C", "va-b-c"),
        ("1--2", "v1-2"),
        ("x.", "vx"),
    ],
)
def test_the_key_of_a_release(release: str, key: str) -> None:
    """Lower case, single hyphens: the page and KubeSpawner take two of them for a separator."""
    assert key_of(release) == key


def test_one_release_needs_no_choice() -> None:
    """A box to tick; the release that the spec names is good under its own key, too."""
    assert choices("x") == ([("", "")], {}, [])
    assert choices("x@2026.3") == ([("", "")], {"x": ("v2026-3",)}, [])


def test_several_releases_have_keys() -> None:
    """The one without a release is what the lock has, under a key that does not change with it."""
    assert choices("x", "x@2026.3") == ([("include", "2026.10"), ("v2026-3", "2026.3")], {}, [])
    assert choices("x", "x@2026.3", now="2027.1")[0][0] == ("include", "2027.1")
    assert choices("x@2", "x@1") == ([("v2", "2"), ("v1", "1")], {}, [])


def test_retired_keys_stay_good() -> None:
    """Also that of the release which the lock happens to have now."""
    assert choices("x", "x@1", retired=("0.9", "2026.10"))[1:] == ({"x": ("v0-9", "v2026-10")}, [])
    assert choices("x@1", retired=("0.9",))[1:] == ({"x": ("v0-9", "v1")}, [])


def test_what_cannot_be_told_apart() -> None:
    """One release twice, two releases of one key, and a retired one that is offered."""
    assert choices("x", "x@2026.10")[2] == ["LC310"]
    assert choices("x@1.2", "x@1-2")[2] == ["LC310"]
    assert choices("x@1", "x@2", retired=("2",))[2] == ["LC318"]
