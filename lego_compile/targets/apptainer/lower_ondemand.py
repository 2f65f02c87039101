"""The data of the interactive app for Open OnDemand: what its form shows, and what each choice asks of Slurm."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from lego_compile.emit import yaml
from lego_compile.targets.apptainer.files import HEADER
from lego_compile.targets.apptainer.files_around import CHOICES, FORM, MANIFEST, field
from lego_compile.targets.apptainer.lower_batch import asked, slurm_options

_TIME = re.compile(r"(?:([0-9]+)-)?([0-9]+):([0-9]+):([0-9]+)")
_HOURS = 4
"""What the form says before anybody chooses."""


def ondemand(data: Mapping[str, Any]) -> dict[str, Any]:
    """The data files of the app by path, of a centre with Open OnDemand."""
    return {
        MANIFEST: yaml.dump(_manifest(data), HEADER),
        FORM: yaml.dump(_form(data), HEADER),
        CHOICES: _choices(data),
    }


def _manifest(data: Mapping[str, Any]) -> dict[str, Any]:
    """https://osc.github.io/ood-documentation/latest/how-tos/app-development/interactive/manifest.html."""
    return {
        "name": f"JupyterLab ({data['center']})",
        "category": "Interactive Apps",
        "subcategory": "Servers",
        "role": "batch_connect",
        "description": f"JupyterLab with the environments of {data['center']}, as a job of the cluster.",
    }


def _form(data: Mapping[str, Any]) -> dict[str, Any]:
    """https://osc.github.io/ood-documentation/latest/how-tos/app-development/interactive/form-widgets.html.

    Not ``form.yml.erb``: in titles, nothing is evaluated. No ``help``, where Open OnDemand would show them as HTML.
    """
    profiles = data["profiles"]
    longest = max(-(-_seconds(data, profile) // 3600) for profile in profiles)
    attributes: dict[str, Any] = {
        "profile": {
            "widget": "select",
            "label": "Profile",
            "value": next((each["slug"] for each in profiles if each["default"]), profiles[0]["slug"]),
            "options": [[profile["title"], profile["slug"]] for profile in profiles],
        },
        "hours": {
            "widget": "number_field",
            "label": "Hours",
            "value": min(_HOURS, longest),
            "min": 1,
            "max": longest,
            "step": 1,
            "required": True,
        },
    }
    for profile in profiles:
        for name, bricks in _offers(profile):
            attributes[field(profile["slug"], name)] = _control(bricks)
    return {"cluster": data["ondemand"]["cluster"], "form": list(attributes), "attributes": attributes}


def _control(bricks: list[Mapping[str, Any]]) -> dict[str, Any]:
    """A box to tick for an offered brick, or a list where it comes in several releases."""
    if len(bricks) == 1:
        value = _spelled(bricks[0])
        box = {"widget": "check_box", "label": bricks[0]["title"], "checked_value": value}
        return {**box, "unchecked_value": ""}
    options = [["no", ""], *([brick["release"], _spelled(brick)] for brick in bricks)]
    return {"widget": "select", "label": bricks[0]["title"], "options": options}


def _choices(data: Mapping[str, Any]) -> dict[str, Any]:
    """What the form's answers stand for; nothing else reaches the scheduler or the launcher."""
    return {
        "note": HEADER,
        "root": data["root"],
        # Open OnDemand's proxy hides from JupyterLab by which name people call it
        "origin": data["ondemand"].get("url", "*"),
        "profiles": [
            {
                "slug": profile["slug"],
                "seconds": _seconds(data, profile),
                "options": slurm_options(data, profile),
                "offers": [
                    {"field": field(profile["slug"], name), "bricks": [_spelled(brick) for brick in bricks]}
                    for name, bricks in _offers(profile)
                ],
            }
            for profile in data["profiles"]
        ],
    }


def _offers(profile: Mapping[str, Any]) -> Iterator[tuple[str, list[Mapping[str, Any]]]]:
    """The offered bricks by name, each with its releases, the first one first."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for brick in profile["offers"]:
        found.setdefault(brick["name"], []).append(brick)
    return iter(found.items())


def _spelled(brick: Mapping[str, Any]) -> str:
    """What lego-launch takes for an offered brick."""
    return f"{brick['name']}@{brick['choice']}" if "choice" in brick else str(brick["name"])


def _seconds(data: Mapping[str, Any], profile: Mapping[str, Any]) -> int:
    """The longest time of a profile; Slurm writes [DAYS-]HOURS:MINUTES:SECONDS."""
    match = _TIME.fullmatch(asked(data, profile)["time"])
    assert match, "a time of the options"
    days, hours, minutes, seconds = (int(each or 0) for each in match.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds
