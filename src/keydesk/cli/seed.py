"""`keydesk seed`, which `keydesk demo` runs: a believable provider with customers, people and keys, made by actions.

Everybody acts as themselves, so the audit trail of the demo reads like that of a real desk.
"""

import secrets
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

import typer
from django.conf import settings
from django.core.management import call_command
from django.utils import timezone

from keydesk.cli.apps import new_app
from keydesk.cli.facts import FORMAT, read_facts, schema, write_facts
from keydesk.cli.specimen import begin_specimen, submit_specimen
from keydesk.cli.traffic import Habit, drive
from keydesk.control.access.actor import HOST_OPERATOR, Actor
from keydesk.control.access.roles import Role, StaffRole
from keydesk.control.accounts import actions as accounts
from keydesk.control.accounts.models import Account
from keydesk.control.catalog import actions as catalog
from keydesk.control.catalog.queries import product_named
from keydesk.control.credentials.actions import create_credential
from keydesk.control.entitlements import actions as entitlements
from keydesk.control.keys import actions as keys
from keydesk.control.keys.delivery import DeliveredKey
from keydesk.control.keys.rules import Overlap, confirmed_object
from keydesk.control.people import actions as people
from keydesk.control.people.queries import actor_for
from keydesk.control.policies.actions import change_policies
from keydesk.control.stepup.actions import confirm, set_pin
from keydesk.control.stepup.rules import MIN_DIGITS, GuardedAction, weakness_of
from keydesk.core.codes import Code
from keydesk.core.records import AccountStatus, Envelope, Environment, ServiceScope
from keydesk.server.desk import refuse_newer_database

CREDENTIAL_DAYS: Final = 365

COMPANY_STATUS: Final[dict[str, str]] = {
    AccountStatus.APPROVED: "approved",
    AccountStatus.DRAFT: "not submitted yet",
    AccountStatus.WAITING_FOR_APPROVAL: "waiting for approval",
}

app = new_app()


class Person(NamedTuple):
    """Somebody who can log in to the demo, and how they act."""

    actor: Actor | None
    login: dict[str, Any]


class Product(NamedTuple):
    """A product as the demo's provider offers it."""

    slug: str
    name: str
    description: str
    icon: str
    limits: tuple[str, ...] = ()
    envelope: Envelope = Envelope.PROBLEM


PRODUCTS: Final = (
    Product(
        "disbursement",
        "Disbursement",
        "Send money to any bank account, at once.",
        "send",
        limits=("account:burst=100/1s", "account:daily=100000/day"),
    ),
    Product(
        "account-inquiry",
        "Account Inquiry",
        "Ask whose bank account it is before you pay.",
        "search",
    ),
    Product("payment-link", "Payment Link", "Be paid through a link, without a website.", "link"),
    Product(
        "qris-payment-routing",
        "QRIS Payment Routing",
        "Take QRIS payments and send each where it belongs.",
        "qr-code",
        envelope=Envelope.COMPAT,
    ),
)
ALLOWED_NETWORKS: Final = ("127.0.0.1", "::1")
"""Where one of the keys may be used from."""


@app.command()
def seed() -> None:
    """Bring the demo's database up to date and, the first time, fill it."""
    refuse_newer_database()
    call_command("migrate", verbosity=0, interactive=False)
    folder: Path = settings.KEYDESK.data_dir
    facts = read_facts(folder) or fill()
    write_facts(folder, {**facts, "format": FORMAT, "schema": schema()})


def fill() -> dict[str, Any]:
    """Make everything that the demo shows and give what `demo.json` tells of it."""
    typer.echo("  products and the three customers ...")
    change_policies(HOST_OPERATOR, changes={"mfa_for_managers": False})  # to try it takes no app
    make_products()
    sinar = make_account("sinarabadi", "PT Sinar Abadi", AccountStatus.APPROVED)
    samudra = make_account("duasamudra", "PT Dua Samudra", AccountStatus.WAITING_FOR_APPROVAL)
    tirta = make_account("tirtajaya", "PT Tirta Jaya", AccountStatus.DRAFT)
    typer.echo("  people, each with a password and a PIN of this demo alone ...")
    ana = make_member(sinar, "Ana Wijaya", Role.SUPERADMIN)
    budi = make_member(sinar, "Budi Santoso", Role.ADMIN)
    dewi = make_member(samudra, "Dewi Anggraini", Role.SUPERADMIN)
    lina = make_member(tirta, "Lina Hartono", Role.SUPERADMIN)
    others = [
        make_member(sinar, "Hana Putri", Role.ADMIN, with_pin=False),
        make_member(sinar, "Fajar Nugroho", Role.APPROVER),
        make_member(sinar, "Citra Lestari", Role.MAKER),
        make_member(sinar, "Joko Susilo", Role.MAKER),
        make_member(sinar, "Gita Maharani", Role.VIEWER),
        dewi,
        lina,
        make_staff("Eko Prasetyo", StaffRole.OWNER),
        make_staff("Rangga Saputra", StaffRole.OPERATIONS),
        make_staff("Sari Dewanti", StaffRole.SECURITY),
        make_staff("Putri Handayani", StaffRole.REVIEWER),
    ]
    typer.echo("  keys with a month behind them ...")
    entitle(sinar, samudra, ana)
    submit_specimen(acting(dewi), account_id=samudra.id)
    begin_specimen(acting(lina), account_id=tirta.id)
    example_key = make_keys(ana, budi)
    disable_qris(sinar)
    return {
        "logins": [person.login for person in (ana, budi, *others)],
        "example_key": example_key,
        "service_credential": make_credential(),
    }


