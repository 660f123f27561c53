"""The order of checks, row by row: the earlier of two failing ones gives the code."""

from itertools import combinations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fixtures.rows import MemoryRows, account, entitlement, key, product

from keydesk.core.codes import Code
from keydesk.core.decide import Decider, Decision, Question, UnfitIdentityError, refuse_unfit
from keydesk.core.digest import key_digester
from keydesk.core.keyformat import KeyFormat
from keydesk.core.records import RECORD_TYPES, Environment, KeyState

NOW = 1_800_000_000.0
FORMAT = KeyFormat("kd")
DIGEST = key_digester(bytes(32))
KEY = FORMAT.mint(Environment.LIVE)
GOOD = Question(KEY, "disbursement", "live", "sinarabadi", "203.0.113.9", ("payout",))


class Case:
    """A request that is accepted, until something about it is broken."""

    def __init__(self):
        self.question = GOOD
        self.confirmed_at = NOW
        self.key = key(DIGEST(KEY))
        self.account = account()
        self.product = product(requires_username=True)
        self.entitlement = entitlement()

    def change(self, name, **fields):
        setattr(self, name, msgspec.structs.replace(getattr(self, name), **fields))

    def decide(self, now=NOW):
        present = [self.key, self.account, self.product, self.entitlement]
        rows = MemoryRows([row for row in present if row], confirmed_at=self.confirmed_at)
        return Decider(FORMAT, DIGEST).decide(rows, self.question, now)


FAULTS = [
    (Code.KEY_MISSING, lambda case: case.change("question", credential=None)),
    (Code.KEY_MALFORMED, lambda case: case.change("question", credential=KEY[:-1])),
    (Code.UNAVAILABLE, lambda case: setattr(case, "confirmed_at", NOW - 301)),
    (Code.KEY_UNKNOWN, lambda case: case.change("key", digest=bytes(32))),
    (Code.KEY_REVOKED, lambda case: case.change("key", state="REVOKED")),
    (Code.KEY_DISABLED, lambda case: case.change("key", state="DISABLED")),
    (Code.KEY_EXPIRED, lambda case: case.change("key", expires_at=int(NOW))),
    (Code.USERNAME_MISMATCH, lambda case: case.change("question", username="duasamudra")),
    (Code.ACCOUNT_INACTIVE, lambda case: case.change("account", status="SUSPENDED")),
    (Code.WRONG_PRODUCT, lambda case: case.change("key", product="payment-link")),
    (Code.WRONG_ENVIRONMENT, lambda case: case.change("key", environment="test")),
    (Code.PRODUCT_NOT_ENABLED, lambda case: setattr(case, "entitlement", None)),
    (Code.IP_NOT_ALLOWED, lambda case: case.change("key", networks=("192.0.2.0/24",))),
    (Code.SCOPE_MISSING, lambda case: case.change("question", scopes=("payout", "refund"))),
]


def code_of(fault):
    return fault[0]


def test_a_request_with_nothing_wrong_is_accepted_and_names_key_and_account():
    case = Case()
    assert case.decide() == Decision(Code.OK, case.key, case.account)


@pytest.mark.parametrize("fault", FAULTS, ids=code_of)
def test_each_failing_check_gives_its_code(fault):
    code, break_it = fault
    case = Case()
    break_it(case)
    assert case.decide().code is code


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        pair
        for pair in combinations(FAULTS, 2)
        if {pair[0][0], pair[1][0]} != {Code.KEY_REVOKED, Code.KEY_DISABLED}
    ],
    ids=code_of,
)
def test_the_earlier_of_two_failing_checks_gives_the_code(earlier, later):
    case = Case()
    later[1](case)
    earlier[1](case)
    assert case.decide().code is earlier[0]


@pytest.mark.parametrize("fault", FAULTS[:4], ids=code_of)
def test_a_decision_before_the_key_is_known_names_nobody(fault):
    case = Case()
    fault[1](case)
    decision = case.decide()
    assert (decision.key, decision.account) == (None, None)


@pytest.mark.parametrize("fault", FAULTS[4:], ids=code_of)
def test_a_refusal_of_a_known_key_names_its_key_and_account(fault):
    code, break_it = fault
    case = Case()
    break_it(case)
    assert case.decide() == Decision(code, case.key, case.account)


