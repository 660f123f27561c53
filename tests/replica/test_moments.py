"""A stepped clock can make a replica look older, never younger."""

import time

import pytest
from msgspec.structs import replace

from keydesk.host.boot import read_boot_id
from keydesk.replica.moments import Moment


def test_a_moment_is_as_old_as_it_is():
    assert Moment.ago(100).on_wall_clock() == pytest.approx(time.time() - 100, abs=1)


def test_a_clock_set_back_does_not_make_a_moment_younger():
    noted_before_the_step = replace(Moment.ago(100), at=time.time() + 3600)
    assert noted_before_the_step.on_wall_clock() == pytest.approx(time.time() - 100, abs=1)


def test_a_machine_that_stood_still_while_the_clock_went_on_makes_it_older():
    noted_before_the_pause = replace(Moment.ago(), at=time.time() - 3600)
    assert noted_before_the_pause.on_wall_clock() == pytest.approx(time.time() - 3600, abs=1)


def test_a_moment_before_a_restart_counts_by_the_wall_clock():
    moment = Moment(time.time() - 30, 10**9, "another run of the machine")
    assert moment.on_wall_clock() == moment.at


def test_a_moment_before_a_restart_that_is_still_to_come_counts_as_unknown():
    assert Moment(time.time() + 30, 0.0, "another run of the machine").on_wall_clock() is None


def test_where_the_system_names_no_run_only_the_wall_clock_counts(tmp_path):
    assert read_boot_id(tmp_path / "none") == ""
    assert Moment(time.time() + 30, 0.0, "").on_wall_clock() is None


@pytest.mark.parametrize("ahead_seconds", [86400, 6, -6, -86400])
def test_the_wall_clock_is_as_far_ahead_of_another_as_it_is(ahead_seconds):
    told = time.time() - ahead_seconds
    assert Moment.ago().ahead_of(told) == pytest.approx(ahead_seconds, abs=1)


def test_a_clock_that_was_read_in_the_meantime_may_agree_however_long_that_took():
    asked = Moment.ago(60)
    assert {asked.ahead_of(time.time() - ago) for ago in (1, 30, 59)} == {0.0}
    assert asked.ahead_of(time.time() - 70) == pytest.approx(10, abs=1)
    assert asked.ahead_of(time.time() + 10) == pytest.approx(-10, abs=1)


def test_a_clock_that_was_set_back_while_another_was_read_is_compared_as_it_is_now():
    asked_before_the_step = replace(Moment.ago(), at=time.time() + 3600)
    assert asked_before_the_step.ahead_of(time.time() + 3600) == pytest.approx(-3600, abs=1)


def test_nobody_knows_about_a_clock_that_was_asked_for_in_another_run():
    assert Moment(time.time() + 30, 0.0, "").ahead_of(time.time()) is None
