from collections.abc import Iterator
from typing import Any

from yaml import reader as reader

class Mark:
    index: int
    line: int
    column: int

class YAMLError(Exception): ...

class MarkedYAMLError(YAMLError):
    context: str | None
    context_mark: Mark | None
    problem: str | None
    problem_mark: Mark | None

class Event:
    start_mark: Mark
    end_mark: Mark

class NodeEvent(Event):
    anchor: str | None

class StreamEndEvent(Event): ...
class AliasEvent(NodeEvent): ...

class ScalarEvent(NodeEvent):
    tag: str | None
    value: str
    style: str | None

class SequenceStartEvent(NodeEvent):
    tag: str | None
    flow_style: bool | None

class SequenceEndEvent(Event): ...

class MappingStartEvent(NodeEvent):
    tag: str | None
    flow_style: bool | None

class MappingEndEvent(Event): ...
class SafeLoader: ...

def parse(stream: str | bytes, Loader: type[SafeLoader] = ...) -> Iterator[Event]: ...  # noqa: N803 - PyYAML's name
def safe_load(stream: str | bytes) -> Any: ...
def safe_dump(data: Any, stream: None = None, *, sort_keys: bool = ..., allow_unicode: bool = ...) -> str: ...
