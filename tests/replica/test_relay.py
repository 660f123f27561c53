"""Replicas in a tree: what the desk publishes reaches every host below it, and nothing on the way makes it younger."""

import ipaddress
import signal
import time
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from msgspec.structs import replace
from tests.fixtures.feeds import DISBURSEMENT, ENTITLED, ROW_KEY, SINAR, key
from tests.fixtures.relays import FOLLOWER, ROW_MAC_KEY, Host
from tests.fixtures.replicators import eventually, running
from tests.fixtures.verifier import DIGEST, RunningVerifier, mint

from keydesk.core.digest import row_mac
from keydesk.replica.layout import Head, Signed
from keydesk.replica.moments import Moment
from keydesk.replica.store import Writer

BOUND_SECONDS = 2.0
STEPS = 40


@pytest.fixture
def host(tmp_path):
    """Make hosts by name; whatever runs on them ends with the test."""
    hosts = []

    def host(name):
        hosts.append(Host(tmp_path / name))
        return hosts[-1]

    yield host
    for each in hosts:
        each.end()


@pytest.fixture
def desk(feed, host):
    """The desk's host: its database has a credential for followers, and its replica is kept current."""
    desk = host("desk")
    feed.publish(FOLLOWER)
    with running(feed.source(), feed.target, replica_dir=desk.replica_dir, row_key=ROW_KEY) as own:
        desk.replicator = own
        wait_for(desk, feed.revision())
        yield desk


def status(host):
    return host.reader.status()


def wait_for(host, revision):
    """Wait until the host's replica holds the revision, and give how long that took in seconds."""
    started = time.monotonic()
    eventually((host.replica_dir / "writer.lock").exists)
    eventually(lambda: revision_of(host) >= revision)
    return time.monotonic() - started


def revision_of(host):
    try:
        return status(host).revision
    except Exception:  # noqa: BLE001 - it is being made at this moment
        return -1


def records(host):
    with host.reader.view() as view:
        return [row.record for row in view.everything()]


def filled(host, rows, *, revision=9, epoch="first"):
    """Fill a host's replica by hand."""
    with Writer(host.replica_dir) as writer:
        follower = Signed(FOLLOWER, row_mac(ROW_KEY, FOLLOWER))
        head = Head(epoch, revision, 0)
        writer.snapshot(head, [follower, *rows], confirmed=Moment.ago())


@pytest.mark.alone
def test_a_revocation_reaches_a_grandchild_within_the_bound(feed, desk, host, capsys):
    child, grandchild = host("child"), host("grandchild")
    child.follow(desk.relay(), ROW_MAC_KEY=ROW_MAC_KEY)
    grandchild.follow(child_relay := relay_once_filled(child), ROW_MAC_KEY=ROW_MAC_KEY)
    assert child_relay
    keys = [feed.publish(key(f"key_{number}")) for number in range(STEPS)]
    wait_for(grandchild, feed.revision())
    took = []
    for each in keys:
        revoked = feed.publish(replace(each, state="REVOKED"))
        took.append(wait_for(grandchild, revoked.revision))
    took.sort()
    with capsys.disabled():
        print(f"\nto the grandchild: median {took[STEPS // 2]:.3f} s, max {took[-1]:.3f} s")  # noqa: T201
    assert took[-1] < BOUND_SECONDS
    assert records(grandchild) == records(child) == records(desk)


def relay_once_filled(host):
    wait_for(host, 1)
    return host.relay()


def test_whatever_stops_above_a_grandchild_its_age_counts_on(desk, host):
    child, grandchild = host("child"), host("grandchild")
    child.follow(desk.relay())
    grandchild.follow(relay_once_filled(child))
    wait_for(grandchild, 1)
    eventually(lambda: grandchild.age() < 2)
    desk.replicator.process.send_signal(signal.SIGSTOP)
    try:
        eventually(lambda: grandchild.age() > 2)
        ages = [desk.age(), child.age(), grandchild.age()]  # each grows while the next is read
        assert ages[2] >= ages[1] - 1 >= ages[0] - 2
    finally:
        desk.replicator.process.send_signal(signal.SIGCONT)
    eventually(lambda: grandchild.age() < 2)


@pytest.mark.parametrize("stop", [signal.SIGSTOP, signal.SIGKILL])
def test_a_silent_or_killed_relay_ends_in_503_past_the_lease_and_in_200_once_it_is_back(
    feed, desk, host, stop
):
    child, text = host("child"), mint()
    for row in (key(digest=DIGEST(text)), SINAR, replace(DISBURSEMENT, lease_seconds=3), ENTITLED):
        feed.publish(row)
    wait_for(desk, feed.revision())
    relay = desk.relay()
    replicator = child.follow(relay)
    wait_for(child, feed.revision())
    with RunningVerifier(child.data_dir) as verifier:
        assert eventually(lambda: verifier.authorize(text).status == 200)
        relay.signal_all(stop)
        assert eventually(lambda: verifier.authorize(text).status == 503)
        assert child.age() > 3
        replicator.wait_until_told("grows old")
        if stop == signal.SIGSTOP:
            relay.signal_all(signal.SIGCONT)
        else:
            relay.kill()
            desk.relay(port=relay.port)
        assert eventually(lambda: verifier.authorize(text).status == 200)
    replicator.wait_until_told("current again")


