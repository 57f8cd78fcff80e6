"""``python -m kruxos.cli``: the same as ``kruxos``."""

import sys

from kruxos.cli.main import main

sys.exit(main())
