"""Secrets: sent, and never shown."""

from __future__ import annotations

import pytest

from kruxos.errors import BadRequestError
from kruxos_workers.http.credentials import MASK, MASKED_MAX, Credentials

KEY = "sk-hush/0123+45=="


def credentials(**headers: str) -> Credentials:
    made = Credentials()
    made.replace(headers)
    return made


def test_the_lines_are_for_the_head_and_the_value_shows_nowhere_else() -> None:
    made = credentials(Authorization=f"Bearer {KEY}")
    assert made.lines() == f"authorization: Bearer {KEY}\r\n".encode()
    assert KEY not in repr(made)
    assert repr(made) == "Credentials(authorization)"


@pytest.mark.parametrize(
    "text", ["key {}", "{}", "twice {} and {}", "Bearer {}", 'json "Bearer {}"', "query ?key=sk-hush%2F0123%2B45%3D%3D"]
)
def test_a_secret_is_masked_wherever_it_turns_up(text: str) -> None:
    redacted = credentials(authorization=f"Bearer {KEY}").redact(text.replace("{}", KEY))
    assert "hush" not in redacted
    assert MASK in redacted


def test_the_scheme_alone_is_no_secret() -> None:
    assert credentials(authorization=f"Bearer {KEY}").redact("use a Bearer token") == "use a Bearer token"


def test_every_pair_is_masked() -> None:
    made = credentials(**{"x-api-key": "first-key", "x-org": "second-key"})
    assert made.redact("first-key second-key third") == f"{MASK} {MASK} third"


def test_an_earlier_secret_stays_masked_and_is_no_longer_sent() -> None:
    made = credentials(authorization="Bearer old-token")
    made.replace({"authorization": "Bearer new-token"})
    assert made.redact("old-token new-token") == f"{MASK} {MASK}"
    assert made.lines() == b"authorization: Bearer new-token\r\n"


def test_masking_is_bounded() -> None:
    made = Credentials()
    for number in range(2 * MASKED_MAX):
        made.replace({"x-key": f"key-{number:04d}"})
    assert made.redact("key-0000") == "key-0000"
    assert made.redact(f"key-{2 * MASKED_MAX - 1:04d}") == MASK


def test_a_longer_secret_is_masked_before_one_that_it_contains() -> None:
    made = credentials(**{"x-short": "abcdef", "x-long": "abcdefghij"})
    assert made.redact("abcdefghij") == MASK


def test_a_secret_with_a_line_end_is_refused_without_being_shown() -> None:
    with pytest.raises(BadRequestError) as caught:
        credentials(authorization="Bearer hush\r\nX: y")
    assert "hush" not in str(caught.value)
