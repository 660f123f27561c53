"""What the API Key page says before a key's end, so that nobody learns of it from refused requests."""

import html
import re
from datetime import timedelta

import pytest
from django.utils import timezone
from tests.fixtures.browsing import KEYS
from tests.fixtures.generating import generated

from keydesk.control.access.actor import HOST_OPERATOR
from keydesk.control.accounts.actions import set_account_status
from keydesk.control.entitlements.actions import disable_product
from keydesk.control.keys.actions import revoke_key
from keydesk.control.keys.models import ApiKey
from keydesk.core.records import AccountStatus

pytestmark = pytest.mark.django_db

OTHERS = "more key"
WARNING = "stops working"


@pytest.fixture
def ending(sinar, disbursement):
    """Make a key that ends in so many days; gives its id."""

    def ending(name, days, environment="live"):
        end = timezone.now() + timedelta(days=days)
        return generated(sinar, name=name, environment=environment, expires_at=end).id

    return ending


def text_of(response):
    """Give the text of a page, each run of white space one blank."""
    text = re.sub(
        r"<(script|style).*?</\1>|<[^>]+>", " ", response.content.decode(), flags=re.DOTALL
    )
    return re.sub(r"\s+", " ", html.unescape(text))


def test_the_next_key_to_end_is_named_with_its_days_and_what_to_do(browse, ana, ending):
    ending("Later", 6.5)
    ending("Batch <payroll>", 2.5)
    ending("Much later", 7.5)
    page = browse(ana).get(KEYS)
    shown = text_of(page)
    assert "Batch <payroll> stops working in 3 days. Generate another key for Disbursement" in shown
    assert "1 more key stops working within 7 days." in shown
    assert shown.count(WARNING) == 2
    generate = f'action="{KEYS}generate/disbursement/live/"'
    assert page.content.decode().count(generate) == 2


def test_on_its_last_day_it_is_said_so(browse, ana, ending):
    ending("Batch", 0.5)
    shown = text_of(browse(ana).get(KEYS))
    assert "Batch stops working within a day." in shown
    assert OTHERS not in shown


def test_the_state_of_a_key_that_ends_soon_is_its_end(browse, ana, ending):
    end = ApiKey.objects.get(pk=ending("Batch", 3)).expires_at
    assert f"Expires {end:%-d %b %Y}" in text_of(browse(ana).get(KEYS))


def test_of_a_key_that_ends_later_or_has_ended_nothing_is_said(browse, ana, ending):
    ending("Later", 8)
    ending("In test", 2, environment="test")
    revoke_key(HOST_OPERATOR, key_id=ending("Revoked", 2))
    shown = text_of(browse(ana).get(KEYS))
    assert WARNING not in shown
    assert "Expires" not in shown


def test_of_a_key_that_does_not_work_anyway_nothing_is_said(browse, ana, sinar, ending):
    ending("Batch", 3)
    disable_product(
        HOST_OPERATOR,
        account_id=sinar.id,
        product="disbursement",
        environment="live",
        reason="The pilot ended.",
    )
    assert WARNING not in text_of(browse(ana).get(KEYS))


def test_while_the_company_is_suspended_nothing_is_said(browse, ana, sinar, ending):
    ending("Batch", 3)
    set_account_status(
        HOST_OPERATOR, account_id=sinar.id, status=AccountStatus.SUSPENDED, reason="Unpaid."
    )
    assert WARNING not in text_of(browse(ana).get(KEYS))


def test_a_search_hides_no_warning(browse, ana, ending):
    ending("Batch", 3)
    assert f"Batch {WARNING} in 3 days." in text_of(browse(ana).get(f"{KEYS}?search=nothing"))
