"""YAML as a tree: values as YAML 1.2 reads them, places, and bounds that no file gets past."""

from __future__ import annotations

import pytest

from kruxos.config.problems import ConfigError
from kruxos.config.tree import DEPTH_MAX, TEXT_BYTES_MAX, MapNode, parse, plain_value, values


def data(text: str) -> object:
    return values(parse(text).root).data


def problem(text: str) -> tuple[int, int, str]:
    with pytest.raises(ConfigError) as caught:
        data(text)
    (one,) = caught.value.problems
    return one.line, one.column, one.message


@pytest.mark.parametrize(
    ("written", "means"),
    [
        ("", None), ("~", None), ("null", None), ("true", True), ("FALSE", False), ("12", 12), ("-3", -3),
        ("1_000", 1000), ("1.5", 1.5), ("1e5", 100000.0), ("no", "no"), ("on", "on"), ("yes", "yes"), ("off", "off"),
        ("2024-05-01", "2024-05-01"), ("1:30", "1:30"), ("0x1f", "0x1f"), (".nan", ".nan"), ("1_", "1_"),
        ("9" * 40, "9" * 40), ("1e99999", "1e99999"),
    ],
)  # fmt: skip
def test_plain_words_mean_what_yaml_1_2_says(written: str, means: object) -> None:
    assert plain_value(written) == means
    assert type(plain_value(written)) is type(means)


def test_quoted_words_are_always_text() -> None:
    assert data("a: '1'\nb: \"true\"\nc: |\n  5\n") == {"a": "1", "b": "true", "c": "5\n"}


def test_keys_are_always_text() -> None:
    assert data("1: a\ntrue: b\nnull: c\n") == {"1": "a", "true": "b", "null": "c"}


def test_nodes_know_their_place_to_the_character() -> None:
    text = "a:\n  b: 'x' # c\n\n  # under\n"
    root = parse(text).root
    assert isinstance(root, MapNode)
    inner = root.entries[0].value
    assert isinstance(inner, MapNode)
    value = inner.entries[0].value
    assert (value.line, value.column, text[value.start : value.end]) == (2, 6, "'x'")
    assert text[inner.start : inner.end] == "b: 'x'", "a block ends where its content does, not after the comments"


def test_anchors_aliases_and_merges_are_followed() -> None:
    assert data("x: &x {a: 1, b: 2}\ny:\n  <<: *x\n  b: 3\nz: *x\n") == {
        "x": {"a": 1, "b": 2}, "y": {"b": 3, "a": 1}, "z": {"a": 1, "b": 2},
    }  # fmt: skip
    assert data("x: &x {a: 1}\ny: &y {a: 2, c: 3}\nz: {<<: [*x, *y]}\n") == {
        "x": {"a": 1}, "y": {"a": 2, "c": 3}, "z": {"a": 1, "c": 3},
    }  # fmt: skip


def test_a_merge_of_something_else_is_refused() -> None:
    assert problem("x: &x 1\ny: {<<: *x}\n") == (2, 9, "`<<` takes the alias of a map")


def test_a_key_that_stands_twice_is_told_with_both_lines() -> None:
    tree = parse("a: 1\nb: 2\na: 3\n")
    assert [(p.line, p.message) for p in tree.problems] == [
        (3, "this key stands here a second time: it is on line 1 already")
    ]


def test_nothing_can_hold_itself() -> None:
    assert problem("a: &a\n  b: *a\n")[:2] == (2, 6)


def test_aliases_cannot_blow_the_file_up() -> None:
    lines = ["a0: &a0 [x,x,x,x,x,x,x,x,x,x]"]
    lines += [f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]
    assert problem("\n".join(lines))[2] == "the aliases in this file expand to more than 100000 values"


def test_merges_cannot_blow_the_file_up() -> None:
    keys = ",".join(f"k{i}: 1" for i in range(300))
    text = f"a: &a {{{keys}}}\nb: {{<<: [{','.join(['*a'] * 1000)}]}}\n"
    assert problem(text)[2] == "the aliases in this file expand to more than 100000 values"


def test_depth_is_bounded() -> None:
    assert problem("[" * 100_000)[2] == "the file is nested too deeply"
    assert problem("a: " + "{a: " * (DEPTH_MAX + 1) + "}" * (DEPTH_MAX + 1))[2] == "the file is nested too deeply"


def test_size_is_bounded() -> None:
    assert problem("#" * (TEXT_BYTES_MAX + 1))[2] == "the file is larger than 1048576 bytes"
    assert problem("# " + "ü" * (TEXT_BYTES_MAX // 2))[2] == "the file is larger than 1048576 bytes"
    assert problem("[" + "1," * 60_000 + "]")[2] == "the file is too long"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: !foo b\n", "a tag (!) has no meaning here"),
        ("a: !!python/object:os.system x\n", "a tag (!) has no meaning here"),
        ("a: 1\n---\nb: 2\n", "a second document begins here"),
        ("? [a]\n: b\n", "a key must be a single word"),
        ("a: *x\n", "an alias (*) without an anchor (&) of its name before it"),
    ],
)
def test_what_has_no_place_in_the_file_is_refused(text: str, message: str) -> None:
    assert problem(text)[2] == message


def test_a_tree_of_nothing_has_no_root() -> None:
    assert parse("").root is None
    assert parse("# only\n").root is None
    assert data("---\n") is None
