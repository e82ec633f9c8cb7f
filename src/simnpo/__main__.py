"""`python -m simnpo`."""

import sys

from simnpo.cli import main

sys.exit(main())