@pytest.mark.parametrize("state", [*KeyState, "FROM_A_LATER_VERSION", ""])
def test_a_key_works_only_in_the_states_that_say_so(state):
    case = Case()
    case.change("key", state=state, retires_at=int(NOW) + 1)
    assert case.decide().accepted == (state in {"ACTIVE", "RETIRING"})


@pytest.mark.parametrize(
    ("retires_at", "code"),
    [
        (None, Code.KEY_EXPIRED),
        (NOW - 1, Code.KEY_EXPIRED),
        (NOW, Code.KEY_EXPIRED),
        (NOW + 1, Code.OK),
    ],
)
def test_a_retiring_key_works_until_its_moment(retires_at, code):
    case = Case()
    case.change("key", state="RETIRING", retires_at=retires_at)
    assert case.decide().code is code


@pytest.mark.parametrize(
    "status",
    ["DRAFT", "WAITING_FOR_APPROVAL", "NEED_REVISION", "REJECTED", "SUSPENDED", "CLOSED", "?"],
)
def test_only_an_approved_account_is_active(status):
    case = Case()
    case.change("account", status=status)
    assert case.decide().code is Code.ACCOUNT_INACTIVE


def test_a_key_whose_account_is_not_in_the_replica_is_refused():
    case = Case()
    case.account = None
    assert case.decide().code is Code.ACCOUNT_INACTIVE


@pytest.mark.parametrize(
    ("username", "code"),
    [
        (None, Code.USERNAME_MISMATCH),
        ("sinarabadi ", Code.USERNAME_MISMATCH),
        ("SinarAbadi", Code.USERNAME_MISMATCH),
        ("sinarabadi", Code.OK),
    ],
)
def test_a_product_that_asks_for_the_username_gets_exactly_it(username, code):
    case = Case()
    case.change("question", username=username)
    assert case.decide().code is code


@pytest.mark.parametrize("username", [None, "", "anybody"])
def test_a_product_that_does_not_ask_for_the_username_ignores_it(username):
    case = Case()
    case.change("product", requires_username=False)
    case.change("question", username=username)
    assert case.decide().code is Code.OK


@pytest.mark.parametrize("state", ["STOPPED", "RETIRED", "?"])
def test_a_product_that_is_not_active_refuses_every_key(state):
    case = Case()
    case.change("product", state=state)
    assert case.decide().code is Code.PRODUCT_NOT_ENABLED


@pytest.mark.parametrize("state", ["REQUESTED", "DISABLED", "?"])
def test_an_entitlement_that_is_not_enabled_refuses(state):
    case = Case()
    case.change("entitlement", state=state)
    assert case.decide().code is Code.PRODUCT_NOT_ENABLED


def test_a_product_that_nobody_knows_is_the_wrong_product_for_a_good_key():
    case = Case()
    case.change("question", product="nothing")
    assert case.decide().code is Code.WRONG_PRODUCT


@pytest.mark.parametrize(
    ("lease", "age", "code"),
    [
        (300, 300, Code.OK),
        (300, 300.001, Code.UNAVAILABLE),
        (5, 5, Code.OK),
        (5, 5.001, Code.UNAVAILABLE),
        (None, 10**9, Code.OK),
    ],
)
def test_rows_decide_up_to_the_lease_of_the_product_and_no_longer(lease, age, code):
    case = Case()
    case.change("product", lease_seconds=lease)
    assert case.decide(NOW + age).code is code


@pytest.mark.parametrize("lease", [5, 300, None])
def test_rows_that_were_never_confirmed_decide_nothing(lease):
    case = Case()
    case.change("product", lease_seconds=lease)
    case.confirmed_at = None
    assert case.decide() == Decision(Code.UNAVAILABLE, retry_after=1)


UNFIT = st.text(min_size=1).filter(lambda text: not (text.isascii() and text.isprintable()))


@given(
    st.sampled_from([("key", "id"), ("key", "scopes"), ("account", "username")]),
    UNFIT | st.just("a" * 257),
)
def test_nobody_is_accepted_whom_a_header_cannot_name(place, text):
    whose, field = place
    case = Case()
    case.change(whose, **{field: (text,) if field == "scopes" else text})
    case.change("product", requires_username=False)
    case.change("question", scopes=())
    with pytest.raises(UnfitIdentityError):
        case.decide()
    case.change("key", state="REVOKED")
    assert case.decide().code is Code.KEY_REVOKED


