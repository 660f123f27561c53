"""What the worker does by the clock."""

import time
from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone
from tests.fixtures.heads import head

from keydesk.jobs.tasks import TASKS

pytestmark = pytest.mark.django_db


def run(name):
    (task,) = [task for task in TASKS if task.name == name]
    task.run()


def test_the_heartbeat_tells_that_the_control_plane_lives_and_takes_no_revision():
    before = head()
    run("heartbeat")
    after = head()
    assert abs(after.heartbeat_at - time.time()) < 60
    assert (after.epoch, after.revision) == (before.epoch, before.revision)


def test_sessions_that_are_over_are_deleted_and_others_stay():
    for key, days in (("over", -1), ("running", 1)):
        Session.objects.create(
            session_key=key, session_data="", expire_date=timezone.now() + timedelta(days=days)
        )
    run("clear sessions")
    assert list(Session.objects.values_list("session_key", flat=True)) == ["running"]


def test_every_task_can_run_twice():
    for task in (*TASKS, *TASKS):
        task.run()
