"""A key that was replaced with an overlap works beside its successor, and people see who still uses it."""

import itertools
import re
import time
from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone
from tests.fixtures.browsing import KEYS, hidden, shown_key

from keydesk.control.access.actor import HOST_OPERATOR
from keydesk.control.access.refused import Refused
from keydesk.control.audit.models import AuditEvent
from keydesk.control.entitlements.actions import disable_product
from keydesk.control.keys import actions, queries
from keydesk.control.keys.models import ApiKey
from keydesk.control.keys.rules import LENGTHS, Overlap, confirmed_object
from keydesk.control.policies.actions import change_policies
from keydesk.control.stepup.rules import GuardedAction
from keydesk.control.usage.actions import record_usage
from keydesk.core.codes import Code
from keydesk.core.records import Environment
from keydesk.core.usage import Batch, Count, Entry

pytestmark = pytest.mark.django_db

WITH_AN_OVERLAP = [overlap for overlap in Overlap if overlap is not Overlap.NONE]


def refusal(function, *arguments, **named):
    with pytest.raises(Refused) as refused:
        function(*arguments, **named)
    return refused.value.code


def states():
    """Give the stored states of the keys, the oldest first."""
    return list(ApiKey.objects.order_by("created_at").values_list("state", flat=True))


@pytest.mark.parametrize("overlap", WITH_AN_OVERLAP)
def test_with_an_overlap_the_old_key_works_for_exactly_that_long_and_the_trail_tells_it(
    overlap, ana, generate, regenerate, reveal
):
    with time_machine.travel("2026-03-04T05:06:07.891Z", tick=False) as clock:
        old = generate(ana, name="Payroll")
        new = regenerate(ana, old.id, overlap=overlap)
        end = timezone.now().replace(microsecond=0) + LENGTHS[overlap]
        row = ApiKey.objects.get(pk=old.id)
        assert (row.state, row.retires_at, row.revoked_at) == ("RETIRING", end, None)
        assert reveal(ana, old.id).plaintext == old.plaintext != new.plaintext
        told = AuditEvent.objects.get(event="key.regenerated")
        assert (told.object_id, told.details) == (
            old.id,
            {"replaced_by": new.id, "overlap": str(overlap), "retires_at": end.isoformat()},
        )
        clock.move_to(end - timedelta(seconds=1))
        assert queries.key_for(HOST_OPERATOR, key_id=old.id).state == "RETIRING"
        clock.move_to(end)
        assert queries.key_for(HOST_OPERATOR, key_id=old.id).state == "EXPIRED"
        assert queries.key_for(HOST_OPERATOR, key_id=new.id).state == "ACTIVE"


@pytest.mark.parametrize(
    ("lives", "works"), [({"hours": 2}, {"hours": 2}), ({"days": 3}, {"hours": 24})]
)
def test_an_overlap_never_extends_the_life_of_a_key(lives, works, ana, generate, regenerate):
    with time_machine.travel("2026-03-04T05:06:07Z", tick=False):
        old = generate(ana)
        ApiKey.objects.update(expires_at=timezone.now() + timedelta(**lives))
        new = regenerate(ana, old.id, overlap=Overlap.DAY)
        rows = {row.id: row for row in ApiKey.objects.all()}
        assert rows[old.id].retires_at == timezone.now() + timedelta(**works)
        assert rows[new.id].expires_at == rows[old.id].expires_at


def test_a_retiring_key_is_replaced_by_nobody_again_and_revoked_by_whoever_may(
    ana, budi, generate, regenerate, reveal
):
    old = generate(ana)
    regenerate(ana, old.id, overlap=Overlap.WEEK)
    for overlap in Overlap:
        again = refusal(regenerate, budi, old.id, overlap=overlap)
        assert again == Code.KEY_ALREADY_REPLACED
    actions.revoke_key(budi, key_id=old.id)
    assert states() == ["REVOKED", "ACTIVE"]
    assert refusal(reveal, ana, old.id) == Code.KEY_NOT_LIVE


def test_a_retiring_key_that_was_stopped_goes_on_retiring_when_it_is_released(
    ana, host, generate, regenerate
):
    old = generate(ana)
    regenerate(ana, old.id, overlap=Overlap.WEEK)
    end = ApiKey.objects.get(pk=old.id).retires_at
    actions.stop_key(host, key_id=old.id, reason="Leaked")
    assert states() == ["DISABLED", "ACTIVE"]
    actions.release_key(host, key_id=old.id)
    row = ApiKey.objects.get(pk=old.id)
    assert (row.state, row.retires_at) == ("RETIRING", end)


def test_a_confirmation_for_one_overlap_carries_out_no_other(ana, generate, granted):
    made = generate(ana)
    for confirmed, done in itertools.permutations(Overlap, 2):
        grant = granted(ana, GuardedAction.KEY_REGENERATE, confirmed_object(made.id, confirmed))
        named = {"key_id": made.id, "grant": grant, "request_token": "press", "overlap": done}
        assert refusal(actions.regenerate_key, ana, **named) == Code.GRANT_INVALID
    assert states() == ["ACTIVE"]


def test_a_button_pressed_again_gives_the_same_key_for_the_same_end_of_the_old_one_alone(
    ana, generate, regenerate
):
    old = generate(ana)
    new = regenerate(ana, old.id, token="press", overlap=Overlap.DAY)
    again = regenerate(ana, old.id, token="press", overlap=Overlap.DAY)
    assert (again.id, again.plaintext, again.created) == (new.id, new.plaintext, False)
    for other in (Overlap.NONE, Overlap.HOUR):
        pressed = refusal(regenerate, ana, old.id, token="press", overlap=other)
        assert pressed == Code.INVALID_INPUT
    assert states() == ["RETIRING", "ACTIVE"]


