"""The scalability protocols' bytes. That nng understands them is shown in tests/transport."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kruxos.client import sp

CAP = 1000
REPLIES = sp.greeting(sp.Protocol.REP0)


def decoder(protocol: sp.Protocol = sp.Protocol.PAIR0) -> sp.Decoder:
    return sp.Decoder(protocol, message_bytes_max=CAP)


def test_a_connection_begins_with_eight_bytes() -> None:
    assert sp.greeting(sp.Protocol.PAIR0) == bytes.fromhex("0053500000100000")
    assert sp.greeting(sp.Protocol.REQ0) == bytes.fromhex("0053500000300000")
    assert sp.greeting(sp.Protocol.REP0) == bytes.fromhex("0053500000310000")


def test_a_message_travels_behind_a_mark_and_its_length() -> None:
    assert sp.frame(b"hi") == bytes.fromhex("01 0000000000000002") + b"hi"


@given(st.lists(st.binary(max_size=200)), st.data())
def test_messages_come_whole_however_the_bytes_are_cut(messages: list[bytes], data: st.DataObject) -> None:
    stream = sp.greeting(sp.Protocol.PAIR0) + b"".join(map(sp.frame, messages))
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=12).map(sorted))
    receiver, got = decoder(), []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        got += receiver.feed(stream[start:end])
    assert got == messages


def test_a_message_of_the_cap_passes_and_one_byte_more_does_not() -> None:
    greeting = sp.greeting(sp.Protocol.PAIR0)
    assert decoder().feed(greeting + sp.frame(bytes(CAP))) == [bytes(CAP)]
    with pytest.raises(sp.SpError, match="1001 bytes, the cap is 1000"):
        decoder().feed(greeting + sp.frame(bytes(CAP + 1))[:9])


@pytest.mark.parametrize("garbage", [b"HTTP/1.1 400 Bad", bytes(8), bytes.fromhex("0053500000100001")])
def test_something_else_than_a_gateway_is_noticed_at_the_greeting(garbage: bytes) -> None:
    with pytest.raises(sp.SpError, match="does not speak"):
        decoder().feed(garbage)


def test_the_wrong_protocol_is_noticed_at_the_greeting() -> None:
    with pytest.raises(sp.SpError, match="0x31, not 0x10"):
        decoder().feed(REPLIES)


def test_a_broken_mark_ends_the_connection() -> None:
    with pytest.raises(sp.SpError, match="framing"):
        decoder().feed(sp.greeting(sp.Protocol.PAIR0) + b"\x02" + bytes(8))


def test_a_question_has_its_number_with_the_highest_bit_set() -> None:
    assert sp.request_id(1) == bytes.fromhex("80000001")
    assert sp.request_id(2**31 + 5) == bytes.fromhex("80000005")


def test_an_exchange_waits_for_the_answer_to_its_own_question() -> None:
    talk = sp.Exchange(b"question", number=7, message_bytes_max=CAP)
    assert talk.outgoing == sp.greeting(sp.Protocol.REQ0) + sp.frame(bytes.fromhex("80000007") + b"question")
    assert talk.feed(REPLIES) is None
    assert talk.feed(sp.frame(sp.request_id(6) + b"somebody else's")) is None
    assert talk.feed(sp.frame(sp.request_id(7) + b"answer")) == b"answer"
