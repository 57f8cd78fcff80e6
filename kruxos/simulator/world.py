"""All that one simulator knows between requests. No I/O and no clock: time is given with each request."""

from __future__ import annotations

from kruxos.errors import BadRequestError

from .batches.jobs import Jobs
from .caching import Caches
from .codex.accounts import Accounts
from .directives import parse
from .faults import Fault, Switches
from .journal import Journal
from .limits import Limiter
from .models import Shop
from .scenario import Script
from .settings import Settings
from .signing import Signer


class World:
    """The state behind the doors. Raises ``BadRequestError`` for a fault in the settings that is none."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.shop = Shop(settings.models)
        self.limiter = Limiter(settings.limits)
        self.script = Script(settings.script)
        self.signer = Signer(settings.seed)
        self.journal = Journal(settings.requests_kept_max)
        self.accounts = Accounts(settings.seed, settings.login_tokens_s, settings.logins)
        self.batches = Jobs(settings.seed, settings.batch_s)
        self.caches = Caches()
        self.switches = Switches(read_faults(settings.faults))
        for answer in settings.script:
            parse(answer.fault)

    def reset(self) -> None:
        """As at the start: limits full, script unused, faults as in the settings, no requests."""
        parts = (self.limiter, self.script, self.journal, self.accounts, self.batches, self.switches, self.caches)
        for part in parts:
            part.reset()


def read_faults(texts: tuple[str, ...] | list[str]) -> list[Fault]:
    """Faults from their words. Raises ``BadRequestError``."""
    faults: list[Fault] = []
    for text in texts:
        directive = parse(text)
        if directive.fault is None:
            raise BadRequestError(f"simulate: {text!r} names no fault")
        faults.append(directive.fault)
    return faults
