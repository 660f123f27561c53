"""`keydesk init` makes secrets that only their owner reads, and never makes them twice."""

import base64
import os
import secrets
import stat

from tests.fixtures.verifier import fill

from keydesk.config import LASTING_SECRETS, Secret


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_init_makes_a_private_folder_with_private_secrets_of_32_bytes(host):
    host.run(["init"])
    secrets = {path.name: path for path in (host.folder / "secrets").iterdir()}
    assert set(secrets) == set(LASTING_SECRETS)
    assert {mode(path) for path in secrets.values()} == {0o600}
    assert (mode(host.folder), mode(host.folder / "secrets")) == (0o700, 0o700)
    values = [base64.b64decode(path.read_bytes()) for path in secrets.values()]
    assert [len(value) for value in values] == [32] * len(LASTING_SECRETS)
    assert len(set(values)) == len(LASTING_SECRETS)


def test_init_never_overwrites_a_secret(host):
    host.run(["init"])
    before = {path: path.read_bytes() for path in (host.folder / "secrets").iterdir()}
    assert "nothing was changed" in host.run(["init"], says_no=True)
    assert {path: path.read_bytes() for path in (host.folder / "secrets").iterdir()} == before


def test_init_does_not_replace_one_lost_secret_beside_the_others(host):
    host.run(["init"])
    (host.folder / "secrets" / Secret.PEPPER).unlink()
    assert "bring them back" in host.run(["init"], says_no=True)
    assert not (host.folder / "secrets" / Secret.PEPPER).exists()


def test_init_does_not_make_new_secrets_for_an_old_database(prepared):
    for path in (prepared.folder / "secrets").iterdir():
        path.unlink()
    assert "without its secrets" in prepared.run(["init"], says_no=True)


def test_init_does_not_make_new_secrets_for_a_replica_of_another_host(host):
    fill(host.folder / "replica", [])
    assert "New ones would turn every key away" in host.run(["init"], says_no=True)
    assert not (host.folder / "secrets").exists()


def test_a_secret_that_is_given_elsewhere_is_not_made(host, tmp_path):
    elsewhere = tmp_path / "pepper"
    elsewhere.write_bytes(base64.b64encode(secrets.token_bytes(32)))
    host.run(["init"], KEYDESK_PEPPER_FILE=str(elsewhere))
    assert not (host.folder / "secrets" / Secret.PEPPER).exists()


def test_init_tells_names_and_no_secret(host):
    told = host.run(["init"])
    values = [path.read_text().strip() for path in (host.folder / "secrets").iterdir()]
    assert [value for value in values if value in told] == []


def test_init_closes_a_folder_that_was_open_and_the_database_is_private_whatever_the_umask(host):
    (host.folder / "secrets").mkdir(parents=True, mode=0o755)
    host.folder.chmod(0o755)
    before = os.umask(0o000)
    try:
        host.run(["init"])
        host.run(["migrate"])
    finally:
        os.umask(before)
    private = [host.folder, host.folder / "secrets", host.folder / "keydesk.sqlite3"]
    assert [mode(path) for path in private] == [0o700, 0o700, 0o600]
