"""Tool calls are told apart however a server numbers them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kruxos.events import ToolCallBegin, ToolCallDelta, ToolCallEnd
from kruxos.messages import ToolCall
from tests.dialects.support import decoder, parts_of, run, sse, target

AIM = target("generic")


def call(name: str | None = None, arguments: Any = None, **fields: Any) -> dict[str, Any]:
    function = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}
    return {**fields, "function": function}


def chunks(*deltas: dict[str, Any] | list[dict[str, Any]]) -> list[Any]:
    lists = [delta if isinstance(delta, list) else [delta] for delta in deltas]
    return [{"id": "x", "model": "m", "choices": [{"index": 0, "delta": {"tool_calls": calls}}]} for calls in lists]


END = {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}


def calls_of(*deltas: dict[str, Any] | list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    parts = parts_of(run(decoder(AIM), sse(*chunks(*deltas), END, "[DONE]")))
    return [(part.id, part.name, part.arguments_json) for part in parts if isinstance(part, ToolCall)]


TWO = [("a", "f", '{"x":1}'), ("b", "g", '{"y":2}')]


def test_openais_own_way_id_and_name_first_then_pieces_by_index() -> None:
    deltas = [call("f", "", id="a", index=0), call(None, '{"x"', index=0), call(None, ":1}", index=0),
              call("g", "", id="b", index=1), call(None, '{"y":2}', index=1)]  # fmt: skip
    assert calls_of(*deltas) == TWO
    events = run(decoder(AIM), sse(*chunks(*deltas), END, "[DONE]"))
    assert events[1:] == [
        ToolCallBegin(0, "a", "f"), ToolCallDelta(0, '{"x"'), ToolCallDelta(0, ":1}"),
        ToolCallBegin(1, "b", "g"), ToolCallDelta(1, '{"y":2}'),
        ToolCallEnd(0), ToolCallEnd(1),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "deltas",
    [
        pytest.param(
            [[call("f", '{"x":1}', id="a", index=0), call("g", '{"y":2}', id="b", index=1)]], id="whole in one"
        ),
        pytest.param([[call("f", '{"x":1}', id="a"), call("g", '{"y":2}', id="b")]], id="without index"),
        pytest.param([call("f", '{"x":1}', id="a", index=0), call("g", '{"y":2}', id="b", index=0)], id="all index 0"),
        pytest.param(
            [
                call("f", '{"x"', id="a", index=0),
                call("f", ":1}", id="a", index=0),
                call("g", '{"y":2}', id="b", index=1),
            ],
            id="id and name repeated",
        ),
        pytest.param(
            [
                call("f", '{"x"', id="a", index=0),
                call("", ":1}", id="", index=0),
                call("g", '{"y":2}', id="b", index=1),
            ],
            id="empty id and name later",
        ),
        pytest.param(
            [call("f", '{"x"', id="a"), call(None, ":1}"), call("g", "", id="b"), call(None, '{"y":2}')],
            id="no index, pieces go to the latest",
        ),
        pytest.param(
            [call(None, '{"x"', id="a", index=0), call("f", ":1}", index=0), call("g", '{"y":2}', id="b", index=1)],
            id="name late",
        ),
        pytest.param(
            [call("f", {"x": 1}, id="a", index=0), call("g", {"y": 2}, id="b", index=1)], id="arguments as object"
        ),
        pytest.param(
            [
                call("f", '{"x"', id="a", index=0),
                call("g", '{"y"', id="b", index=1),
                call(None, ":1}", index=0),
                call(None, ":2}", index=1),
            ],
            id="pieces mixed",
        ),
        pytest.param(
            [
                call("f", '{"x"', id="a", index=0),
                call("g", '{"y"', id="b", index=0),
                call(None, ":1}", id="a"),
                call(None, ":2}", id="b"),
            ],
            id="mixed, by id alone",
        ),
        pytest.param(
            [{"id": "a", "name": "f", "arguments": '{"x":1}'}, {"id": "b", "name": "g", "arguments": '{"y":2}'}],
            id="not nested",
        ),
    ],
)
def test_two_calls_are_told_apart(deltas: list[Any]) -> None:
    assert calls_of(*deltas) == TWO


@pytest.mark.parametrize("fields", [{}, {"index": 0}, {"id": ""}, {"id": None, "index": None}])
def test_without_ids_a_new_name_after_whole_arguments_is_a_new_call(fields: dict[str, Any]) -> None:
    found = calls_of(call("f", '{"x":', **fields), call(None, '"}"}', **fields), call("f", '{"x":2}', **fields))
    assert [rest for _, *rest in found] == [["f", '{"x":"}"}'], ["f", '{"x":2}']]
    assert len({call_id for call_id, _, _ in found}) == 2
    assert all(call_id for call_id, _, _ in found)


@pytest.mark.parametrize("arguments", [None, "", {}])
def test_no_arguments_are_an_empty_object(arguments: Any) -> None:
    assert calls_of(call("f", arguments, id="a", index=0)) == [("a", "f", "{}")]


def test_made_up_ids_are_the_same_for_the_same_answer_and_differ_between_answers() -> None:
    first, again = (calls_of(call("f", "{}")) for _ in range(2))
    assert first == again
    other = sse({"id": "y", "model": "m", "choices": [{"delta": {"tool_calls": [call("f", "{}")]}}]}, END, "[DONE]")
    part = parts_of(run(decoder(AIM), other))[0]
    assert isinstance(part, ToolCall)
    assert part.id != first[0][0]


def test_a_call_whose_name_never_comes_is_not_lost() -> None:
    assert calls_of(call(None, '{"x":1}', id="a", index=0)) == [("a", "", '{"x":1}')]


def test_the_form_before_tools_is_one_call() -> None:
    deltas = [{"function_call": {"name": "f", "arguments": '{"x"'}}, {"function_call": {"arguments": ":1}"}}]
    body = sse(*({"id": "x", "choices": [{"delta": delta}]} for delta in deltas), END, "[DONE]")
    parts = parts_of(run(decoder(AIM), body))
    assert [(part.name, part.arguments) for part in parts if isinstance(part, ToolCall)] == [("f", {"x": 1})]


DELTA = st.fixed_dictionaries(
    {
        "function": st.fixed_dictionaries(
            {}, optional={"name": st.sampled_from(["", "f", "g"]), "arguments": st.text("{}", max_size=3)}
        )
    },
    optional={"id": st.sampled_from(["", "a", "b", None]), "index": st.sampled_from([0, 1, None, "0"])},
)


@given(st.lists(DELTA, max_size=8))
def test_no_numbering_loses_arguments_or_leaves_a_call_open(deltas: list[dict[str, Any]]) -> None:
    events = run(decoder(AIM), sse(*chunks(*deltas), END, "[DONE]"))
    begun = [event.index for event in events if isinstance(event, ToolCallBegin)]
    assert begun == [event.index for event in events if isinstance(event, ToolCallEnd)]
    assert len({event.id for event in events if isinstance(event, ToolCallBegin)}) == len(begun)
    wanted = sorted("".join(delta["function"].get("arguments", "") for delta in deltas))
    came = "".join(event.arguments for event in events if isinstance(event, ToolCallDelta))
    assert sorted(came) == wanted
