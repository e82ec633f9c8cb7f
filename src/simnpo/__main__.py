"""`python -m simnpo`."""

import sys

from simnpo.cli.main import main

sys.exit(main())
