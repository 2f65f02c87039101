"""``emit.yaml``: every reader gets back the data that was written."""

from __future__ import annotations

import io
import json
import time
from enum import StrEnum

import pytest
import yaml as pyyaml
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from lego_compile.emit import yaml


def read_1_1(text: str) -> object:
    """Read as PyYAML does: YAML 1.1."""
    return pyyaml.safe_load(text)


def read_1_2(text: str) -> object:
    """Read as ruamel.yaml does: YAML 1.2."""
    return YAML(typ="safe", pure=True).load(io.StringIO(text))


def typed(data: object) -> str:
    """Spell data so that 1, 1.0 and True differ, and the order of keys counts."""
    return repr(json.loads(json.dumps(data)))


WORDS = """
yes Yes YES no No NO on On ON off Off OFF y Y n N true True TRUE tRue false False FALSE null Null NULL ~
0 010 0o10 0x1F 0b11 1_000 +1 -1 1:30 190:20:30 1e3 12e45 1.5 1. .5 1e+16 6.02E-23 1.10
.inf -.inf +.INF .nan .NaN 2024-10-01 2001-12-14t21:59:43.10-05:00 = << - ? : a: #a &a *a !a
| > %a @a `a {a} [a] {} [] ,a --- ... 'a' "a" a'b a"b a\\b
"""
AMBIGUOUS = [
    *WORDS.split(),
    *("", " ", " a", "a ", "- a", "? a", ": a", "a: b", "a #b", "--- a", "a, b]", "\t", "a\tb"),
    *("\n", "\n\n", " \n", "a\n\n", "a \nb", "a\n  \nb", "\ta\nb", "a\n\tb", " a\nb", "\r", "a\rb", "a\r\nb"),
    *("\0", "\x1b[31m", "\x7f", "\x85", "a\x85b", "a\u2028b", "\u2029", "\ufeff", "\ufeffa", "\uffff"),
    *("a\u200bb", "a\u202eb", "\U000e0041"),
]

ORDINARY = """
jupyterhub /opt/bricks/gaia quay.io/jupyterhub/k8s-hub:4.2.0 sha256:abc12e45 node.js Santé x😀 a:b issue#3
hub.jupyter.org/dedicated=user:NoSchedule NVIDIA_VISIBLE_DEVICES yesterday nullable
"""
BARE = [
    *ORDINARY.split(),
    *("Gaia data, tools", "https://hub.example.org/?a=1&b=2", "It costs $5; (50%)!"),
]


@pytest.mark.parametrize("text", AMBIGUOUS)
def test_text_that_looks_like_something_else_is_quoted(text: str) -> None:
    """A string that some reader would take for something else, or lose a part of, is quoted everywhere."""
    dumped = yaml.dump({"k": text, text: "v", "list": [text]})
    assert dumped.startswith('k: "')
    for read in (read_1_1, read_1_2):
        assert {"k": text, text: "v", "list": [text]} == read(dumped)


@pytest.mark.parametrize("text", BARE)
def test_ordinary_text_is_bare(text: str) -> None:
    """What people write in deployments needs no quotes, and gets none."""
    assert f"{text}: {text}\n" == yaml.dump({text: text})
    for read in (read_1_1, read_1_2):
        assert {text: text} == read(yaml.dump({text: text}))


def test_block_style() -> None:
    """Collections are in block style and in the order given; empty ones are ``{}`` and ``[]``."""
    data = {
        "b": {"z": 1, "a": []},
        "a": ["x", {"k": True, "l": [["q", None], {}]}, "p\nq\n"],
        "t": ("é", 0.5),
        "script": "#!/bin/sh\nif true; then\n\n  echo hi\nfi",
    }
    expected = """\
b:
  z: 1
  a: []
a:
  - x
  - k: true
    l:
      - - q
        - null
      - {}
  - |
    p
    q
t:
  - "é"
  - 0.5
script: |-
  #!/bin/sh
  if true; then

    echo hi
  fi
"""
    assert expected == yaml.dump(data)
    assert typed(data) == typed(read_1_1(expected)) == typed(read_1_2(expected))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({}, "{}\n"),
        ([], "[]\n"),
        ("a", "a\n"),
        ("a\nb\n", "|\n  a\n  b\n"),
        ("---\n...\n", "|\n  ---\n  ...\n"),
        (None, "null\n"),
        (False, "false\n"),
        (-7, "-7\n"),
        (1e16, "1.0e+16\n"),
        (-2.5e-7, "-2.5e-07\n"),
        (1.0, "1.0\n"),
    ],
)
def test_documents_of_one_value(data: object, expected: str) -> None:
    """A document may be one value, and numbers keep their type in YAML 1.1 and 1.2."""
    assert expected == yaml.dump(data)
    assert typed(data) == typed(read_1_1(expected)) == typed(read_1_2(expected))