def test_an_overlap_needs_room_for_another_working_key_and_replacing_at_once_needs_none(
    ana, generate, regenerate
):
    change_policies(HOST_OPERATOR, changes={"keys_a_product": 1})
    made = generate(ana)
    assert refusal(regenerate, ana, made.id, overlap=Overlap.HOUR) == Code.KEY_LIMIT_REACHED
    assert states() == ["ACTIVE"]
    assert regenerate(ana, made.id).created


def test_an_overlap_that_is_not_offered_is_refused_at_its_field(ana, host, generate):
    made = generate(ana)
    with pytest.raises(Refused) as refused:
        actions.regenerate_key(
            host, key_id=made.id, grant=None, request_token="press", overlap="2h"
        )
    told = {"field": "overlap", "reason": "unknown"}
    assert (refused.value.code, refused.value.details) == (Code.INVALID_INPUT, told)
    assert states() == ["ACTIVE"]


# On pages


def words(response):
    """Give the text of a page, each run of white space one blank."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def picked(response):
    """Give the overlap that is chosen in a form."""
    return re.findall(r'name="overlap" value="(\w+)"[^>]* checked', response.content.decode())


def used(key_id, number, *, minutes_ago):
    """Count calls with a key."""
    then = int(time.time()) - minutes_ago * 60
    count = Count(
        key=key_id,
        code="ok",
        minute=then // 60 * 60,
        number=number,
        last_at=then,
        product="disbursement",
        environment="live",
        address="203.0.113.7",
    )
    batch = Batch(source=f"web-{key_id}", entries=[Entry(sequence=1, counts=[count])])
    record_usage(HOST_OPERATOR, batch=batch)


def test_the_dialog_offers_the_overlaps_and_carries_the_chosen_one_to_the_new_key(
    browse, ana, generate, pin
):
    old = generate(ana)
    client, address = browse(ana), f"{KEYS}{old.id}/regenerate/"
    first = client.get(address)
    assert picked(first) == ["none"]
    form = {"step": "confirm", "request_token": hidden(first, "request_token"), "overlap": "7d"}
    second = client.post(address, form)
    assert hidden(second, "overlap") == "7d"
    assert "the old one works on beside it" in words(second)
    assert "Keep the old key for 7 days" in words(second)
    assert picked(client.get(f"{address}?overlap=7d")) == ["7d"]
    assert shown_key(client.post(address, form | {"step": "pin", "pin": pin})) is not None
    assert states() == ["RETIRING", "ACTIVE"]
    assert "The old key works until" in words(client.get("/a/sinarabadi/activity/"))


@pytest.mark.parametrize("step", ["confirm", "pin"])
def test_an_overlap_that_nobody_offered_is_told_in_the_dialog_and_replaces_nothing(
    step, browse, ana, generate, pin
):
    made = generate(ana)
    form = {"step": step, "pin": pin, "request_token": "press", "overlap": "90d"}
    response = browse(ana).post(f"{KEYS}{made.id}/regenerate/", form)
    assert (response.status_code, picked(response)) == (422, ["none"])
    assert "Choose how long the old key works on." in words(response)
    assert hidden(response, "request_token") == "press"
    assert states() == ["ACTIVE"]


def test_the_dialog_says_which_overlaps_outlast_the_key(browse, ana, generate):
    made = generate(ana)
    ApiKey.objects.update(expires_at=timezone.now() + timedelta(days=2))
    shown = words(browse(ana).get(f"{KEYS}{made.id}/regenerate/"))
    assert shown.count("It expires before that.") == 2


def test_the_list_tells_until_when_a_retiring_key_works_what_replaced_it_and_who_uses_it(
    browse, ana, generate, regenerate
):
    old = generate(ana, name="Payroll")
    new = regenerate(ana, old.id, overlap=Overlap.DAY)
    end = ApiKey.objects.get(pk=old.id).retires_at
    client = browse(ana)
    told = f"Works until {end:%-d %b %Y, %H:%M} UTC · replaced by {new.shown_prefix}…"
    assert f"{told} No requests in 24 hours: safe to revoke." in words(client.get(KEYS))
    used(new.id, 7, minutes_ago=1)
    used(old.id, 1230, minutes_ago=5)
    shown = words(client.get(KEYS))
    sentence = "1,230 requests in 24 hours, the last one from 203.0.113.7."
    assert (f"{told} {sentence}" in shown, shown.count("Works until")) == (True, 1)
    menu = client.get(KEYS).content.decode()
    assert [f"{key.id}/regenerate/" in menu for key in (old, new)] == [False, True]
    assert [f"{key.id}/revoke/" in menu for key in (old, new)] == [True, True]


def test_calls_of_more_than_a_day_ago_hold_nobody_from_revoking_a_retiring_key(
    browse, ana, generate, regenerate
):
    old = generate(ana)
    regenerate(ana, old.id, overlap=Overlap.MONTH)
    used(old.id, 4, minutes_ago=24 * 60 + 2)
    shown = words(browse(ana, headers={"accept-language": "id"}).get(KEYS))
    assert "Tidak ada permintaan dalam 24 jam: aman dicabut." in shown


def test_a_retiring_key_whose_product_does_not_work_is_not_said_to_work(
    browse, ana, sinar, host, generate, regenerate
):
    regenerate(ana, generate(ana).id, overlap=Overlap.DAY)
    place = {"account_id": sinar.id, "product": "disbursement", "environment": Environment.LIVE}
    disable_product(host, **place, reason="Unpaid")
    assert "Works until" not in words(browse(ana).get(KEYS))
