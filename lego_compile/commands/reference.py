"""``lego-compile explain`` and ``lego-compile schema``: what is known without any centre."""

from __future__ import annotations

import argparse
import os
import sys

from lego_compile.cli import FINDINGS, OK, USAGE


def explain(chosen: argparse.Namespace) -> int:
    """``lego-compile explain CODE``: the catalogue entry; the list of codes without one."""
    from lego_compile.diagnostic import codes

    if chosen.code is None:
        for code in codes.CATALOGUE.values():
            print(f"{code.id}  {code.severity:7}  {code.title}")
        return OK
    name = chosen.code.upper()
    if name not in codes.CATALOGUE:
        from lego_compile.spec.conform import nearest

        typed = name.replace("O", "0").replace("I", "1")  # letters that look like digits
        guess = typed if typed in codes.CATALOGUE else nearest(name, [*codes.CATALOGUE])
        hint = f"did you mean {guess}?" if guess else "`lego-compile explain` lists them"
        print(f"lego-compile: there is no code {chosen.code!r}; {hint}", file=sys.stderr)
        return USAGE
    print(codes.explain(name).rstrip("\n"))
    return OK


def write_schemas(chosen: argparse.Namespace) -> int:
    """``lego-compile schema``: write the JSON Schemas, or say which are not current."""
    from lego_compile.schema import schemas

    stale = {}
    for name, text in schemas().items():
        path = os.path.join(chosen.out, name)
        try:
            with open(path, "rb") as file:
                current = file.read() == text.encode()
        except OSError:
            current = False
        if not current:
            stale[path] = text
    for path, text in stale.items():
        if chosen.check:
            print(f"not current: {path}")
            continue
        try:
            os.makedirs(chosen.out, exist_ok=True)
            with open(path, "wb") as file:
                file.write(text.encode())
        except OSError as error:
            print(
                f"lego-compile: {path!r} cannot be written: {(error.strerror or '').lower()}", file=sys.stderr
            )
            return USAGE
        print(f"wrote {path}")
    return FINDINGS if stale and chosen.check else OK
