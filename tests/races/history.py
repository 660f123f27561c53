"""Which answers a history of changes allows, and how long the wrong ones went on.

A change is in force at some moment between its call and its acknowledgement; a verifier may answer by what was in
force up to the bound before it was asked. Anything else is a violation.
"""

from typing import NamedTuple


class Change(NamedTuple):
    """A change of whether a key is accepted: called at `begin`, acknowledged at `ack` (seconds, CLOCK_MONOTONIC)."""

    begin: float
    ack: float
    accepted: bool


def violations(answers, changes, *, bound):
    """Give the answers that the changes of their keys, in order, do not allow."""
    return [
        answer
        for answer in answers
        if (answer.status == 200) not in allowed(answer, changes[answer.place], bound)
        or answer.status not in {200, 401, 403}
    ]


def allowed(answer, changes, bound):
    """Give what the answer may say: whatever was in force at some moment from the bound before it to its end."""
    ends = [change.ack for change in changes[1:]] + [float("inf")]
    return {
        change.accepted
        for change, end in zip(changes, ends, strict=True)
        if change.begin <= answer.end and end + bound >= answer.start
    }


def staleness(answers, changes):
    """Give for each revocation how long after its acknowledgement the last accepted question started, in seconds."""
    accepted = {}
    for answer in answers:
        if answer.status == 200:
            accepted.setdefault(answer.place, []).append(answer.start)
    found = []
    for place, of_key in changes.items():
        ends = [change.begin for change in of_key[1:]] + [float("inf")]
        for change, end in zip(of_key, ends, strict=True):
            if not change.accepted:
                late = [at - change.ack for at in accepted.get(place, []) if change.ack <= at < end]
                found.append(max(late, default=0.0))
    return sorted(found)
