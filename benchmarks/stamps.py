"""A worker that notes when each job started, for the latency: `python -m benchmarks.stamps worker`."""

import os
import time
from typing import Any, cast

from benchmarks import ours
from benchmarks.contenders import OURS_COMMAND
from core.models import Role
from core.operation import Form, Progress, Steps, Task, TaskWork
from core.operations import BY_NAME


class NumberForm(Form):
    """The number of the job."""

    number: int


def _stamp(work: TaskWork[NumberForm]) -> Steps:
    line = f"{work.form.number} {time.time()}\n"
    file = os.open(os.environ["BENCH_COUNTER"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(file, line.encode())
    os.close(file)
    return None
    yield Progress(1, 1)  # makes it a generator


stamp = Task(name="bench.stamp", label="Stamp", form=NumberForm, run=_stamp, role=Role.ADMIN, queue=ours.QUEUE)
WORKER = ("-m", "benchmarks.stamps", *OURS_COMMAND)


if __name__ == "__main__":
    cast(dict[str, Any], BY_NAME)[stamp.name] = stamp

    import main

    main.main()
