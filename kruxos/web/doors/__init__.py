"""The providers' protocols over HTTP, for agents that speak them.

protocols  the doors as data
calling    one call: request in, answer out
reading    who asks, and the body, within bounds
sessions   one session with the gateway for each agent
telling    the headers ``x-kruxos-...``
models     the list of models
batching   batches: what both protocols share; ``batches_openai`` with ``form``, ``batches_anthropic``: their shapes;
           ``batch_lines``: results in a protocol's words
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import BaseRoute, Route

from kruxos.web.doors import batches_anthropic, batches_openai
from kruxos.web.doors.batching import Answer, BatchEndpoint
from kruxos.web.doors.calling import CallEndpoint
from kruxos.web.doors.counting import CountEndpoint
from kruxos.web.doors.models import ModelsEndpoint
from kruxos.web.doors.protocols import CHAT, DOORS, MESSAGES, Door
from kruxos.web.doors.reading import Bodies

if TYPE_CHECKING:
    from kruxos.web.site import Site

_OPENAI, _ANTHROPIC = batches_openai, batches_anthropic
BATCHES: tuple[tuple[Door, str, dict[str, Answer]], ...] = (
    (CHAT, "/v1/files", {"POST": _OPENAI.upload}),
    (CHAT, "/v1/files/{id}", {"GET": _OPENAI.show_file, "DELETE": _OPENAI.delete}),
    (CHAT, "/v1/files/{id}/content", {"GET": _OPENAI.content}),
    (CHAT, "/v1/batches", {"POST": _OPENAI.create, "GET": _OPENAI.listing}),
    (CHAT, "/v1/batches/{id}", {"GET": _OPENAI.retrieve}),
    (CHAT, "/v1/batches/{id}/cancel", {"POST": _OPENAI.cancel}),
    (MESSAGES, "/v1/messages/batches", {"POST": _ANTHROPIC.create, "GET": _ANTHROPIC.listing}),
    (MESSAGES, "/v1/messages/batches/{id}", {"GET": _ANTHROPIC.retrieve}),
    (MESSAGES, "/v1/messages/batches/{id}/cancel", {"POST": _ANTHROPIC.cancel}),
    (MESSAGES, "/v1/messages/batches/{id}/results", {"GET": _ANTHROPIC.results}),
)
"""Paths of batches, with the protocol in which each fails."""


def routes(site: Site) -> list[BaseRoute]:
    """The doors' paths."""
    bodies = Bodies()
    models = ModelsEndpoint(site.sessions, site.operate)
    return [
        *(Route(door.path, CallEndpoint(door, site.sessions, bodies), methods=["POST"]) for door in DOORS),
        Route("/v1/messages/count_tokens", CountEndpoint(MESSAGES, site.sessions, bodies), methods=["POST"]),
        *(
            Route(path, BatchEndpoint(door, answers, site.sessions, bodies), methods=list(answers))
            for door, path, answers in BATCHES
        ),
        Route("/v1/models", models, methods=["GET"]),
        Route("/v1/models/{model:path}", models, methods=["GET"]),
    ]