def test_header() -> None:
    """The header is comments only: no line break of any reader's ends the comment."""
    text = yaml.dump({"a": 1}, "Made from centers/grenoble.yaml\n\nb: 2\u2028c: 3\x85d: 4\re: 5 \x1b[0m")
    assert text == "# Made from centers/grenoble.yaml\n#\n# b: 2\n# c: 3\n# d: 4\n# e: 5 \\u001b[0m\na: 1\n"
    assert {"a": 1} == read_1_1(text) == read_1_2(text)


def test_what_is_shared_is_written_twice() -> None:
    """No anchors and aliases, whatever objects are the same."""
    shared = {"a": ["b"]}
    assert yaml.dump({"a1": shared, "a2": shared}) == "a1:\n  a:\n    - b\na2:\n  a:\n    - b\n"


def test_lines_are_never_folded() -> None:
    """A long value stays on its line, and so does a long key (PyYAML would write ``? key``)."""
    assert f"{'k' * 900}: {'word ' * 400}end\n" == yaml.dump({"k" * 900: "word " * 400 + "end"})
    for read in (read_1_1, read_1_2):
        assert read(yaml.dump({"é" * 900: "v"})) == {"é" * 900: "v"}


def test_a_kind_of_text_is_text() -> None:
    """A subclass of ``str`` is written as its text."""

    class Kind(StrEnum):
        """A word."""

        BRICK = "brick"

    class Odd(str):
        """A string that prints as something else."""

        __slots__ = ()

        def __str__(self) -> str:
            return "odd"

        def __format__(self, spec: str) -> str:
            return "odd"

    assert yaml.dump({Kind.BRICK: Kind.BRICK}) == "brick: brick\n"
    assert yaml.dump({Odd("even"): Odd("even")}) == "even: even\n"


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (float("nan"), ValueError, "a number must be finite: nan"),
        (float("-inf"), ValueError, "a number must be finite: -inf"),
        (2**63, ValueError, "an integer is beyond 64 bits: 9223372036854775808"),
        ({"a": "x\udc00"}, ValueError, "text holds half of a surrogate pair: U+DC00"),
        ({"a": "x\ny\ud800"}, ValueError, "text holds half of a surrogate pair: U+D800"),
        ({"k" * 1001: 1}, ValueError, f"a key is longer than 1000 characters: '{'k' * 40}'…"),
        ({1: "a"}, TypeError, "a key must be a string, not 1"),
        ([{"a"}], TypeError, "YAML is written from plain data, not from set"),
        ({"a": b"x"}, TypeError, "YAML is written from plain data, not from bytes"),
    ],
)
def test_refused(data: object, error: type[Exception], message: str) -> None:
    """What some reader would get wrong is refused, in words."""
    with pytest.raises(error) as raised:
        yaml.dump(data)
    assert message == str(raised.value)


TEXT = st.one_of(
    st.text(st.characters(codec="utf-8"), max_size=12),
    st.text(st.sampled_from("a1 \n\t:#-'\"\\{}[],&*!|>%@?~é=<.e_/\u2028\x85\ufeff\r"), max_size=8),
    st.sampled_from(AMBIGUOUS + BARE),
)
LEAVES = st.one_of(
    TEXT,
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
)
DATA = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


@given(DATA, st.text(st.characters(codec="utf-8"), max_size=20))
def test_round_trip(data: object, header: str) -> None:
    """Any data comes back equal, with its types and order, through YAML 1.1 (C and Python) and YAML 1.2."""
    text = yaml.dump(data, header)
    assert typed(data) == typed(pyyaml.load(text, pyyaml.SafeLoader))
    assert typed(data) == typed(read_1_2(text))
    if pyyaml.__with_libyaml__:
        assert typed(data) == typed(pyyaml.load(text.encode(), pyyaml.CSafeLoader))


def test_a_large_document_is_fast() -> None:
    """Fifty bricks in three profiles (over 30 kB) take a few hundredths of a second at the very most."""
    bricks = [
        {"name": f"brick-{n}", "image": {"reference": f"registry.example.org/gaia/b{n}@sha256:{'0a' * 32}"}}
        | {"mountPath": f"/opt/bricks/b{n}", "readOnly": True}
        for n in range(50)
    ]
    data = {"singleuser": {"profiles": {p: {"volumes": bricks} for p in ("ocean", "ice", "alps")}}}
    best = min(_seconds(data) for _ in range(5))
    assert len(yaml.dump(data)) > 30_000
    assert best < 0.05


def _seconds(data: object) -> float:
    start = time.thread_time()  # not the clock: other processes may be busy
    yaml.dump(data)
    return time.thread_time() - start
