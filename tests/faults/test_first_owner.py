"""A desk that nobody owns prints a link, and whoever opens it owns the desk; then there is no such link any more."""

import re
import secrets

import httpx
import pytest
from tests.fixtures.commands import keydesk
from tests.fixtures.desk import RunningDesk, wait_until

LINK = re.compile(r"http://\S+/console/first-owner/\?token=(\S+)")
HIDDEN = re.compile(r'name="csrfmiddlewaretoken" value="(\w+)"')
SECONDS = 60


@pytest.fixture
def start(prepared, tmp_path):
    """Start the desk, again and again, each time with a log of its own."""
    started = []

    def start():
        log = tmp_path / f"output-{len(started)}.log"
        started.append(RunningDesk("serve", prepared, log))
        started[-1].wait_until_told("dashboard at")
        return started[-1]

    yield start
    for desk in started:
        desk.stop()


def link_in(desk):
    return wait_until(lambda: LINK.search(desk.told()), seconds=SECONDS, what="the link is told")


def become_owner(link, email):
    """Follow a link as a browser does; gives the answers to the look and to the form."""
    with httpx.Client() as client:
        page = client.get(link[0])
        if page.status_code != 200:
            return page, None
        password = secrets.token_urlsafe(16)
        form = {
            "csrfmiddlewaretoken": HIDDEN.search(page.text)[1],
            "token": link[1],
            "email": email,
            "full_name": "Eko",
            "password": password,
            "password_again": password,
        }
        return page, client.post(link[0].partition("?")[0], data=form)


def test_the_link_of_a_start_makes_the_owner_once_and_is_in_no_line_but_its_own(prepared, start):
    old = LINK.search(keydesk("staff", "first-owner", environment=prepared).stdout)
    desk = start()
    link = link_in(desk)
    assert become_owner(old, "mallory@provider.example")[0].status_code == 410
    _, answer = become_owner(link, "eko@provider.example")
    assert (answer.status_code, answer.headers["location"]) == (302, "/console/login/")
    assert become_owner(link, "mallory@provider.example")[0].status_code == 410
    assert desk.told().count(link[1]) == 1
    staff = keydesk("staff", "list", environment=desk.environment).stdout
    assert staff == "eko@provider.example  owner  Eko\n"
    desk.stop()
    owned = start()
    owned.stop()
    assert LINK.search(owned.told()) is None
    refused = keydesk("staff", "first-owner", environment=desk.environment)
    assert (refused.returncode, refused.stdout, refused.stderr) == (
        1,
        "",
        "keydesk: There is an Owner already, who lets others in: Console > Team.\n",
    )
