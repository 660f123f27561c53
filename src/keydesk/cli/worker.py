"""`keydesk worker`: the work that happens by the clock."""

from keydesk.cli.apps import new_app
from keydesk.host.stopping import stop_on_signal
from keydesk.jobs.loop import run_worker
from keydesk.jobs.tasks import TASKS

app = new_app()


@app.command()
def worker() -> None:
    """Do what happens by the clock (heartbeat, clearing what has expired), until SIGTERM."""
    stop = stop_on_signal()
    run_worker(TASKS, stop=stop)
