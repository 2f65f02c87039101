"""Options of a session that the form never sends, or not to everybody: for the rich example and its profile ocean."""

from __future__ import annotations

from typing import Any

NO_PROFILES: list[Any] = [
    *(None, 7, True, 1.5, {}, {"ocean": 1}),
    *("", "OCEAN", " ocean", "ocean\0", "océan", "\ud800", "x" * 70_000),
]
NO_BRICKS: list[Any] = [
    *(None, 7, True, {}),
    *([7], [1.5], [True], [{}], [["ml"], "ml"], ["ml\0"], ["\u043cl"], ["x" * 70_000]),
]

ATTACKS: dict[str, Any] = {
    "unknown brick": {"profile": "ocean", "bricks": ["gone"]},
    "brick of another profile": {"profile": "ocean", "bricks": ["ocean"]},
    "unknown profile": {"profile": "gone"},
    "another group's profile": {"profile": "deep"},
    "profile of another type": {"profile": ["ocean"]},
    "bricks as text": {"profile": "ocean", "bricks": "ml"},
    "bricks of another type": {"profile": "ocean", "bricks": [["ml"]]},
    "bricks as a mapping": {"profile": "ocean", "bricks": {"ml": True}},
    **{
        f"bricks {words}": {"profile": "ocean", "bricks": words}
        for words in (
            ["ml", "ml@v2026-3"],
            ["ml@v2026-3", "ml@v2025-1"],
            ["ml@2026.3"],
            ["ml@v2026"],
            ["ml@"],
            ["ml@no"],
            ["ml@v2025-7-1"],
            ["ml@v2026-3@"],
            ["ocean@include"],
            ["@include"],
            ["@"],
            [""],
            [None],
        )
    },
    **{f"profile {value!r:.20}": {"profile": value} for value in NO_PROFILES},
    **{f"bricks {value!r:.20}": {"profile": "ocean", "bricks": value} for value in NO_BRICKS},
    "ten thousand unknown bricks": {"profile": "ocean", "bricks": ["gone"] * 10_000},
    "markup": {"profile": "<script>alert(1)</script>", "bricks": ["<script>alert(1)</script>"]},
    "a field of the form": {"profile": "ocean", "bricks-ocean": ["ml"]},
    "options in options": {"user_options": {"profile": "ocean"}, "profile": "ocean"},
    "an image": {"profile": "ocean", "image": "evil.example.org/x"},
    "a command": {"cmd": ["sh"]},
    "mounts": {"profile": "ocean", "mounts": [{"Type": "bind", "Source": "/", "Target": "/host"}]},
}