@pytest.mark.parametrize("field", ["account", "product", "environment"])
def test_nor_is_anybody_with_an_account_a_product_or_an_environment_of_such_a_name(field):
    identity = {"key": key(DIGEST(KEY)), "account": account()}
    refuse_unfit(**identity)
    for text in ("a\r\nx-keydesk-account: acc_other", "sinár", "a" * 257):
        unfit = msgspec.structs.replace(identity["key"], **{field: text})
        with pytest.raises(UnfitIdentityError):
            refuse_unfit(unfit, identity["account"])


def test_an_identity_may_be_as_long_as_its_parts_may_be_together():
    longest = "a" * 256
    scopes = ("a" * 128, "b" * 127)
    refuse_unfit(key(DIGEST(KEY), id=longest, scopes=scopes), account(username=longest))
    with pytest.raises(UnfitIdentityError):
        refuse_unfit(key(DIGEST(KEY), scopes=(*scopes, "c")), account())


def test_every_kind_of_record_has_a_name_of_its_own():
    assert len({kind.kind for kind in RECORD_TYPES}) == len(RECORD_TYPES) == 5


@pytest.mark.parametrize("whose", ["key", "account"])
@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("203.0.113.9", Code.OK),
        ("203.0.114.9", Code.IP_NOT_ALLOWED),
        ("203.0.113.9, 203.0.113.9", Code.IP_NOT_ALLOWED),
        ("", Code.IP_NOT_ALLOWED),
        (None, Code.IP_NOT_ALLOWED),
    ],
)
def test_an_allow_list_lets_in_only_an_address_that_is_known_and_inside(whose, address, code):
    case = Case()
    case.change(whose, networks=("203.0.113.0/24",))
    case.change("question", address=address)
    assert case.decide().code is code


def test_where_key_and_account_have_a_list_the_address_is_in_both():
    case = Case()
    case.change("key", networks=("203.0.113.0/24",))
    case.change("account", networks=("203.0.113.0/30",))
    assert case.decide().code is Code.IP_NOT_ALLOWED
    case.change("question", address="203.0.113.2")
    assert case.decide().code is Code.OK


def test_an_address_that_nobody_asks_about_does_not_matter():
    case = Case()
    case.change("question", address=None)
    assert case.decide().code is Code.OK


@pytest.mark.parametrize("asked", [(), ("read",), ("payout", "read"), ("read", "read")])
def test_a_key_with_every_scope_that_is_asked_for_passes(asked):
    case = Case()
    case.change("question", scopes=asked)
    assert case.decide().code is Code.OK


@pytest.mark.parametrize("asked", [("refund",), ("Read",), ("rea",), ("",), ("payout read",)])
def test_a_key_that_lacks_a_scope_is_refused(asked):
    case = Case()
    case.change("question", scopes=asked)
    assert case.decide().code is Code.SCOPE_MISSING


def test_an_accepted_call_is_still_to_be_counted_against_its_limits_and_a_refused_one_is_not():
    case = Case()
    case.change("product", limits=("account:daily=10/day",))
    assert [bucket.limit.text for bucket in case.decide().buckets] == ["account:daily=10/day"]
    case.change("question", scopes=("refund",))
    assert case.decide().buckets == ()


def test_what_a_key_says_of_itself_is_the_decision_on_its_own_product():
    case = Case()
    case.change("key", product="payment-link", environment="test")
    present = [case.key, case.account, product(slug="payment-link")]
    rows = MemoryRows(
        [*present, entitlement(product="payment-link", environment="test")], confirmed_at=NOW
    )
    ask = Decider(FORMAT, DIGEST).about_itself
    assert ask(rows, KEY, None, NOW) == Decision(Code.OK, case.key, case.account)
    assert ask(rows, FORMAT.mint(Environment.LIVE), None, NOW) == Decision(Code.KEY_UNKNOWN)
    assert ask(rows, "nothing", None, NOW) == Decision(Code.KEY_MALFORMED)
