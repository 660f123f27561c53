"""A load that does not wait: so many requests a second, whatever becomes of those before them.

wrk asks again once it was answered, so it can never offer more than a server takes. This one holds to a timetable: a
request whose moment has come takes an idle connection or opens one; at most so many are open, and a request that finds
none is counted as not sent. Without a rate it asks as wrk does, and can tell good keys' times from bad ones'.

Argument: JSON with `port`, `load` (the file of keys), `path`, `more` (header lines), `garbage` (share of malformed
keys), `phases` (name, requests a second or null, seconds) and `connections`. Prints one line of JSON for each phase.
"""

import errno
import json
import random
import select
import socket
import sys
import time
from collections import Counter
from itertools import islice
from pathlib import Path

KEYS = 100_000
IN_TIME_SECONDS = 1.0
WINDOW_SECONDS = 0.1
QUIET_WINDOWS = 5
DRAIN_SECONDS = 2.0


class Phase:
    """What was asked in one phase, and what came of it."""

    def __init__(self, name, rate, seconds):
        self.name, self.rate, self.seconds = name, rate, seconds
        self.offered = self.not_sent = self.accepted = self.late = 0
        self.refused = self.shed = self.broken = 0
        self.times = {True: [], False: []}
        self.began = 0.0
        self.sent, self.well = Counter(), Counter()
        """How many requests were sent in each window, and of how many the answer was a decision soon enough."""

    def window_of(self, moment):
        return int((moment - self.began) // WINDOW_SECONDS)

    def note(self, status, *, is_good, asked_at):
        took = time.perf_counter() - asked_at
        if status == b"503":
            self.shed += 1
        elif status == b"200":
            self.accepted += 1
            self.late += took > IN_TIME_SECONDS
            self.times[is_good].append(took)
        else:
            self.refused += 1
            self.times[is_good].append(took)
        self.well[self.window_of(asked_at)] += status != b"503" and took <= WINDOW_SECONDS

    def summary(self, took):
        times = {good: sorted(each) for good, each in self.times.items()}
        names = ("offered", "not_sent", "accepted", "late", "refused", "shed", "broken")
        return {
            "name": self.name,
            "rate": self.rate,
            "seconds": took,
            **{name: getattr(self, name) for name in names},
            "offered_per_second": self.offered / took,
            "goodput": (self.accepted - self.late) / took,
            "good_p50_ms": at(times[True], 0.5),
            "good_p99_ms": at(times[True], 0.99),
            "bad_p99_ms": at(times[False], 0.99),
            "well_from_seconds": self.well_from(),
        }

    def well_from(self):
        """Give when the first half second began of which every request got a decision within 100 ms; None if never."""
        for begin in range(max(self.sent, default=-1) - QUIET_WINDOWS + 2):
            quiet = range(begin, begin + QUIET_WINDOWS)
            if all(0 < self.sent[place] == self.well[place] for place in quiet):
                return begin * WINDOW_SECONDS
        return None


def at(times, part):
    return times[min(len(times) - 1, int(len(times) * part))] * 1000 if times else None


class Generator:
    """The connections, and who waits on each."""

    def __init__(self, asked):
        self.address = ("127.0.0.1", asked["port"])
        self.most = asked["connections"]
        self.garbage = asked["garbage"]
        self.good, self.bad = requests_of(asked)
        self.poll = select.epoll()
        self.open, self.idle, self.waiting = {}, [], {}

    def run(self, phase):
        phase.began = began = time.perf_counter()
        end = began + phase.seconds
        while (now := time.perf_counter()) < end:
            if phase.rate is None:
                due = phase.offered + self.most - len(self.waiting)
            else:
                due = int((now - began) * phase.rate)
            while phase.offered < due:
                self.launch(phase, now)
            self.take(phase, wait=0.0005)
        took = time.perf_counter() - began
        if phase.rate is None:
            self.drain(phase)
        return phase.summary(took)

    def drain(self, phase):
        """Wait for what is still unanswered."""
        end = time.perf_counter() + DRAIN_SECONDS
        while self.waiting and time.perf_counter() < end:
            self.take(phase, wait=0.01)

    def launch(self, phase, now):
        phase.offered += 1
        is_good = random.random() >= self.garbage
        request = random.choice(self.good if is_good else self.bad)
        if self.idle:
            place = self.idle.pop()
            self.waiting[place] = (is_good, now)
            self.send(place, request, phase)
        elif len(self.open) < self.most:
            phase.broken += not self.connect(request, is_good, now)
        else:
            phase.not_sent += 1
            return
        phase.sent[phase.window_of(now)] += 1

    def connect(self, request, is_good, now):
        """Open a connection for a request, which is sent once it stands; say whether the system takes it."""
        opened = socket.socket()
        opened.setblocking(False)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if opened.connect_ex(self.address) not in {0, errno.EINPROGRESS}:
            opened.close()
            return False
        place = opened.fileno()
        self.open[place] = [opened, request]
        self.waiting[place] = (is_good, now)
        self.poll.register(place, select.EPOLLIN | select.EPOLLOUT)
        return True

    def send(self, place, request, phase):
        try:
            self.open[place][0].send(request)
        except OSError:
            self.lose(place, phase)

    def take(self, phase, *, wait):
        for place, event in self.poll.poll(wait):
            if event & select.EPOLLOUT and self.open[place][1] is not None:
                request, self.open[place][1] = self.open[place][1], None
                self.poll.modify(place, select.EPOLLIN)
                self.send(place, request, phase)
            if event & ~select.EPOLLOUT and place in self.open:
                self.receive(place, phase)

    def receive(self, place, phase):
        try:
            answer = self.open[place][0].recv(65536)
        except BlockingIOError:
            return
        except OSError:
            answer = b""
        if not answer:
            self.lose(place, phase)
            return
        asked = self.waiting.pop(place, None)
        if asked is not None:
            phase.note(answer[9:12], is_good=asked[0], asked_at=asked[1])
        if b"connection: close" in answer:
            self.lose(place, phase)
        else:
            self.idle.append(place)

    def lose(self, place, phase):
        """Forget a connection that is closed; a request that waited on it got no answer."""
        opened, _ = self.open.pop(place)
        opened.close()
        if place in self.idle:
            self.idle.remove(place)
        phase.broken += self.waiting.pop(place, None) is not None


def requests_of(asked):
    """Give the bytes of requests with good keys, and of ones with keys whose last characters are cut off."""
    good, bad = [], []
    with Path(asked["load"]).open() as file:
        for line in islice(file, KEYS):
            key, username, address = line.split()
            who = f"x-username: {username}\r\nx-keydesk-client-address: {address}\r\n"
            for sent, requests in ((key, good), (key[:-2], bad)):
                start = f"GET {asked['path']} HTTP/1.1\r\nHost: api\r\nx-api-key: {sent}\r\n"
                requests.append(f"{start}{who}{asked['more']}\r\n".encode())
    return good, bad


def main():
    asked = json.loads(sys.argv[1])
    generator = Generator(asked)
    for name, rate, seconds in asked["phases"]:
        print(json.dumps(generator.run(Phase(name, rate, seconds))), flush=True)  # noqa: T201 - its result


if __name__ == "__main__":
    main()
