"""Reading what a registry answers: JSON of strangers, and a few headers."""

from __future__ import annotations

import json
import re
import time
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

from lego_compile.registry.model import RegistryError
from lego_compile.registry.reference import clean
from lego_compile.uniquejson import RepeatedKeyError, unique

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 - a grammar (RFC 9110, 5.6.2), no password
_QUOTED = r'"((?:[^"\\]|\\.)*)"'
_SCHEME = re.compile(rf"({_TOKEN})(?=[\s,]|$)")
_PARAMETER = re.compile(rf"({_TOKEN})\s*=\s*(?:{_QUOTED}|({_TOKEN})(?=[\s,;]|$))", re.DOTALL)
_TOKEN68 = re.compile(r"\s+[A-Za-z0-9._~+/-]+=*\s*(?=,|$)")
_LINK = re.compile(r"<([^<>]*)>")
_NEXT = re.compile(rf"[\s;]*{_PARAMETER.pattern}", re.DOTALL)


class Challenge(NamedTuple):
    """One way to log in that a server offers.

    Attributes:
        scheme: ``basic``, ``bearer``…, in lower case.
        parameters: by name in lower case; the first of a name counts.
    """

    scheme: str
    parameters: dict[str, str]


def challenges(header: str) -> list[Challenge]:
    """The challenges of a ``WWW-Authenticate`` header; what follows no grammar is skipped.

    A comma separates challenges as well as their parameters (RFC 9110, 11.6.1), so that a name is a scheme when
    no equals sign follows it.
    """
    found: list[Challenge] = []
    at = 0
    while at < len(header):
        if header[at] in " \t\r\n,":
            at += 1
            continue
        parameter = _PARAMETER.match(header, at) if found else None
        scheme = None if parameter else _SCHEME.match(header, at)
        if parameter:
            name, quoted, plain = parameter.groups()
            value = plain if quoted is None else re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL)
            found[-1].parameters.setdefault(name.lower(), value)
            at = parameter.end()
        elif scheme:
            found.append(Challenge(scheme[1].lower(), {}))
            secret = _TOKEN68.match(header, scheme.end())
            at = secret.end() if secret else scheme.end()
        else:
            comma = header.find(",", at)
            at = len(header) if comma < 0 else comma
    return found


def next_link(header: str) -> str | None:
    """The target of ``rel="next"`` in a ``Link`` header (RFC 8288, 3), None without one."""
    at = header.find("<")
    while at >= 0:
        target = _LINK.match(header, at)
        at = target.end() if target else at + 1
        while target and (part := _NEXT.match(header, at)):
            value = part[3] if part[2] is None else part[2]
            if part[1].lower() == "rel" and "next" in value.lower().split():
                return target[1].strip()
            at = part.end()
        at = header.find("<", at)
    return None


def retry_after(header: str | None, now: float | None = None) -> float:
    """Seconds that a ``Retry-After`` header asks for, in either of its forms (RFC 9110, 10.2.3); 0 for nonsense."""
    text = (header or "").strip()
    if re.fullmatch(r"[0-9]{1,9}", text):
        return float(text)
    try:
        moment = parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return 0.0
    return max(0.0, moment - (time.time() if now is None else now))


def object_of(body: bytes, what: str) -> dict[str, Any]:
    """A JSON object.

    Args:
        body: the bytes.
        what: whose they are, to begin a message with.

    Raises:
        RegistryError: ``wrong``, when it is none, or one that no honest tool writes.
    """
    try:
        value = json.loads(body.decode("utf-8"), object_pairs_hook=unique, parse_constant=_no_number)
    except RecursionError:
        reason = "it is nested too deeply"
    except UnicodeDecodeError:
        reason = "it is not in UTF-8"
    except RepeatedKeyError as error:
        reason = f"`{clean(str(error), 60)}` occurs twice in one object"
    except ValueError:  # also numbers of more digits than Python converts
        reason = "it is no JSON"
    else:
        if isinstance(value, dict):
            return value
        reason = "it is no object"
    # Raised out here: the decoder's error holds the whole text, which may be a token.
    raise RegistryError("wrong", f"{what} cannot be read: {reason}")


def complaint(body: bytes, hide: tuple[str, ...] = ()) -> str:
    """What an error's body says (``errors[].message``), in brackets; empty when it says nothing fit to print.

    Args:
        body: of the answer.
        hide: secrets; a message with one of them is not repeated.
    """
    try:
        errors = object_of(body, "").get("errors")
    except RegistryError:
        return ""
    first = errors[0] if isinstance(errors, list) and errors else None
    message = first.get("message") if isinstance(first, dict) else None
    if not isinstance(message, str) or any(secret in message for secret in hide if secret):
        return ""
    return f" ({words})" if (words := clean(message)) else ""


def _no_number(_: str) -> Any:
    raise ValueError
