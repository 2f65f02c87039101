"""The data of the interactive app as Open OnDemand and the app's own fixed files read it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lego_compile.ir.model import BrickMount, Composition, Deployment
from lego_compile.targets.apptainer.files import HEADER
from lego_compile.targets.apptainer.files_around import CHOICES, FORM, MANIFEST, field
from lego_compile.targets.apptainer.lift_jobs import Asked, slurm_asked, slurm_seconds
from lego_compile.targets.apptainer.lift_leaves import read_json
from lego_compile.targets.goyaml import Unreadable, load
from lego_compile.targets.reading import Complaint, Reading

_USUAL_HOURS = 4


def check_ondemand(
    files: Mapping[str, bytes], deployment: Deployment, options: Mapping[str, Any]
) -> Iterator[Complaint]:
    """Complaints when the form offers something else than the profiles, or a choice asks for another job."""
    complaints: list[Complaint] = []
    manifest, form = (_yaml(files, path, complaints) for path in (MANIFEST, FORM))
    if manifest is not None:
        manifest.expect(_manifest(deployment.center))
        complaints += manifest.finish()
    if form is not None:
        form.expect(_form(deployment, options))
        complaints += form.finish()
    data = read_json(files, CHOICES, complaints)
    if data is not None:
        reading = Reading(CHOICES, data)
        _check_choices(reading, deployment, options)
        complaints += reading.finish()
    yield from complaints


def _yaml(files: Mapping[str, bytes], path: str, complaints: list[Complaint]) -> Reading | None:
    """A file of YAML whose every word all readers of YAML take alike, Ruby's Psych among them."""
    if path not in files:
        complaints.append(Complaint("LC703", f"{path!r} is missing", (path,)))
        return None
    begin = f"# {HEADER}\n".encode()
    try:
        data = load(files[path])
    except Unreadable as problem:
        complaints.append(Complaint("LC705", f"{path!r} {problem}", (path,)))
        return None
    if not files[path].startswith(begin) or _symbols(files[path]):
        complaints.append(Complaint("LC705", f"{path!r} is not what lego-compile writes", (path,)))
        return None
    return Reading(path, data)


def _symbols(data: bytes) -> bool:
    """Whether a bare word begins with a colon, which Psych refuses (ruby/psych:lib/psych/scalar_scanner.rb)."""
    import yaml

    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)(data.decode())
    events = iter(loader.get_event, None)
    return any(
        isinstance(each, yaml.ScalarEvent) and each.style in (None, "") and each.value.startswith(":")
        for each in events
    )


def _manifest(center: str) -> dict[str, Any]:
    """OSC/ondemand:apps/dashboard/app/models/manifest.rb."""
    return {
        "name": f"JupyterLab ({center})",
        "category": "Interactive Apps",
        "subcategory": "Servers",
        "role": "batch_connect",
        "description": f"JupyterLab with the environments of {center}, as a job of the cluster.",
    }


def _form(deployment: Deployment, options: Mapping[str, Any]) -> dict[str, Any]:
    """OSC/ondemand:apps/dashboard/app/models/batch_connect/app.rb, lib/smart_attributes/attribute.rb."""
    profiles = deployment.profiles
    longest = max((slurm_seconds(options, each) + 3599) // 3600 for each in profiles) if profiles else 0
    default = next((each.slug for each in profiles if each.default), profiles[0].slug if profiles else "")
    attributes: dict[str, Any] = {
        "profile": {
            "widget": "select",
            "label": "Profile",
            "value": default,
            "options": [[each.title, each.slug] for each in profiles],
        },
        "hours": {
            "widget": "number_field",
            "label": "Hours",
            "value": min(_USUAL_HOURS, longest),
            "min": 1,
            "max": longest,
            "step": 1,
            "required": True,
        },
    }
    attributes |= {
        field(profile.slug, name): _control(bricks)
        for profile in profiles
        for name, bricks in profile.offered.items()
    }
    return {
        "cluster": options["ondemand"]["cluster"],
        "form": list(attributes),
        "attributes": attributes,
    }


def _control(bricks: tuple[BrickMount, ...]) -> dict[str, Any]:
    title = {"label": bricks[0].title}
    if len(bricks) == 1:
        return {"widget": "check_box", **title, "checked_value": _called(bricks[0]), "unchecked_value": ""}
    return {
        "widget": "select",
        **title,
        "options": [["no", ""], *([each.release, _called(each)] for each in bricks)],
    }


def _called(brick: BrickMount) -> str:
    """As lego-launch takes it after ``-b``."""
    return f"{brick.name}@{brick.choice}" if brick.choice else brick.name


def _check_choices(reading: Reading, deployment: Deployment, options: Mapping[str, Any]) -> None:
    """As submit.yml.erb and script.sh.erb read them, which are the files that we ship."""
    reading.expect(HEADER, "note")
    reading.expect(options["root"], "root")
    reading.expect(options["ondemand"].get("url") or "*", "origin")
    for index in reading.indices("profiles"):
        if index >= len(deployment.profiles):
            reading.complain("there is a profile too many", "profiles", index)
            continue
        _check_choice(reading, index, deployment.profiles[index], options)
    if len(reading.indices("profiles")) < len(deployment.profiles):
        reading.complain("a profile is missing", "profiles")


def _check_choice(reading: Reading, index: int, profile: Composition, options: Mapping[str, Any]) -> None:
    here = ("profiles", index)
    reading.expect(profile.slug, *here, "slug")
    reading.expect(slurm_seconds(options, profile), *here, "seconds")
    asked: Asked = {}
    for at in reading.indices(*here, "options"):
        name, _, value = reading.text(*here, "options", at).partition("=")
        asked.setdefault(name, []).append(value)
    wanted = slurm_asked(options, profile)
    if asked != wanted:
        reading.complain(f"the job asks for {asked} and has to ask for {wanted}", *here, "options")
    offers = [
        {"field": field(profile.slug, name), "bricks": [_called(each) for each in bricks]}
        for name, bricks in profile.offered.items()
    ]
    reading.expect(offers, *here, "offers")
