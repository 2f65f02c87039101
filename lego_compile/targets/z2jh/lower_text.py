"""Text so that Helm, KubeSpawner, Kubernetes and the spawn page leave it as it was."""

from __future__ import annotations

from typing import Any

from lego_compile.ir.model import ImageRef

_UNITS = (("T", 1024**4), ("G", 1024**3), ("M", 1024**2), ("K", 1024))


def pair(key: str, value: Any) -> dict[str, Any]:
    """A pair of a map, left out when there is nothing to say."""
    return {key: value} if value else {}


def dollars(text: str) -> str:
    """Kubernetes replaces ``$(NAME)`` and ``$$`` (kubernetes/kubernetes:third_party/forked/golang/expansion)."""
    return text.replace("$", "$$") if "$(" in text or "$$" in text else text


def template(text: str) -> str:
    """KubeSpawner formats every text of volumes, mounts and environment with ``str.format``."""
    return text.replace("{", "{{").replace("}", "}}")


def expandable(text: str) -> str:
    """The value of a variable, which KubeSpawner formats and Kubernetes expands."""
    return template(dollars(text))


def html(text: str) -> str:
    """The spawn page inserts titles as they are (jupyterhub/kubespawner:kubespawner/templates/form.html).

    Braces too: the page was a template of JupyterHub once more in some releases.
    """
    for char, entity in (("&", "amp"), ("<", "lt"), (">", "gt"), ('"', "quot"), ("{", "#123"), ("}", "#125")):
        text = text.replace(char, f"&{entity};")
    return text


def cores(number: float) -> int | float:
    """A number of cores, as people write it: ``4``, and ``0.5``."""
    return int(number) if number == int(number) else number


def size_text(size: int) -> str:
    """Bytes with the largest unit that leaves a whole number; units are powers of 1024 (``8G``)."""
    unit, factor = next((each for each in _UNITS if size % each[1] == 0), _UNITS[-1])
    return f"{size // factor}{unit}"


def name_and_tag(image: ImageRef) -> dict[str, str]:
    """The chart joins both with a colon, and knows no digest; the last colon is as good a place as any."""
    name, _, tag = image.labelled.rpartition(":")
    if image.tag:
        name, tag = image.repository, f"{image.tag}@{image.digest}"
    return {"name": name, "tag": tag}
