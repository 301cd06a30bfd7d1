"""A worker with the kinds of the fault tests, started again by the real supervisor whenever it ends."""

import signal
import sys
import threading
from pathlib import Path

from core import logs
from tasks.supervisor import Supervisor

if __name__ == "__main__":
    logs.set_up()
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    supervisor = Supervisor(Path(__file__).with_name("worker.py"), 1, int(sys.argv[1]))
    supervisor.start()
    stop.wait()
    supervisor.stop()
