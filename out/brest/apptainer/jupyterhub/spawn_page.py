# Compiled by lego-compile from the centre specification: edit that, not this file.
"""The spawn page: profiles to choose from, and bricks to add. Every text is escaped here. The same for every centre."""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import Any

STYLE = """\
<style>
  .lego-profile { border: 1px solid #ccc; border-radius: 6px; padding: 1em; margin: .6em 0; display: grid;
    grid-template-columns: auto 1fr; column-gap: .7em; row-gap: .3em; align-items: baseline }
  .lego-profile:has(> input:checked) { border-color: #f37626; box-shadow: 0 0 0 1px #f37626 }
  .lego-profile > * { grid-column: 2 } .lego-profile > input { grid-column: 1 }
  .lego-profile > label { font-size: 1.15em; font-weight: bold; margin: 0; cursor: pointer }
  .lego-profile > p { margin: 0 } .lego-has { font-size: .9em; opacity: .8 }
  .lego-offers { border: 0; padding: 0; margin: .3em 0 0 }
  .lego-offers legend { font-size: 1em; margin: 0; border: 0; width: auto }
  .lego-offers label { display: block; font-weight: normal; margin: .2em 0; cursor: pointer }
  .lego-profile:not(:has(> input:checked)) > .lego-offers { display: none }
</style>"""


def page(
    profiles: list[dict[str, Any]],
    chosen: str,
    added: list[dict[str, Any]],
    spelled: Callable[[dict[str, Any]], str],
) -> str:
    """The form, in HTML.

    Args:
        profiles: those that the user may choose, in this order.
        chosen: slug of the one that is preselected.
        added: offered bricks of it that are preselected.
        spelled: what stands for an offered brick.
    """
    return "\n".join(
        [
            STYLE,
            '<div role="radiogroup" aria-label="What to start">',
            *(_profile(each, each["slug"] == chosen, added, spelled) for each in profiles),
            "</div>",
        ]
    )


def _profile(
    profile: dict[str, Any], on: bool, added: list[dict[str, Any]], spelled: Callable[[dict[str, Any]], str]
) -> str:
    slug = html.escape(profile["slug"])
    about = [part for part in ("what" if profile["description"] else "", "has") if part]
    described = " ".join(f"lego-{slug}_{part}" for part in about)
    lines = [
        '<div class="lego-profile">',
        f'<input type="radio" name="profile" id="lego-{slug}" value="{slug}" required'
        f' aria-describedby="{described}"{" checked" if on else ""}>',
        f'<label for="lego-{slug}">{html.escape(profile["title"])}</label>',
    ]
    if profile["description"]:
        lines.append(f'<p id="lego-{slug}_what">{html.escape(profile["description"])}</p>')
    lines.append(f'<p class="lego-has" id="lego-{slug}_has">{html.escape(_contents(profile))}</p>')
    if profile["offers"]:
        lines.append('<fieldset class="lego-offers"><legend>Add to it</legend>')
        for name in dict.fromkeys(brick["name"] for brick in profile["offers"]):
            releases = [brick for brick in profile["offers"] if brick["name"] == name]
            control = _control(f"bricks-{slug}", releases, added if on else [], spelled)
            lines.append(f"<label>{control}</label>")
        lines.append("</fieldset>")
    return "\n".join([*lines, "</div>"])


def _contents(profile: dict[str, Any]) -> str:
    """What comes with a profile, and what a session may use, in a line."""
    bricks = ", ".join(brick["title"] for brick in profile["bricks"]) or "JupyterLab alone"
    limits = []
    if profile["cpu"] is not None:
        cores = f"{profile['cpu'] / 1000:g}"
        limits.append(f"{cores} core{'' if cores == '1' else 's'}")
    if profile["memory"] is not None:
        limits.append(_size(profile["memory"]))
    if profile["gpus"] is not None:
        count = profile["gpus"]["count"]
        limits.append(f"{count} GPU{'' if count == 1 else 's'}")
    return " · ".join([bricks, *([", ".join(limits)] if limits else [])])


def _size(memory: int) -> str:
    """Bytes of memory as people say them, such as 1.5 GiB."""
    for unit, size in (("GiB", 1024**3), ("MiB", 1024**2)):
        if memory >= size:
            return f"{memory / size:.4g} {unit}"
    return f"{memory / 1024:.4g} KiB"


def _control(
    field: str,
    releases: list[dict[str, Any]],
    added: list[dict[str, Any]],
    spelled: Callable[[dict[str, Any]], str],
) -> str:
    """A box to tick for a brick, or a list to choose from when it comes in several releases."""
    title = html.escape(releases[0]["title"])
    if len(releases) == 1:
        mark = " checked" if releases[0] in added else ""
        return f'<input type="checkbox" name="{field}" value="{html.escape(spelled(releases[0]))}"{mark}> {title}'
    lines = [f'{title} <select name="{field}">', '<option value="">no</option>']
    for brick in releases:
        mark = " selected" if brick in added else ""
        lines.append(
            f'<option value="{html.escape(spelled(brick))}"{mark}>{html.escape(brick["release"])}</option>'
        )
    return "".join([*lines, "</select>"])
