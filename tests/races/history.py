"""Which answers a history of changes allows, and how long the wrong ones went on after each kind of change.

A change is in force at some moment between its call and its acknowledgement; a verifier may answer by what was in
force up to the bound before it was asked. Anything else is a violation.
"""

from bisect import bisect_left, bisect_right
from operator import attrgetter
from typing import NamedTuple


class Change(NamedTuple):
    """A change of whether a key is accepted: called at `begin`, acknowledged at `ack` (seconds, CLOCK_MONOTONIC)."""

    begin: float
    ack: float
    accepted: bool
    kind: str = ""
    """What was done; empty for how a key was when the history began."""


def violations(answers, changes, *, bound):
    """Give the answers that the changes of their keys, in order, do not allow."""
    return [
        answer
        for answer in answers
        if (answer.status == 200) not in allowed(answer, changes[answer.place], bound)
        or answer.status not in {200, 401, 403}
    ]


def allowed(answer, changes, bound):
    """Give what the answer may say: whatever was in force at some moment from the bound before it to its end.

    A change is in force until the next one is acknowledged.
    """
    first = bisect_left(changes, answer.start - bound, lo=1, key=attrgetter("ack")) - 1
    behind_last = bisect_right(changes, answer.end, key=attrgetter("begin"))
    return {change.accepted for change in changes[first:behind_last]}


def staleness(answers, changes):
    """Give for each kind of change how long after each acknowledgement the last contrary question started, in seconds.

    Contrary to an ending is that a key was accepted, contrary to a beginning that it was refused.
    """
    of_places = {}
    for answer in sorted(answers, key=attrgetter("start")):
        of_places.setdefault(answer.place, []).append(answer)
    found = {}
    for place, of_key in changes.items():
        ends = [change.begin for change in of_key[1:]] + [float("inf")]
        for change, end in zip(of_key, ends, strict=True):
            if change.kind:
                late = overlooked(change, of_places.get(place, []), until=end)
                found.setdefault(change.kind, []).append(late)
    return {kind: sorted(late) for kind, late in found.items()}


def overlooked(change, answers, *, until):
    """Give how long after its acknowledgement a change was overlooked, before the next one began, in seconds.

    Takes the answers about its key in the order of their questions.
    """
    start = attrgetter("start")
    since, end = (bisect_left(answers, moment, key=start) for moment in (change.ack, until))
    contrary = [
        answer.start - change.ack
        for answer in answers[since:end]
        if (answer.status == 200) is not change.accepted
    ]
    return max(contrary, default=0.0)