def make_credential() -> str:
    """Give what the provider's gateway presents to ask for decisions."""
    credential = create_credential(
        HOST_OPERATOR,
        name="Payments gateway",
        scopes=[ServiceScope.VERIFY],
        expires_at=timezone.now() + timedelta(days=CREDENTIAL_DAYS),
    )
    return credential.plaintext


def make_products() -> None:
    """Put the provider's products into the catalogue."""
    for product in PRODUCTS:
        catalog.create_product(
            HOST_OPERATOR,
            slug=product.slug,
            name=product.name,
            description=product.description,
            icon=product.icon,
            scopes=(f"{product.slug}:use",),
            sample_path=f"/v1/{product.slug}",
            limits=product.limits,
            envelope=product.envelope,
        )


def make_account(username: str, name: str, status: AccountStatus) -> Account:
    """Open an account and take it to its status the way an application goes."""
    account = accounts.create_account(HOST_OPERATOR, username=username, name=name)
    if status is AccountStatus.APPROVED:
        for step in (AccountStatus.WAITING_FOR_APPROVAL, AccountStatus.APPROVED):
            accounts.set_account_status(HOST_OPERATOR, account_id=account.id, status=step)
    account.status = status
    return account


def make_member(account: Account, full_name: str, role: Role, *, with_pin: bool = True) -> Person:
    """Make a person with a role in the account, and with a PIN that they set themselves."""
    password, pin = new_password(), new_pin() if with_pin else None
    user = people.create_user(
        HOST_OPERATOR,
        email=f"{full_name.split(maxsplit=1)[0].lower()}@{account.username}.example",
        full_name=full_name,
        password=password,
    )
    people.add_member(HOST_OPERATOR, account_id=account.id, user_id=user.pk, role=role)
    actor = actor_for(user, account, session=f"demo {full_name}", ip="127.0.0.1")
    if actor is None:
        raise RuntimeError(f"{full_name} is no member of the account they were added to.")
    if pin is not None:
        set_pin(actor, pin=pin, password=password)
    login = {
        "name": full_name,
        "email": user.email,
        "password": password,
        "pin": pin,
        "role": role,
        "account": account.username,
        "account_status": account.status,
        "company": f"{account.name}, {COMPANY_STATUS[account.status]}",
    }
    return Person(actor, login)


def make_staff(full_name: str, role: StaffRole) -> Person:
    """Make a person of the provider's internal team."""
    password = new_password()
    user = people.create_user(
        HOST_OPERATOR,
        email=f"{full_name.split(maxsplit=1)[0].lower()}@acmepay.example",
        full_name=full_name,
        password=password,
        staff_role=role,
    )
    login = {
        "name": full_name,
        "email": user.email,
        "password": password,
        "pin": None,
        "role": role,
        "account": None,
        "account_status": None,
        "company": "Acme Pay, the provider",
    }
    return Person(None, login)


def entitle(sinar: Account, samudra: Account, ana: Person) -> None:
    """Let PT Sinar Abadi ask for everything and have most of it; PT Dua Samudra only asks."""
    for product in PRODUCTS:
        for environment in Environment:
            entitlements.request_product(
                acting(ana), account_id=sinar.id, product=product.slug, environment=environment
            )
            if product.slug != "payment-link":
                entitlements.enable_product(
                    HOST_OPERATOR,
                    account_id=sinar.id,
                    product=product.slug,
                    environment=environment,
                )
    for environment in Environment:
        entitlements.request_product(
            HOST_OPERATOR, account_id=samudra.id, product="disbursement", environment=environment
        )


