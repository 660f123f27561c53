"""The host's operator does with commands what the internal team will do on pages."""

import re
import shlex
from pathlib import Path

import pysqlite3
import pytest

ROOT = Path(__file__).parents[2]


def audit_of(desk):
    with pysqlite3.connect(desk.folder / "keydesk.sqlite3") as database:
        rows = database.execute("SELECT event, actor_kind FROM audit_events ORDER BY seq")
        return rows.fetchall()


def row_of(desk, statement):
    with pysqlite3.connect(desk.folder / "keydesk.sqlite3") as database:
        (row,) = database.execute(statement)
        return row


def test_what_an_operator_did_can_be_listed(desk):
    assert desk.run(["account", "list"]) == "sinarabadi  APPROVED  PT Sinar Abadi\n"
    assert desk.run(["product", "list"]) == "disbursement  ACTIVE  Disbursement\n"
    assert desk.run(["entitlement", "list", "sinarabadi"]) == (
        "disbursement  live  ENABLED\ndisbursement  test  ENABLED\n"
    )


def test_everything_an_operator_does_is_in_the_audit_trail_as_the_hosts(desk):
    assert audit_of(desk) == [
        ("account.created", "host"),
        ("account.status_changed", "host"),
        ("account.status_changed", "host"),
        ("product.created", "host"),
        ("entitlement.enabled", "host"),
        ("entitlement.enabled", "host"),
    ]


def test_a_key_is_printed_alone_once_and_then_only_its_beginning(desk):
    key = desk.run(["key", "generate", "sinarabadi", "disbursement", "--name", "Payroll"]).strip()
    assert re.fullmatch(r"kd_live_[A-Za-z0-9]{49}", key)
    listed = desk.run(["key", "list", "sinarabadi"])
    assert key not in listed
    assert re.fullmatch(
        rf"key_\w+  {key[:12]}…  ACTIVE  disbursement  Payroll\n", listed, re.IGNORECASE
    )


def test_a_key_is_revoked_once_and_then_there_is_a_sentence(desk):
    desk.run(["key", "generate", "sinarabadi", "disbursement", "--name", "Payroll"])
    key_id = desk.run(["key", "list", "sinarabadi"]).split()[0]
    assert f"{key_id} is revoked" in desk.run(["key", "revoke", key_id])
    assert desk.run(["key", "revoke", key_id], says_no=True).startswith(
        "keydesk: The API key is no longer in use."
    )


def test_a_key_is_replaced_at_once_or_with_an_overlap(desk):
    desk.run(["key", "generate", "sinarabadi", "disbursement", "--name", "Payroll"])
    first = desk.run(["key", "list", "sinarabadi"]).split()[0]
    key = desk.run(["key", "regenerate", first]).strip()
    assert re.fullmatch(r"kd_live_[A-Za-z0-9]{49}", key)
    held = "SELECT id, retires_at IS NULL FROM api_keys WHERE state = "
    second, _ = row_of(desk, f"{held}'ACTIVE'")
    refused = desk.run(["key", "regenerate", second, "--overlap", "2h"], says_no=True)
    assert "'2h' is not one of 'none', '1h', '24h', '7d', '30d'" in re.sub(r"[\s│]+", " ", refused)
    assert row_of(desk, f"{held}'ACTIVE'") == (second, 1)
    desk.run(["key", "regenerate", second, "--overlap", "24h"])
    assert row_of(desk, f"{held}'RETIRING'") == (second, 0)
    assert row_of(desk, f"{held}'REVOKED'") == (first, 1)
    again = desk.run(["key", "regenerate", second], says_no=True)
    assert again == "keydesk: Somebody else has replaced this API key already.\n"


def test_a_key_is_restricted_and_what_is_not_given_stays(desk):
    desk.run(["key", "generate", "sinarabadi", "disbursement", "--name", "Payroll", "--days", "30",
              "--network", "203.0.113.7/32", "--limit", "key:burst=9/1s"])  # fmt: skip
    key_id = desk.run(["key", "list", "sinarabadi"]).split()[0]
    desk.run(["key", "restrict", key_id, "--network", "2001:db8::/32", "--network", "::1"])
    held = row_of(desk, "SELECT networks, limits, expires_at IS NULL FROM api_keys")
    assert held == ("2001:db8::/32 ::1", "key:burst=9/1s", 0)
    desk.run(["key", "restrict", key_id, "--network", "", "--limit", ""])
    assert row_of(desk, "SELECT networks, limits FROM api_keys") == ("", "")


