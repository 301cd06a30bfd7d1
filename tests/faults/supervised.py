"""A worker with the kinds of the fault tests, started again by the real supervisor whenever it ends."""

import signal
import sys
from pathlib import Path

from core import logs
from tasks.supervisor import Supervisor

if __name__ == "__main__":
    logs.set_up()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    supervisor = Supervisor(Path(__file__).with_name("worker.py"), 1, int(sys.argv[1]))
    supervisor.start()
    signal.sigwait({signal.SIGTERM})
    supervisor.stop()
