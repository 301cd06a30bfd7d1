"""A worker with the kinds of the fault tests, started again by the real supervisor whenever it ends."""

import signal
import sys
import threading
from pathlib import Path

from core import logs
from core.database.engine import connect
from core.settings import settings
from tasks.supervisor import Supervisor

if __name__ == "__main__":
    logs.set_up()
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    engine = connect(settings().database_url)
    supervisor = Supervisor(Path(__file__).with_name("worker.py"), 1, int(sys.argv[1]), engine)
    supervisor.start()
    stop.wait()
    supervisor.stop()
