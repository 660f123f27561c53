"""The worker's loop runs each task when it is due, and outlives the database."""

import threading

import pytest
from django.db import InterfaceError, OperationalError

from keydesk.jobs.loop import Task, run_worker


class Scene:
    """A clock that moves one second a tick, and what ran when; it ends after some ticks."""

    def __init__(self, ticks):
        self.stop = threading.Event()
        self.now = 0.0
        self.ticks = ticks
        self.ran = []

    def task(self, name, every_seconds, *, fails_at=(), error=OperationalError):
        def run():
            if self.now in fails_at:
                raise error("away")
            self.ran.append((name, self.now))

        return Task(name, every_seconds, run)

    def tick(self):
        self.now += 1
        if self.now >= self.ticks:
            self.stop.set()

    def play(self, *tasks):
        clockwork = Task("clockwork", 0, self.tick)
        run_worker([*tasks, clockwork], stop=self.stop, tick_seconds=0, monotonic=lambda: self.now)
        return self.ran


def test_each_task_runs_at_once_and_then_as_often_as_it_says():
    scene = Scene(ticks=6)
    assert scene.play(scene.task("often", 2), scene.task("seldom", 5)) == [
        ("often", 0),
        ("seldom", 0),
        ("often", 2),
        ("often", 4),
        ("seldom", 5),
    ]


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_an_outage_is_told_at_its_two_ends_and_what_was_missed_is_done(error, caplog):
    stop, tries, ran = threading.Event(), iter([1, 2, 3]), []

    def run():
        if next(tries) < 3:
            raise error("away")
        ran.append("done")
        stop.set()

    run_worker([Task("task", 60, run)], stop=stop, tick_seconds=0)
    assert ran == ["done"]
    assert [record.getMessage() for record in caplog.records] == [
        "The database does not answer, and the worker waits: away",
        "The database answers again.",
    ]


def test_a_fault_in_a_task_ends_the_worker_so_that_it_is_seen():
    scene = Scene(ticks=3)
    with pytest.raises(ZeroDivisionError):
        scene.play(scene.task("broken", 1, fails_at=(1,), error=ZeroDivisionError))
