"""Tests of the whole program. What they compile is kept, even on a machine that says not to: they start it often."""

import os
import sys

sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
