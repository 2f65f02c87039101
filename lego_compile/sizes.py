"""How much a centre pulls: compressed bytes of its images, layers that several of them share counted once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from lego_compile.diagnostic.model import Label, Report

if TYPE_CHECKING:
    from lego_compile.spec.center import CenterSpec, Profile
    from lego_compile.spec.lock import LockSpec, Pin

_UNITS = {"K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4}


class Part(NamedTuple):
    """One image of a profile on one platform.

    Attributes:
        kind: ``"systems"`` or ``"bricks"``.
        use: as the centre says it.
        offered: whether the user has to ask for it.
        layers: digest → bytes; empty without a pin.
        pin: of the lock; None when it has none for this platform.
    """

    kind: str
    use: str
    offered: bool
    layers: Mapping[str, int]
    pin: Any

    @property
    def size(self) -> int:
        """Bytes of the image alone."""
        return sum(self.layers.values())


def parts(center: CenterSpec, profile: Profile, lock: LockSpec, platform: str) -> list[Part]:
    """The images of a profile on a platform: system, bricks, offers."""
    asked = [("systems", profile.system or center.system, False)]
    asked += [("bricks", use, False) for use in profile.bricks]
    asked += [("bricks", use, True) for use in profile.offer]
    found = []
    for kind, use, offered in asked:
        pin: Pin | None = getattr(lock, kind).get(use)
        if pin is not None and platform not in pin.platforms:
            pin = None
        found.append(Part(kind, use, offered, layers(pin, platform) if pin else {}, pin))
    return found


def layers(pin: Any, platform: str) -> Mapping[str, int]:
    """The layers of an image on a platform; a lock that does not list them has one, of its whole size."""
    pinned = pin.platforms[platform]
    return pinned.layers or {pinned.digest: pinned.size}


def total(images: Iterable[Part]) -> int:
    """Bytes that pulling all of these takes."""
    once: dict[str, int] = {}
    for each in images:
        once |= each.layers
    return sum(once.values())


def human(size: float) -> str:
    """A number of bytes for people: ``1.2 GiB``."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1023.5:  # what would be printed as 1024 is 1.0 of the next
            return f"{size:.0f} {unit}" if unit == "B" or size >= 99.95 else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"


def in_bytes(text: str) -> int:
    """Bytes of a ``Memory`` value (``8G`` is 8·1024³)."""
    return int(text[:-1]) * _UNITS[text[-1]]


def check_budget(center: CenterSpec, lock: LockSpec, report: Report) -> None:
    """No profile, and not the centre as a whole, pulls more than ``budget:`` allows, on any platform (LC410)."""
    for name in ("profile", "center"):
        said = getattr(center.budget, name)
        if not said:
            continue
        limit = Label(("center", "budget", name), "the budget")
        for platform in center.platforms:
            pulled = {slug: parts(center, each, lock, platform) for slug, each in center.profiles.items()}
            if name == "center":
                pulled = {"": [part for each in pulled.values() for part in each]}
            for slug, images in pulled.items():
                size = total(images)
                if size <= in_bytes(said):
                    continue
                largest = sorted((part for part in images if part.pin), key=lambda part: -part.size)
                names = ", ".join(dict.fromkeys(f"{part.use} {human(part.size)}" for part in largest))
                report.add(
                    "LC410",
                    (f"profile {slug!r} pulls" if slug else "the profiles of this centre pull together")
                    + f" {human(size)} on {platform}, {human(size - in_bytes(said))} more than the budget of {said}",
                    ("center", "profiles", slug) if slug else ("center", "profiles"),
                    key=True,
                    related=(limit,),
                    help=f"the largest images are {_first(names)}",
                )


def _first(names: str) -> str:
    shown = names.split(", ")
    return ", ".join(shown[:5]) + (f" and {len(shown) - 5} more" if len(shown) > 5 else "")
