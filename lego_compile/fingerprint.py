"""What a pin was resolved from, as a digest: when the catalog's entry changes, the pin no longer stands for it."""

from __future__ import annotations

import json
from typing import Any

from lego_compile.hashing import sha256


def fingerprint(kind: str, release: str, entry: Any) -> str:
    """Digest of everything in a catalog entry that a pin of one release was made from, or was checked against.

    Titles, notes and other releases are left out: changing them asks for no new lock. Defaults are part of it,
    written or not.

    Args:
        kind: ``"bricks"`` or ``"systems"``.
        release: the release that the pin stands for, one of the entry's.
        entry: the entry (``Brick`` or ``System``).
    """
    said: dict[str, Any] = {
        "kind": kind,
        "image": entry.image,
        "release": release,
        "tag": tag_of(entry, release),
        "platforms": sorted(entry.platforms),
    }
    if kind == "bricks":
        said |= {
            "prefix": entry.prefix,
            "subpath": entry.subpath,
            "kernels": sorted([each.directory, each.title, each.language] for each in entry.kernels),
            "system": dict(entry.requires.system),
            "gpu": entry.requires.gpu,
        }
    else:
        said |= {
            "home": entry.home,
            "user": [entry.uid, entry.gid],
            "conda": entry.conda,
            "environments": list(entry.environments),
            "provides": dict(entry.provides),
        }
    text = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return f"sha256:{sha256(text.encode())}"


def tag_of(entry: Any, release: str) -> str:
    """The tag of a release in the registry: the release itself when the catalog says nothing else."""
    return str(entry.releases[release].tag or release)
