"""``python -m refmask`` is the ``refmask`` command."""

import sys

from refmask.cli import main

sys.exit(main())