def make_keys(ana: Person, budi: Person) -> str:
    """Make keys as their people would, some replaced, restricted or revoked, and use them; give the examples' one.

    Account Inquiry gets no live key, so that the page also shows a product without any.
    """
    live, test = Environment.LIVE, Environment.TEST
    example = generate(ana, "disbursement", live, "Payroll service")
    old = generate(budi, "disbursement", live, "Old ERP")
    keys.revoke_key(acting(ana), key_id=old.id)
    leaving = generate(ana, "disbursement", live, "Settlement job")
    settlement = regenerate(budi, leaving, Overlap.WEEK)
    restrict(ana, settlement)
    tests = generate(budi, "disbursement", test, "Integration tests")
    check = generate(budi, "account-inquiry", test, "Name check at sign-up")
    tried = generate(ana, "account-inquiry", test, "Trial")
    keys.revoke_key(acting(budi), key_id=tried.id)
    pilot = generate(ana, "qris-payment-routing", live, "Cashier pilot")
    use(example=example, old=old, settlement=settlement, tests=tests, check=check, pilot=pilot,
        leaving=leaving)  # fmt: skip
    return example.plaintext


def use(**made: DeliveredKey) -> None:
    """Let a month pass in which the keys were used as such keys are; the trial never was."""
    pilot_ended = {"refusal": Code.PRODUCT_NOT_ENABLED, "refused_share": 1.0}
    habits = [
        habit(made["example"], 90, "203.0.113.10", refusal=Code.WRONG_PRODUCT, refused_share=0.02,
              refused_product="account-inquiry"),
        habit(made["old"], 70, "203.0.113.44", last_day=12),
        habit(made["old"], 40, "203.0.113.44", first_day=11, refusal=Code.KEY_REVOKED,
              refused_share=1.0, at_weekends=1.0),
        habit(made["settlement"], 30, "203.0.113.11", at_weekends=1.0, last_day=1),
        habit(made["tests"], 240, "203.0.113.80", at_weekends=0.0, refusal=Code.RATE_LIMITED,
              refused_share=0.04),
        habit(made["check"], 25, "203.0.113.80"),
        habit(made["pilot"], 15, "203.0.113.21", last_day=5),
        habit(made["pilot"], 6, "203.0.113.21", first_day=4, last_day=2, at_weekends=1.0, **pilot_ended),
        habit(made["leaving"], 40, "203.0.113.12", at_weekends=1.0),
    ]  # fmt: skip
    drive(habits)


def habit(key: DeliveredKey, a_day: int, address: str, **more: Any) -> Habit:
    """Give how a key is used."""
    return Habit(key.id, key.product, key.environment, a_day, address, **more)


def disable_qris(sinar: Account) -> None:
    """Take QRIS Payment Routing back, so that the page shows a disabled product with an old key."""
    for environment in Environment:
        entitlements.disable_product(
            HOST_OPERATOR,
            account_id=sinar.id,
            product="qris-payment-routing",
            environment=environment,
            reason="The pilot ended. Write to us if you want to go on with QRIS.",
        )


def generate(person: Person, product: str, environment: Environment, name: str) -> DeliveredKey:
    """Generate a key as this person, confirmed with their PIN."""
    actor = acting(person)
    grant = confirm(
        actor,
        pin=person.login["pin"],
        action=GuardedAction.KEY_GENERATE,
        object_id=f"{product}/{environment}",
    )
    return keys.generate_key(
        actor,
        account_id=actor.account_id or "",
        product=product,
        environment=environment,
        name=name,
        grant=grant,
        request_token=secrets.token_urlsafe(),
    )


def regenerate(person: Person, key: DeliveredKey, overlap: Overlap) -> DeliveredKey:
    """Replace a key as this person, confirmed with their PIN."""
    actor = acting(person)
    grant = confirm(
        actor,
        pin=person.login["pin"],
        action=GuardedAction.KEY_REGENERATE,
        object_id=confirmed_object(key.id, overlap),
    )
    return keys.regenerate_key(
        actor,
        key_id=key.id,
        grant=grant,
        request_token=secrets.token_urlsafe(),
        overlap=overlap,
    )


def restrict(person: Person, key: DeliveredKey) -> None:
    """Let a key be used from this machine alone, as this person."""
    actor = acting(person)
    grant = confirm(
        actor, pin=person.login["pin"], action=GuardedAction.KEY_RESTRICT, object_id=key.id
    )
    scopes = product_named(key.product).scopes.split()
    keys.restrict_key(
        actor, key_id=key.id, networks=ALLOWED_NETWORKS, scopes=scopes, limits=(), grant=grant
    )


def acting(person: Person) -> Actor:
    """Give how a member of an account acts; raises RuntimeError for the internal team."""
    if person.actor is None:
        raise RuntimeError(f"{person.login['name']} is a member of no account.")
    return person.actor


def new_password() -> str:
    """Give a random password that can be typed: 4 groups of 4 characters, 80 bits."""
    alphabet = "abcdefghjkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(alphabet) for _ in range(4)) for _ in range(4))


def new_pin() -> str:
    """Give a random PIN that Keydesk accepts."""
    while weakness_of(pin := f"{secrets.randbelow(10**MIN_DIGITS):0{MIN_DIGITS}}"):
        pass
    return pin
