"""A process that enqueues: `python -m benchmarks.producer <module> [<function>]`, then one number per line.

The module has `enqueue(number)`, or the named function, and `prepare()` if it needs one. Answers each line with the
seconds that it took.
"""

import importlib
import sys
import time


def main() -> None:
    """Enqueue as many jobs as each line says."""
    module = importlib.import_module(sys.argv[1])
    getattr(module, "prepare", lambda: None)()
    enqueue = getattr(module, sys.argv[2] if len(sys.argv) > 2 else "enqueue")
    print("ready", flush=True)
    for line in sys.stdin:
        began = time.perf_counter()
        enqueue(int(line))
        print(time.perf_counter() - began, flush=True)


if __name__ == "__main__":
    main()
