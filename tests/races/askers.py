"""Processes that ask a running verifier about keys, again and again, and write down every answer.

As a program it is one of them. What it asks most is the key of the present turn, which the test sets in a file that all
share; after each of those answers it says in a file of its own how that turn stands. Every second question is about any
other key. All times are CLOCK_MONOTONIC, which the processes of a host share.
"""

import mmap
import random
import struct
import subprocess
import sys
import time
from http.client import HTTPConnection
from pathlib import Path
from typing import NamedTuple

PROJECT = Path(__file__).parents[2]
TURN = struct.Struct("<qq")  # number of the turn (negative: stop), place of its key
STANDING = struct.Struct("<qqq")  # number of the turn, answers so far, status of the last
PACE_SECONDS = 0.001  # about a thousand questions a second by two processes: load, and no siege
ANSWER = struct.Struct("<ddqq")


class Answer(NamedTuple):
    """What a verifier said: when it was asked, when it had answered, about which key, with which HTTP status."""

    start: float
    end: float
    place: int
    status: int


class Askers:
    """The side of the test: starts the processes, names the key of each turn, and reads what they wrote."""

    def __init__(self, folder, port, questions, *, processes=2, inside=()):
        self.turn, self.folder = 0, folder
        (folder / "questions").write_text("\n".join(f"{path} {key}" for path, key in questions))
        self.shared = share(folder / "turn", TURN)
        self.standings = [share(folder / f"standing-{n}", STANDING) for n in range(processes)]
        command = [*inside, sys.executable, "-m", "tests.races.askers", str(folder), str(port)]
        self.processes = [
            subprocess.Popen([*command, str(number)], cwd=PROJECT) for number in range(processes)
        ]

    def take_turn(self, place):
        self.turn += 1
        TURN.pack_into(self.shared, 0, self.turn, place)

    def all_were_told(self, accepted, *, answers=3):
        """Say whether each process had so many answers in this turn, and the last was such."""
        stands = [STANDING.unpack_from(standing) for standing in self.standings]
        return all(
            turn == self.turn and count >= answers and (status == 200) is accepted
            for turn, count, status in stands
        )

    def stop(self):
        """Stop them and give all answers in the order of their questions."""
        TURN.pack_into(self.shared, 0, -1, 0)
        assert [process.wait(timeout=20) for process in self.processes] == [0] * len(self.processes)
        written = b"".join(path.read_bytes() for path in self.folder.glob("answers-*"))
        return sorted(Answer(*values) for values in ANSWER.iter_unpack(written))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.processes:
            process.kill()
            process.wait()


def share(path, layout):
    with path.open("w+b") as file:
        file.write(bytes(layout.size))
        file.flush()
        return mmap.mmap(file.fileno(), layout.size)


def main(folder, port, number):
    questions = [line.split() for line in (folder / "questions").read_text().splitlines()]
    shared, standing = folder / "turn", folder / f"standing-{number}"
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    with (
        shared.open("r+b") as one,
        standing.open("r+b") as other,
        (folder / f"answers-{number}").open("wb") as answers,
        mmap.mmap(one.fileno(), 0) as seen,
        mmap.mmap(other.fileno(), 0) as told,
    ):
        turn, count = 0, 0
        while turn >= 0:
            before = turn
            turn, place = TURN.unpack_from(seen)
            count = count + 1 if turn == before else 1
            status = ask(connection, place, questions, answers)
            STANDING.pack_into(told, 0, turn, count, status)
            ask(connection, random.randrange(len(questions)), questions, answers)
            time.sleep(PACE_SECONDS)


def ask(connection, place, questions, answers):
    path, key = questions[place]
    start = time.monotonic()
    connection.request("GET", path, headers={"x-api-key": key})
    response = connection.getresponse()
    response.read()
    answers.write(ANSWER.pack(start, time.monotonic(), place, response.status))
    return response.status


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
