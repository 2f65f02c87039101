"""What a scalar means, and where two versions of YAML disagree about it."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lego_compile.source.document import Problem, parse
from lego_compile.source.scalars import number


def read(scalar: str, name: str = "f.yaml") -> tuple[Any, list[Problem]]:
    """The value of a plain scalar, and the mistakes."""
    tree, problems = parse(name, f"a: {scalar}\n")
    assert tree is not None
    return tree.data["a"], problems


MEANINGS: dict[str, Any] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
    "0": 0, "-0": 0, "12": 12, "+7": 7, "-3": -3, "0x1F": 31, "18446744073709551615": 2**64 - 1,
    "1.5": 1.5, "1.10": 1.1, "2026.10": 2026.1, "1.0": 1.0, "1.": 1.0, ".5": 0.5, "1.5e+3": 1500.0, "-1.0e-3": -0.001,
    "nULL": "nULL", "tRue": "tRue", "nope": "nope", "yesterday": "yesterday", "offset": "offset", "yEs": "yEs",
    "8G": "8G", "1.2.3": "1.2.3", "4.4.0": "4.4.0", "-": "-", "1,000": "1,000", "8080:80": "8080:80", "1:75": "1:75",
    "10.0.0.1": "10.0.0.1", "sha256:0123": "sha256:0123", "12ab": "12ab", "0xZZ": "0xZZ", "_1": "_1", ".": ".",
    "+": "+", "...x": "...x", "2026-10": "2026-10", "2026-10-01x": "2026-10-01x", ".Nan": ".Nan", "e3": "e3",
    "https://example.org:443/x": "https://example.org:443/x", "~x": "~x", "==": "==", "0b2": "0b2", "0o8": "0o8",
}  # fmt: skip
MEANINGS.pop("-")  # begins a list


@pytest.mark.parametrize("scalar", MEANINGS)
def test_a_plain_scalar_has_the_meaning_of_yaml_1_2(scalar: str) -> None:
    """The core schema: value and type, without a question."""
    value, problems = read(scalar)
    assert problems == []
    assert (type(MEANINGS[scalar]), MEANINGS[scalar]) == (type(value), value)


BOOLS = {
    word: meaning
    for meaning, words in (("true", "y yes on"), ("false", "n no off"))
    for word in words.split()
}


@pytest.mark.parametrize("spell", [str.lower, str.upper, str.capitalize])
@pytest.mark.parametrize("word", BOOLS)
def test_the_truth_values_of_yaml_1_1_are_a_question(word: str, spell: Any) -> None:
    """In each of its spellings: what is read, and both things that may be typed instead."""
    scalar = spell(word)
    value, (problem,) = read(scalar)
    assert scalar == value
    assert problem.kind == "ambiguous"
    assert f"`{scalar}` is text in YAML 1.2 and {BOOLS[word]} in YAML 1.1" == problem.message
    assert f'write `{BOOLS[word]}`, or `"{scalar}"` for the text' == problem.help


DOUBTS: dict[str, tuple[Any, str, str]] = {
    "010": (10, "10 in YAML 1.2 and 8 in YAML 1.1", 'write `10` or `8`, or `"010"` for the text'),
    "-010": (-10, "-10 in YAML 1.2 and -8 in YAML 1.1", 'write `-10` or `-8`, or `"-010"` for the text'),
    "007": (7, "7 in YAML 1.2 and 7 in YAML 1.1", 'write `7`, or `"007"` for the text'),
    "089": (89, "89 in YAML 1.2 and text in YAML 1.1", 'write `89`, or `"089"` for the text'),
    "0o10": (8, "8 in YAML 1.2 and text in YAML 1.1", 'write `8`, or `"0o10"` for the text'),
    "1:30": ("1:30", "text in YAML 1.2 and 90 in YAML 1.1", 'write `90`, or `"1:30"` for the text'),
    "08:00:00": ("08:00:00", "text in YAML 1.2 and 28800 in YAML 1.1", 'write `28800`, or `"08:00:00"` for the text'),
    "-1:00": ("-1:00", "text in YAML 1.2 and -60 in YAML 1.1", 'write `-60`, or `"-1:00"` for the text'),
    "1:30.5": ("1:30.5", "text in YAML 1.2 and 90.5 in YAML 1.1", 'write `90.5`, or `"1:30.5"` for the text'),
    "1_000": ("1_000", "text in YAML 1.2 and 1000 in YAML 1.1", 'write `1000`, or `"1_000"` for the text'),
    "1_0.5": ("1_0.5", "text in YAML 1.2 and 10.5 in YAML 1.1", 'write `10.5`, or `"1_0.5"` for the text'),
    "0_10": ("0_10", "text in YAML 1.2 and 8 in YAML 1.1", 'write `8`, or `"0_10"` for the text'),
    "0b11": ("0b11", "text in YAML 1.2 and 3 in YAML 1.1", 'write `3`, or `"0b11"` for the text'),
    "-0x1F": ("-0x1F", "text in YAML 1.2 and -31 in YAML 1.1", 'write `-31`, or `"-0x1F"` for the text'),
    "0x_e1": ("0x_e1", "text in YAML 1.2 and 225 in YAML 1.1", 'write `225`, or `"0x_e1"` for the text'),
    "0x_": ("0x_", "text in YAML 1.2 and a number in YAML 1.1", 'write `"0x_"` for the text'),
    "1e3": (1000.0, "1000 in YAML 1.2 and text in YAML 1.1", 'write `1000`, or `"1e3"` for the text'),
    "1.5E3": (1500.0, "1500 in YAML 1.2 and text in YAML 1.1", 'write `1500`, or `"1.5E3"` for the text'),
    "1e22": (1e22, "1.0e+22 in YAML 1.2 and text in YAML 1.1", 'write `1.0e+22`, or `"1e22"` for the text'),
    "-.5": (-0.5, "-0.5 in YAML 1.2 and text to PyYAML", 'write `-0.5`, or `"-.5"` for the text'),
    "2026-10-01": ("2026-10-01", "text in YAML 1.2 and a date in YAML 1.1", 'write `"2026-10-01"` for the text'),
    "2026-1-1 10:00:00.5 +02:00": (
        "2026-1-1 10:00:00.5 +02:00",
        "text in YAML 1.2 and a date in YAML 1.1",
        'write `"2026-1-1 10:00:00.5 +02:00"` for the text',
    ),
    "2026-10-01T10:00:00Z": (
        "2026-10-01T10:00:00Z",
        "text in YAML 1.2 and a date in YAML 1.1",
        'write `"2026-10-01T10:00:00Z"` for the text',
    ),
    ".inf": (math.inf, "a number that JSON has no way to write", 'write `".inf"` for the text'),
    "-.INF": (-math.inf, "a number that JSON has no way to write", 'write `"-.INF"` for the text'),
    "=": ("=", "text in YAML 1.2 and a mark of its own in YAML 1.1", 'write `"="` for the text'),
    "<<": ("<<", "text in YAML 1.2 and a mark of its own in YAML 1.1", 'write `"<<"` for the text'),
    "18446744073709551616": (
        2**64,
        "a number of more than 64 bits, which some readers round",
        'write `"18446744073709551616"` for the text',
    ),
    "1.0e+999": ("1.0e+999", "a number too large for any reader", 'write `"1.0e+999"` for the text'),
}  # fmt: skip


@pytest.mark.parametrize("scalar", DOUBTS)
def test_what_two_versions_of_yaml_read_differently_is_a_question(scalar: str) -> None:
    """Both readings are told, and what to type for each; YAML 1.2 is the guess to go on with."""
    expected, readings, help = DOUBTS[scalar]
    value, (problem,) = read(scalar)
    assert ("ambiguous", f"`{scalar}` is {readings}", help) == (problem.kind, problem.message, problem.help)
    assert (type(expected), expected) == (type(value), value)


@pytest.mark.parametrize("scalar", [".nan", ".NaN", ".NAN"])
def test_not_a_number_is_a_question(scalar: str) -> None:
    """JSON cannot carry it."""
    value, (problem,) = read(scalar)
    assert math.isnan(value)
    assert f"`{scalar}` is a number that JSON has no way to write" == problem.message


@pytest.mark.parametrize("scalar", ["9" * 5000, "0x" + "f" * 5000, "1_" + "0" * 5000, "1:" * 5000 + "1"])
def test_a_number_of_thousands_of_digits_costs_nothing(scalar: str) -> None:
    """Python refuses to convert such numbers; here they are text, and a question."""
    value, problems = read(scalar)
    assert scalar == value
    assert [problem.kind for problem in problems] == ["ambiguous"]
    assert all(len(problem.message) < 150 for problem in problems)


@pytest.mark.parametrize("scalar", [*BOOLS, *DOUBTS])
def test_quotes_answer_every_question(scalar: str) -> None:
    """In quotes, or as a block, a scalar is text in every version."""
    for quoted in (f"'{scalar}'", f'"{scalar}"', f"|-\n  {scalar}"):
        assert (scalar, []) == read(quoted)


@pytest.mark.parametrize("scalar", [s for s in DOUBTS if " or " in DOUBTS[s][2]] + list(BOOLS))
def test_what_the_help_says_is_accepted(scalar: str) -> None:
    """The first thing that the help says to type raises no new question."""
    (problem,) = read(scalar)[1]
    typed = re.findall("`([^`]*)`", problem.help or "")
    assert len(typed) >= 2
    for answer in typed:
        assert read(answer)[1] == []


def test_an_ambiguous_key_needs_quotes() -> None:
    """A key can only be text: the quotes are the only help."""
    tree, (problem,) = parse("f.yaml", "on: 1\n")
    assert tree is not None
    assert tree.data == {"on": 1}
    assert (problem.kind, problem.help) == ("ambiguous", 'write `"on"`')
    assert problem.message == "`on` is text in YAML 1.2 and true in YAML 1.1"


def test_json_numbers_are_no_question_in_json() -> None:
    """`1e-07` is how JSON writes a number; no reader of JSON doubts it."""
    tree, problems = parse("x.json", '{"a": [1e-07, 1E5, 18446744073709551616]}')
    assert tree is not None
    assert (tree.data, problems) == ({"a": [1e-07, 1e5, 2**64]}, [])


@settings(deadline=None, max_examples=200)
@given(st.one_of(st.floats(allow_nan=False, allow_infinity=False), st.integers(-(2**63), 2**64 - 1)))
@example(1e22)
@example(1e-7)
@example(-0.0)
@example(1e15)
def test_a_number_is_written_for_every_reader(value: float | int) -> None:
    """What `number` writes is that number in both versions of YAML, without a question."""
    text = number(value)
    assert (value, []) == read(text)
    assert value == yaml.load(text, yaml.CSafeLoader)


@settings(deadline=None, max_examples=1000)
@given(
    st.one_of(
        st.text("0123456789_.:eE+-xobTZ afAF", min_size=1, max_size=12),
        st.from_regex(r"[-+]?[0-9_]{1,4}(\.[0-9_]{0,3})?([eE][-+]?[0-9]{1,2})?", fullmatch=True),
        st.from_regex(r"[-+]?[0-9]{1,2}(:[0-9]{1,2}){1,2}(\.[0-9]*)?", fullmatch=True),
        st.from_regex(r"[-+]?0[xbo]?[0-9a-fA-F_]{1,4}", fullmatch=True),
        st.from_regex(
            r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(Z| ?[-+][0-9]{1,2}:?[0-9]{0,2})?)?",
            fullmatch=True,
        ),
        st.from_regex(r"\.?[a-zA-Z]{1,5}", fullmatch=True),
    )
)
def test_without_a_question_pyyaml_reads_the_same(scalar: str) -> None:
    """The promise of the whole room: where nothing is asked, a YAML 1.1 reader gets the same value and type."""
    tree, problems = parse("f.yaml", f"[{scalar}]\n")
    if problems or tree is None:
        return
    value = tree.data
    try:
        old = yaml.load(f"[{scalar}]\n", yaml.CSafeLoader)
    except ValueError:  # a date that no calendar has
        old = "not what we read"
    assert repr(value) == repr(old)
