"""The supervisor restarts what dies, relays what is said, and leaves nothing behind."""

import os
import signal
import sys
import time

from tests.fixtures.desk import command_line, wait_until

from keydesk.server.supervisor import Child, Supervisor

STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("deaf", flush=True)
time.sleep(60)
"""


def supervised(*programs, until):
    """Run programs until `until` holds of the lines so far, then stop as SIGTERM would; gives the lines."""
    lines = []
    children = [Child(name, [sys.executable, "-c", program]) for name, program in programs]
    supervisor = Supervisor(
        children,
        log=lambda name, line: lines.append((name, line)),
        is_up=lambda: until(lines),
        announce=lambda: os.kill(os.getpid(), signal.SIGTERM),
    )
    supervisor.run()
    assert [child.process for child in children] == [None] * len(children)
    return lines


def test_output_arrives_as_whole_lines_with_the_name_of_its_process():
    program = "import sys; sys.stdout.write('one\\ntwo'); sys.stdout.flush(); sys.stderr.write('!')"
    lines = supervised(("talker", program), until=lambda lines: ("talker", "two!") in lines)
    assert [line for name, line in lines if name == "talker"][:2] == ["one", "two!"]


def test_what_dies_is_started_again_and_the_log_says_how_it_ended():
    program = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    lines = supervised(("fragile", program), until=lambda lines: len(lines) >= 2)
    assert lines[:2] == [
        ("supervisor", "fragile ended (signal 9); starting it again in 0.1 s"),
        ("supervisor", "fragile ended (signal 9); starting it again in 0.3 s"),
    ]


def test_a_restart_is_quick_at_first_then_ever_slower_and_quick_again_after_a_long_life():
    child = Child("any", [])
    child.started_at = time.monotonic()
    assert [round(child.plan_restart(), 1) for _ in range(7)] == [0.1, 0.3, 0.9, 2.7, 8.1, 10, 10]
    child.started_at -= 60
    assert child.plan_restart() == 0.1


def test_a_process_that_does_not_listen_is_killed_when_the_time_is_over():
    lines = supervised(("deaf", STUBBORN), until=lambda lines: ("deaf", "deaf") in lines)
    assert lines[-1] == ("supervisor", "deaf did not stop in time and is killed")


def test_what_a_process_started_goes_with_it():
    program = "import subprocess; print(subprocess.Popen(['sleep', '60']).pid, flush=True)"
    lines = supervised(
        ("parent", program), until=lambda lines: any(name == "supervisor" for name, _ in lines)
    )
    left = [int(line) for name, line in lines if name == "parent"]
    assert left
    wait_until(
        lambda: not [pid for pid in left if command_line(pid)], seconds=30, what="all are gone"
    )


def test_it_asks_seldom_whether_all_is_up_and_not_while_it_stops():
    asked = []
    supervisor = Supervisor(
        [], log=lambda *_: None, is_up=lambda: asked.append(1), announce=lambda: None
    )
    supervisor.tell_when_up()
    supervisor.tell_when_up()
    supervisor.ask_at, supervisor.is_stopping = 0.0, True
    supervisor.tell_when_up()
    supervisor.is_stopping = False
    supervisor.tell_when_up()
    assert len(asked) == 2
