"""Traffic of the demo: a month in which its keys were used, as the verifiers of a provider would have counted it."""

import random
import secrets
import time
from collections.abc import Iterator
from typing import Final, NamedTuple

from keydesk.control.access.actor import HOST_OPERATOR
from keydesk.control.usage.actions import record_usage
from keydesk.core.codes import Code
from keydesk.core.usage import HOUR, MINUTE, Batch, Count, Entry, RefusedCall, Stranger

DAY: Final = 24 * HOUR
DAYS: Final = 30
WEEKEND: Final = 5
"""Saturday, counted from Monday."""
SOURCE: Final = "demo-traffic"
WORKING_HOURS: Final = range(1, 11)
"""When people work in Jakarta, in hours of UTC."""


class Guess(NamedTuple):
    """Requests without a known key, as the demo had them."""

    code: Code
    hours_ago: int
    number: int
    address: str
    prefix: str = ""


GUESSES: Final = (
    Guess(Code.KEY_MISSING, 1, 1_412, "203.0.113.80"),
    Guess(Code.KEY_UNKNOWN, 2, 3, "198.51.100.23", "kd_live_a1B2"),
    Guess(Code.KEY_UNKNOWN, 3, 3, "198.51.100.23", "kd_live_test"),
    Guess(Code.KEY_UNKNOWN, 4, 3, "198.51.100.23", "kd_live_0000"),
    Guess(Code.KEY_MALFORMED, 5, 64, "198.51.100.23"),
    Guess(Code.KEY_MALFORMED, 30, 2, "2001:db8::5", "kd_test_c9Zk"),
)


class Habit(NamedTuple):
    """How a key of the demo is used."""

    key: str
    product: str
    environment: str
    a_day: int
    """Requests on a weekday."""
    address: str
    first_day: int = DAYS - 1
    last_day: int = 0
    """Days ago."""
    at_weekends: float = 0.2
    refusal: Code | None = None
    """What some of its requests are refused with."""
    refused_share: float = 0.0
    refused_product: str = ""
    """The product that those ask for, if not its own."""


def drive(habits: list[Habit]) -> None:
    """Record a month of these habits, and a few guesses from outside."""
    drawn, now = random.Random(2026), int(time.time())  # noqa: S311 - it is to look the same each time
    counts, refused = [], []
    for habit in habits:
        for moment, number, code in calls(habit, drawn, now=now):
            counts.append(count_of(habit, moment, number, code))
            if code is not Code.OK:
                refused.append(refused_call(habit, moment, code))
    entry = Entry(sequence=1, counts=counts, strangers=strangers(now), refused=refused)
    record_usage(HOST_OPERATOR, batch=Batch(source=SOURCE, entries=[entry]))


def strangers(now: int) -> list[Stranger]:
    """Give the guesses as a verifier counts them."""
    return [
        Stranger(
            code=guess.code.value,
            minute=now // MINUTE * MINUTE - guess.hours_ago * HOUR,
            number=guess.number,
            last_at=now - guess.hours_ago * HOUR,
            prefix=guess.prefix,
            address=guess.address,
        )
        for guess in GUESSES
    ]


def calls(habit: Habit, drawn: random.Random, *, now: int) -> Iterator[tuple[int, int, Code]]:
    """Give the moments of a habit's requests, how many there were in each minute, and what came of them."""
    for days_ago in range(habit.first_day, habit.last_day - 1, -1):
        midnight = now // DAY * DAY - days_ago * DAY
        is_weekend = time.gmtime(midnight).tm_wday >= WEEKEND
        wanted = habit.a_day * (habit.at_weekends if is_weekend else 1) * drawn.uniform(0.7, 1.3)
        for hour in range(24):
            share = 14 if hour in WORKING_HOURS else 60
            number = round(wanted * drawn.uniform(0.5, 1.5) / share)
            moment = min(midnight + hour * HOUR + drawn.randrange(HOUR), now - 3 * MINUTE)
            if number and midnight + hour * HOUR <= now:
                bad = round(number * habit.refused_share * drawn.uniform(0, 2))
                good = number - min(bad, number)
                if good:
                    yield moment, good, Code.OK
                if number - good and habit.refusal is not None:
                    yield moment, number - good, habit.refusal


def count_of(habit: Habit, moment: int, number: int, code: Code) -> Count:
    """Give one minute's count."""
    return Count(
        key=habit.key,
        code=code.value,
        minute=moment // MINUTE * MINUTE,
        number=number,
        last_at=moment,
        product=asked_for(habit, code),
        environment="test" if habit.environment == "test" else "live",
        address=habit.address,
    )


def refused_call(habit: Habit, moment: int, code: Code) -> RefusedCall:
    """Give one of a minute's refused requests as it can be looked up."""
    return RefusedCall(
        request_id=f"req_{secrets.token_hex(10)}",
        key=habit.key,
        code=code.value,
        at=float(moment),
        product=asked_for(habit, code),
        environment="test" if habit.environment == "test" else "live",
        address=habit.address,
    )


def asked_for(habit: Habit, code: Code) -> str:
    """Give the product that a request of this outcome asked for."""
    return (habit.refused_product if code is not Code.OK else "") or habit.product
