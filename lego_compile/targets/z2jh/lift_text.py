"""Text as Helm, KubeSpawner, Kubernetes and a browser read it."""

from __future__ import annotations

import re
from typing import Any

from lego_compile.ir.model import ImageRef

_REFERENCE = re.compile(
    r"(?P<repository>[a-z0-9.-]+(:[0-9]+)?(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)+)"
    r"(:(?P<tag>[A-Za-z0-9_][A-Za-z0-9._-]{0,127}))?@(?P<digest>sha256:[0-9a-f]{64})"
)
_BYTES = {"K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4}


def formatted(text: str) -> str | None:
    """What ``str.format`` makes of a text without fields; None when it has fields, or lone braces.

    jupyterhub/kubespawner:kubespawner/spawner.py@7.0.0 (``_expand_user_properties``): a known field becomes
    something of the user's, an unknown one ends the spawn with a KeyError.
    """
    if re.sub(r"\{\{|\}\}", "", text).count("{") or re.sub(r"\{\{|\}\}", "", text).count("}"):
        return None
    return text.replace("{{", "{").replace("}}", "}")


def expanded(text: str) -> str | None:
    """What Kubernetes makes of an argument or a variable; None when it names another variable.

    kubernetes/kubernetes:third_party/forked/golang/expansion/expand.go@v1.35.0: ``$$`` is ``$``, ``$(NAME)`` the
    value of a variable, and any other ``$`` itself.
    """
    parts: list[str] = []
    rest = text
    while "$" in rest:
        before, _, rest = rest.partition("$")
        parts.append(before + "$")
        if rest.startswith("$"):
            rest = rest[1:]
        elif rest.startswith("(") and ")" in rest:
            return None
    return "".join((*parts, rest))


def reference(text: str) -> ImageRef | None:
    """A pinned image reference; None for any other (distribution/reference:regexp.go)."""
    match = _REFERENCE.fullmatch(text)
    return ImageRef(match["repository"], match["digest"], match["tag"] or "") if match else None


def byte_count(value: Any) -> int | None:
    """Bytes as JupyterHub reads them, powers of 1024 (``8G``); None when it would refuse (``8Gi``).

    jupyterhub/jupyterhub:jupyterhub/traitlets.py@5.5.0 (``ByteSpecification``).
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        return int(value)
    match = re.fullmatch(r"([0-9]{1,15}(?:\.[0-9]{1,9})?)([KMGT])", value) if isinstance(value, str) else None
    return int(float(match[1]) * _BYTES[match[2]]) if match else None


def quantity(value: Any) -> int | None:
    """Bytes of a Kubernetes quantity: ``20Gi`` in powers of 1024, ``20G`` of 1000; None when it is none.

    kubernetes/apimachinery:pkg/api/resource/quantity.go; the suffixes that a size can sensibly have.
    """
    match = re.fullmatch(r"([0-9]{1,15})(?:([KMGT])i|([kMGT]))?", value) if isinstance(value, str) else None
    if not match:
        return None
    thousands = {"k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
    return int(match[1]) * (_BYTES[match[2]] if match[2] else thousands[match[3]] if match[3] else 1)


def page_text(markup: str) -> str | None:
    """What a browser shows for markup without elements; None when there are elements in it."""
    if "<" in markup or ">" in markup:
        return None
    if "&" not in markup:  # then its table of characters need not be loaded
        return markup
    from html import unescape

    return unescape(markup)
