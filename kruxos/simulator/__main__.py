"""``python -m kruxos.simulator`` is ``kruxos simulate``."""

import sys

from .command import main

sys.exit(main())
