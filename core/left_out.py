"""Optional imports of packages that are left out: what nobody calls would stay in memory as long as the process."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def left_out(*packages: str) -> Iterator[None]:
    """Import as if these packages were not installed; the ones that are loaded already stay."""
    absent = [name for name in packages if name not in sys.modules]
    sys.modules.update(dict.fromkeys(absent))  # type: ignore[arg-type]  # None makes an import of it fail
    try:
        yield
    finally:
        for name in absent:
            del sys.modules[name]
