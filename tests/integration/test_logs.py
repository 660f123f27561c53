"""Whoever reports a failure can be helped: its number is on the page, in the answer and in the log; a key is not."""

import io
import logging

import pytest
from django.urls import path

from keydesk.config import Config
from keydesk.core.keyformat import KeyFormat, service_marker
from keydesk.core.records import Environment
from keydesk.server.logs import without_credentials
from keydesk.web import faults

MARKER = Config().key_marker
SECRETS = [
    KeyFormat(marker).mint(environment)
    for marker in (MARKER, service_marker(MARKER))
    for environment in Environment
]

handler404 = faults.not_found
handler500 = faults.server_error


def fail(_request):
    """Fail with every kind of credential in message and traceback."""
    raise RuntimeError(SECRETS)


urlpatterns = [path("fail/", fail), path("again/", fail)]


@pytest.fixture
def written():
    handler = next(handler for handler in logging.getLogger().handlers if handler.name == "stderr")
    usual = handler.setStream(io.StringIO())
    yield handler.stream
    handler.setStream(usual)


@pytest.mark.urls(__name__)
def test_the_number_on_the_page_of_a_failure_finds_its_traceback(browse, written, db):
    first, second = browse().get("/fail/"), browse().get("/again/")
    for response in (first, second):
        assert response.status_code == 500
        assert response["X-Request-Id"] in response.content.decode()
    heads = [line for line in written.getvalue().splitlines() if "Internal Server Error" in line]
    assert [
        response["X-Request-Id"] in head
        for response, head in zip((first, second), heads, strict=True)
    ] == [True, True]
    assert "RuntimeError" in written.getvalue()


def test_a_refusal_that_is_logged_after_all_else_names_its_request_too(browse, written, db):
    response = browse().get("/nothing/")
    (line,) = written.getvalue().splitlines()
    assert "Not Found: /nothing/" in line
    assert f"request_id={response['X-Request-Id']}" in line


def test_a_request_under_a_name_that_is_not_ours_is_one_line_that_says_what_to_set(
    browse, written, db
):
    response = browse(SERVER_NAME="desk.example").get("/")
    (line,) = written.getvalue().splitlines()
    assert (
        response.status_code,
        "[warning] Invalid HTTP_HOST header: 'desk.example'." in line,
    ) == (
        400,
        True,
    )
    assert "Set KEYDESK_PUBLIC_URL to the address under which people come." in line


@pytest.mark.urls(__name__)
def test_no_credential_gets_into_the_log_whole(browse, written, db):
    browse().get("/fail/")
    logging.getLogger("anywhere").error("Held %s and %s.", SECRETS[0], SECRETS[0][:30])
    said = written.getvalue()
    for secret in SECRETS:
        assert secret[12:] not in said
        assert KeyFormat(MARKER).shown_prefix(secret) in said
    assert SECRETS[0][:20] not in said


def test_the_log_holds_no_link_of_a_mail():
    token = "eyJ1c2VyIjoxfQ:1vQn3K:" + "a" * 43
    for room, secret in (("confirm", token), ("password", f"12-d1abcd-{'f' * 32}")):
        event = {"event": f"Gone: /account/{room}/{secret}/"}
        assert without_credentials(None, "", event) == {"event": f"Gone: /account/{room}/…/"}
