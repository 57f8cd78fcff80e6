"""``kruxos serve`` with rogue workers: ``python -m tests.rogue.serve``."""

from __future__ import annotations

import sys

from kruxos.cli.main import main
from kruxos.service import opening

if __name__ == "__main__":
    opening.WORKER_MODULE = "tests.rogue.worker"
    sys.argv[1:] = ["serve"]
    sys.exit(main())