def test_accounts_products_and_entitlements_are_restricted(desk):
    said = desk.run(["account", "networks", "sinarabadi", "--network", "203.0.113.0/24"])
    assert said.startswith("Keys of sinarabadi may be used from 203.0.113.0/24 alone (revision ")
    desk.run(["product", "edit", "disbursement", "--envelope", "compat",
              "--limit", "account:daily=9/day"])  # fmt: skip
    desk.run(["entitlement", "limit", "sinarabadi", "disbursement", "--environment", "test",
              "--limit", "account:daily=1/day", "--reason", "A trial"])  # fmt: skip
    assert row_of(desk, "SELECT networks FROM accounts") == ("203.0.113.0/24",)
    assert row_of(desk, "SELECT name, envelope, limits, lease_seconds FROM products") == (
        "Disbursement",
        "compat",
        "account:daily=9/day",
        300,
    )
    with pysqlite3.connect(desk.folder / "keydesk.sqlite3") as database:
        rows = database.execute("SELECT environment, limits FROM entitlements ORDER BY environment")
        assert rows.fetchall() == [("live", ""), ("test", "account:daily=1/day")]


def test_the_allow_list_of_an_account_is_shown_where_none_is_given_and_nothing_changes(desk):
    networks = ["account", "networks", "sinarabadi"]
    how = 'To set the whole list, name each with --network; --network "" takes the list away.\n'
    assert desk.run(networks) == f"Keys of sinarabadi may be used from anywhere.\n{how}"
    desk.run([*networks, "--network", "203.0.113.0/24", "--network", "::1"])
    held = audit_of(desk)
    shown = "Keys of sinarabadi may be used from 203.0.113.0/24, ::1 alone.\n"
    assert desk.run(networks) == shown + how
    assert audit_of(desk) == held
    assert "from anywhere" in desk.run([*networks, "--network", ""])
    assert row_of(desk, "SELECT networks FROM accounts") == ("",)


def test_a_person_is_let_in_with_a_password_that_no_argument_carries(desk):
    refused = desk.run(["member", "add", "sinarabadi", "ana@x.example", "superadmin"], says_no=True)
    assert "--name" in refused


def test_whoever_has_no_pin_has_none_to_be_reset(desk):
    add = ["member", "add", "sinarabadi", "raka@x.example", "viewer", "--name", "Raka"]
    desk.run(add, typed="empat belas kucing hitam\n")
    held = audit_of(desk)
    assert desk.run(["member", "reset-pin", "raka@x.example"], says_no=True) == (
        "keydesk: raka@x.example has no PIN: they set one with their password at the first need.\n"
    )
    assert audit_of(desk) == held


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (["account", "approve", "nobody"], "There is no account with the username nobody."),
        (["account", "create", "A", "--name", "x"], "The username is not well-formed."),
        (["account", "create", "sinarabadi", "--name", "x"], "The username is taken already."),
        (["account", "suspend", "sinarabadi", "--reason", ""], "The reason is empty."),
        (["account", "networks", "sinarabadi", "--network", "10.0.0.1/8"],
         'The networks cannot have "10.0.0.1/8": write 203.0.113.7, 203.0.113.0/24 or'),
        (["product", "edit", "disbursement", "--limit", "key:x"], 'The limits cannot have "key:x": write key:burst'),
        (["entitlement", "limit", "sinarabadi", "disbursement", "--limit", "product:x=1/1s", "--reason", "x"],
         'The limits cannot have "product:x=1/1s": here a limit is one of key or account.'),
        (["account", "approve", "sinarabadi"], "The state has changed meanwhile."),
        (["product", "stop", "nothing", "--reason", "x"], "Nothing has that name or id: `list` tells what there is."),
        (["product", "stop", "disbursement", "--reason", " "], "The reason is empty."),
        (["product", "retire", "disbursement", "--reason", "x" * 2001], "The reason is too long."),
        (["key", "revoke", "key_none"], "Nothing has that name or id: `list` tells what there is."),
        (["credential", "revoke", "crd_none"], "Nothing has that name or id: `list` tells what there is."),
        (["member", "remove", "sinarabadi", "no@x.example"], "Nobody has the e-mail address"),
    ],
)  # fmt: skip
def test_a_refusal_is_one_sentence(desk, command, sentence):
    said = desk.run(command, says_no=True)
    assert said.startswith(f"keydesk: {sentence}")
    assert said.count("\n") == 1


