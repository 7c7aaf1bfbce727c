"""Makes ``toy`` importable: the small machine, stack and model that the tests by hand compute with."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