def test_a_new_epoch_goes_down_the_tree_and_takes_all_rows_anew(feed, desk, host):
    child, grandchild = host("child"), host("grandchild")
    child.follow(desk.relay())
    grandchild.follow(relay_once_filled(child))
    feed.publish(key())
    wait_for(grandchild, feed.revision())
    feed.execute("DELETE FROM verify_keys_v2")
    feed.execute("UPDATE verify_head_v1 SET epoch = 'second'")
    assert eventually(lambda: status(grandchild).epoch == "second")
    assert records(grandchild) == [FOLLOWER]


def test_a_second_replicator_of_a_host_writes_nothing_and_says_why(desk, host):
    child, relay = host("child"), desk.relay()
    first = child.follow(relay)
    wait_for(child, 1)
    second = child.follow(relay)
    second.wait_until_told("Another replicator holds")
    first.kill()
    second.wait_until_told("current again")


def test_a_follower_whose_credential_is_revoked_is_refused_and_says_so(feed, desk, host):
    child = host("child")
    replicator = child.follow(desk.relay())
    wait_for(child, 1)
    feed.publish(replace(FOLLOWER, state="REVOKED"))
    replicator.wait_until_told("does not take the service credential")
    feed.publish(SINAR)
    wait_for(desk, feed.revision())
    assert SINAR.id not in [row.id for row in records(child)]


def test_a_replicator_that_starts_again_goes_on_where_it_was(feed, desk, host):
    child, relay = host("child"), desk.relay()
    first = child.follow(relay)
    first.wait_until_told("Took over")
    assert first.stop() == 0
    feed.publish(key())
    wait_for(desk, feed.revision())
    second = child.follow(relay)
    wait_for(child, feed.revision())
    assert second.stop() == 0
    assert (first.told().count("Took over"), second.told().count("Took over")) == (1, 0)


def test_a_row_that_a_relay_made_up_is_refused_and_told_where_rows_are_checked(host):
    relaying, checking, trusting = host("relaying"), host("checking"), host("trusting")
    widened = key(scopes=("everything",))
    filled(relaying, [Signed(widened, row_mac(ROW_KEY, key())), Signed(SINAR, row_mac(ROW_KEY, SINAR))])  # fmt: skip
    relay = relaying.relay()
    checked = checking.follow(relay, ROW_MAC_KEY=ROW_MAC_KEY)
    trusted = trusting.follow(relay)
    wait_for(checking, 9)
    wait_for(trusting, 9)
    assert records(checking) == [SINAR, FOLLOWER]
    assert status(checking).refused_rows == 1
    checked.wait_until_told("The key 'key_a' is not taken over as published: its MAC is wrong.")
    trusted.wait_until_told("no row-MAC key")
    assert (checked.stop(), trusted.stop()) == (0, 0)
    assert "no row-MAC key" not in checked.told()
    assert records(trusting) == [widened, SINAR, FOLLOWER]
    assert trusted.told().count("no row-MAC key") == 1


def test_what_the_relays_host_refused_arrives_below_it_once_it_is_right(feed, desk, host):
    child = host("child")
    feed.publish(SINAR)
    right = feed.publish(key())
    feed.execute("UPDATE verify_keys_v2 SET product = 'payment-link'")
    desk.replicator.kill()
    with running(feed.source(), feed.target, replica_dir=desk.replica_dir, row_key=ROW_KEY):
        child.follow(desk.relay())
        wait_for(child, feed.revision())
    feed.put(right)
    with running(feed.source(), feed.target, replica_dir=desk.replica_dir, row_key=ROW_KEY):
        assert eventually(lambda: right in records(child))


def test_certificates_of_an_authority_of_ones_own_are_trusted_by_whoever_names_it(
    desk, host, tmp_path
):
    certificate, private_key = make_certificate(tmp_path)
    relay = desk.relay(RELAY_CERTIFICATE_FILE=certificate, RELAY_CERTIFICATE_KEY_FILE=private_key)
    child, stranger = host("child"), host("stranger")
    child.follow(relay, "--ca-file", str(certificate))
    refused = stranger.follow(relay)
    wait_for(child, 1)
    refused.wait_until_told("CERTIFICATE_VERIFY_FAILED")
    assert revision_of(stranger) < 1


def make_certificate(folder):
    """Make a certificate for localhost that signs itself."""
    private, name = (
        ec.generate_private_key(ec.SECP256R1()),
        x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")]),
    )
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(private, hashes.SHA256())
    )
    certificate, key_file = folder / "relay.pem", folder / "relay.key"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return certificate, key_file
