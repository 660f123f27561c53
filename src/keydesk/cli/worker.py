"""`keydesk worker`: the work that happens by the clock."""

import signal
import threading

from keydesk.cli.apps import new_app
from keydesk.jobs.loop import run_worker
from keydesk.jobs.tasks import TASKS

app = new_app()


@app.command()
def worker() -> None:
    """Do what happens by the clock (heartbeat, clearing what has expired), until SIGTERM."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    run_worker(TASKS, stop=stop)