def test_people_are_invited_and_their_link_is_printed_for_a_desk_without_mail(desk):
    link = re.compile(r"http://\S+/invitation/[-\w]{43}/")
    said = desk.run(["member", "invite", "sinarabadi", " Ana@X.example", "superadmin"])
    assert said.startswith("ana@x.example is invited.")
    again = desk.run(["member", "resend", "sinarabadi", "ana@x.example"])
    assert link.search(said)[0] != link.search(again)[0]
    listed = desk.run(["member", "invitations", "sinarabadi"])
    assert listed.startswith("ana@x.example  superadmin  until ")
    refused = desk.run(["member", "invite", "sinarabadi", "ana@x.example", "maker"], says_no=True)
    assert refused == "keydesk: The email has an open invitation already.\n"
    assert "is not invited any more" in desk.run(
        ["member", "withdraw", "sinarabadi", "ana@x.example"]
    )
    assert desk.run(["member", "withdraw", "sinarabadi", "ana@x.example"], says_no=True) == (
        "keydesk: ana@x.example has no open invitation to sinarabadi.\n"
    )


def test_a_member_is_shut_out_and_let_in_again(desk):
    for email in ("ana@x.example", "budi@x.example"):
        command = ["member", "add", "sinarabadi", email, "superadmin", "--name", "Somebody"]
        desk.run(command, typed="empat belas kucing hitam\n")
    desk.run(["member", "deactivate", "sinarabadi", "budi@x.example"])
    last = desk.run(["member", "remove", "sinarabadi", "ana@x.example"], says_no=True)
    assert "last superadmin" in last
    assert "budi@x.example  superadmin  deactivated" in desk.run(["member", "list", "sinarabadi"])
    desk.run(["member", "reactivate", "sinarabadi", "budi@x.example"])
    desk.run(["member", "remove", "sinarabadi", "ana@x.example"])


def test_a_service_credential_is_printed_once(desk):
    text = desk.run(["credential", "create", "gateway"]).strip()
    assert re.fullmatch(r"kds_live_[A-Za-z0-9]{49}", text)
    listed = desk.run(["credential", "list"])
    assert (text in listed, "ACTIVE" in listed, "verify" in listed) == (False, True, True)


def test_no_command_leaves_a_secret_in_the_audit_trail(desk):
    key = desk.run(["key", "generate", "sinarabadi", "disbursement", "--name", "Payroll"]).strip()
    with pysqlite3.connect(desk.folder / "keydesk.sqlite3") as database:
        rows = database.execute("SELECT * FROM audit_events").fetchall()
    assert key[8:] not in repr(rows)


@pytest.mark.parametrize(
    "group", ["account", "audit", "member", "product", "entitlement", "credential", "key"]
)
def test_a_group_alone_explains_itself(prepared, group):
    said = prepared.run([group, "--help"])
    assert "Usage: keydesk " + group in said


def test_the_documented_way_from_nothing_to_a_customer_works(prepared):
    page = (ROOT / "docs" / "how-to" / "run.md").read_text().partition("## Let somebody in")[2]
    lines = page.split("```")[1].strip().splitlines()
    assert len(lines) >= 6
    for line in lines:
        name, *command = shlex.split(line)
        assert name == "keydesk"
        prepared.run(command, typed="empat belas kucing hitam\n")
    assert prepared.run(["member", "list", "sinarabadi"]) == (
        "ana@sinarabadi.example  superadmin  active  Ana Wijaya\n"
    )
