"""Each framework's few lines, as the page on Python services has them, and what the adapters promise beside."""

import asyncio
import re
import sys
from pathlib import Path
from traceback import walk_tb
from types import ModuleType

import httpx
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.http import HttpResponse
from django.test import AsyncClient, Client, override_settings
from django.urls import path
from fastapi import Depends, FastAPI, WebSocket
from flask import Flask
from werkzeug.test import Client as WsgiClient

from keydesk.client import Need, asgi, testing
from keydesk.client.asgi import KeydeskMiddleware
from keydesk.client.calls import CheckedTwiceError
from keydesk.client.django import require
from keydesk.client.fastapi import Requires
from keydesk.client.flask import FlaskKeydesk, identity
from keydesk.client.wsgi import KeydeskMiddleware as WsgiMiddleware
from keydesk.config import ConfigError

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "python.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
NAMES = [
    *["fastapi", "fastapi, by route", "starlette", "litestar", "flask"],
    *["django settings", "django", "wsgi", "testing", "pytest"],
]
EXAMPLES = dict(zip(NAMES, BLOCKS, strict=True))
KEYDESK_CODE = "x-keydesk-code"


@pytest.fixture
def desk(monkeypatch):
    with testing.desk() as made:
        for name, value in made.environment.items():
            monkeypatch.setenv(name, value)
        yield made


def run(name):
    """Run an example as a module of its own, and give what it has made."""
    module = ModuleType(f"example_{re.sub('[^a-z]', '_', name)}")
    sys.modules[module.__name__] = module
    exec(compile(EXAMPLES[name], name, "exec"), vars(module))
    return module


def get_from(app, headers, path="/payouts"):
    """Ask an ASGI application in this process."""

    async def ask():
        transport = httpx.ASGITransport(app, client=("127.0.0.1", 4711))
        async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
            return await client.get(path, headers=headers)

    return asyncio.run(ask())


def of_asgi(name):
    app = run(name).app
    yield lambda headers: get_from(app, headers)


def of_flask(name):
    client = run(name).app.test_client()
    yield lambda headers: client.get("/payouts", headers=headers)


def of_wsgi(name):
    client = WsgiClient(run(name).application)
    yield lambda headers: client.get("/payouts", headers=headers)


def of_django(name):
    with override_settings(ROOT_URLCONF=run(name), MIDDLEWARE=[]):
        client = Client()
        yield lambda headers: client.get("/payouts", headers=headers)


MAKERS = {
    **dict.fromkeys(["fastapi", "fastapi, by route", "starlette", "litestar"], of_asgi),
    "flask": of_flask,
    "django": of_django,
    "wsgi": of_wsgi,
}


@pytest.fixture(params=MAKERS)
def get(request, desk, django_configured_anew):
    yield from MAKERS[request.param](request.param)


@pytest.fixture
def django_configured_anew(monkeypatch):
    """A process makes one `Keydesk` of its configuration, and each test has a configuration of its own.

    What is wrong is told once a second, and each test asks for the first time.
    """
    django = sys.modules["keydesk.client.django"]
    monkeypatch.setattr(django, "_FAULTS", type(django._FAULTS)("The settings cannot be used"))
    django.configured.cache_clear()
    yield
    django.configured.cache_clear()


def json_of(answer):
    return answer.json() if callable(answer.json) else answer.json


def test_an_example_lets_a_key_through_and_tells_the_application_whose_it_is(desk, get):
    key = desk.key("disbursement", scopes=["payout"])
    for headers in ({"x-api-key": key}, {"authorization": f"Bearer {key}"}):
        answer = get(headers)
        assert (answer.status_code, json_of(answer)) == (200, {"account": "acc_acme"})


def test_an_example_answers_without_a_key_as_a_gateway_does(desk, get):
    desk.product("disbursement")
    answer = get({})
    told = json_of(answer)
    request_id = told.pop("request_id")
    assert told == {
        "type": "urn:keydesk:code:key_missing",
        "title": "Send exactly one API key.",
        "status": 401,
        "code": "key_missing",
    }
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-keydesk-request-id"] == request_id
    assert answer.headers["www-authenticate"] == 'Bearer realm="keydesk"'
    assert KEYDESK_CODE not in answer.headers


def test_an_example_refuses_in_the_form_of_the_product(desk, get):
    desk.product("disbursement", envelope="compat")
    answer = get({"x-api-key": "nonsense"})
    assert (answer.status_code, json_of(answer)) == (
        403,
        {"status": {"code": "208", "message": "API Key is not valid"}},
    )


def test_an_example_keeps_a_limit_and_tells_how_it_stands(desk, get):
    desk.product("disbursement", limits=["key:day=5/day"])
    key = desk.key("disbursement", scopes=["payout"])
    answers = [get({"x-api-key": key}) for _ in range(6)]
    first, last = answers[0], answers[-1]
    assert (first.status_code, last.status_code) == (200, 429)
    assert first.headers["ratelimit-policy"] == '"day";q=5;w=86400'
    assert first.headers["ratelimit"].startswith('"day";r=')
    assert int(last.headers["retry-after"]) > 0
    assert json_of(last)["code"] == "quota_exceeded"


def test_an_example_sees_a_revocation_with_the_next_request(desk, get):
    key = desk.key("disbursement", scopes=["payout"])
    assert get({"x-api-key": key}).status_code == 200
    desk.revoke(key)
    assert get({"x-api-key": key}).status_code == 401


@pytest.mark.parametrize("name", ["testing", "pytest"])
def test_what_the_page_says_of_tests_runs(name):
    run(name)


def view(request):
    return HttpResponse(f"{request.keydesk.username} {sorted(request.headers)}")


async def async_view(request):
    return HttpResponse(request.keydesk.username)


urlpatterns = [
    path("payouts", view),
    path("later", async_view),
    path("healthz", lambda _: HttpResponse("well")),
    path("both", require(Need("disbursement"))(view)),
    path("alone", require(Need("disbursement", ("payout",)))(async_view)),
    path("scope", lambda request: HttpResponse(repr(request.scope))),
]


@pytest.fixture
def site(desk):
    """The site that the page's settings protect; it has no database, whatever other tests opened in this process."""
    settings = run("django settings")
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    options = {**settings.KEYDESK_CLIENT, "keydesk": desk.keydesk}
    with override_settings(
        ROOT_URLCONF=__name__, MIDDLEWARE=settings.MIDDLEWARE, KEYDESK_CLIENT=options
    ):
        yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


def test_djangos_middleware_checks_all_but_the_open_paths(desk, site):
    key = desk.key("disbursement")
    client = Client()
    assert client.get("/healthz").content == b"well"
    assert [
        client.get(f"/{path}").status_code for path in ("payouts", "later", "healthz/", "no")
    ] == [401] * 4
    forged = {"x-api-key": key, "x-keydesk-account": "acc_other", "x_keydesk_account": "acc_other"}
    assert client.get("/payouts", headers=forged).content == b"acme ['Cookie']"
    assert client.get("/later", headers={"x-api-key": key}).content == b"acme"


async def asked_twice(key):
    client = AsyncClient()
    return [
        await client.get("/later"),
        await client.get("/later", headers={"x-api-key": key}),
    ]


def test_djangos_middleware_and_decorator_work_under_asgi(desk, site):
    refused, passed = asyncio.run(asked_twice(desk.key("disbursement")))
    assert (refused.status_code, passed.content) == (401, b"acme")
    with override_settings(MIDDLEWARE=[]):
        answer = asyncio.run(
            AsyncClient().get("/alone", headers={"x-api-key": desk.key("disbursement")})
        )
    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")


def test_under_asgi_a_django_view_finds_the_key_nowhere_on_the_request(desk, site):
    for name, start in (("x-api-key", ""), ("authorization", "Bearer ")):
        key = desk.key("disbursement")
        answer = asyncio.run(AsyncClient().get("/scope", headers={name: start + key}))
        assert answer.status_code == 200
        assert b"cookie" in answer.content
        assert key not in answer.content.decode()


def frames_of(error):
    """Give the local variables of every frame of the package that an error passed."""
    return [
        frame.f_locals
        for frame, _ in walk_tb(error.__traceback__)
        if Path(frame.f_code.co_filename).parent == Path(asgi.__file__).parent
    ]


def test_when_an_application_fails_no_frame_of_the_middleware_holds_the_key(desk):
    async def failing(scope, receive, send):
        raise ZeroDivisionError

    key = desk.key("disbursement", limits=("key:day=5/day",))
    app = KeydeskMiddleware(failing, desk.keydesk, Need("disbursement"))
    for header in ((b"x-api-key", key.encode()), (b"authorization", b"Bearer " + key.encode())):
        scope = {"type": "http", "path": "/", "headers": [header, (b"accept", b"text/html")]}
        with pytest.raises(ZeroDivisionError) as caught:
            asyncio.run(app(scope, None, None))
        frames = frames_of(caught.value)
        assert [frame["scope"]["headers"] for frame in frames] == [[(b"accept", b"text/html")]] * 2
        assert key not in repr(frames)


def test_a_request_is_never_counted_twice(desk, site):
    key = {"x-api-key": desk.key("disbursement")}
    with pytest.raises(CheckedTwiceError):
        Client().get("/both", headers=key)
    needs = Requires(desk.keydesk, Need("disbursement"))
    app, flask = FastAPI(dependencies=[Depends(needs)]), Flask("twice")
    app.get("/payouts")(lambda: "never")
    app.add_middleware(KeydeskMiddleware, keydesk=desk.keydesk, need=Need("disbursement"))
    with pytest.raises(CheckedTwiceError):
        get_from(app, key)
    guard = FlaskKeydesk(desk.keydesk)
    flask.get("/")(guard.require(Need("disbursement"))(lambda: "never"))
    guard.protect(flask, Need("disbursement"))
    flask.testing = True
    with pytest.raises(CheckedTwiceError):
        flask.test_client().get("/", headers=key)


def test_djangos_decorator_sees_that_a_middleware_around_django_has_checked(desk, site):
    key = {"x-api-key": desk.key("disbursement")}
    with override_settings(MIDDLEWARE=[], DEBUG_PROPAGATE_EXCEPTIONS=True):
        around = WsgiMiddleware(WSGIHandler(), desk.keydesk, Need("disbursement"))
        with pytest.raises(CheckedTwiceError):
            WsgiClient(around).get("/both", headers=key)
        with pytest.raises(CheckedTwiceError):
            asyncio.run(AsyncClient(keydesk="whom another found").get("/alone"))


def test_flasks_views_may_be_async(desk):
    flask, guard = Flask("later"), FlaskKeydesk(desk.keydesk)

    @flask.get("/payouts")
    @guard.require(Need("disbursement"))
    async def payouts():
        return identity().account

    client = flask.test_client()
    assert client.get("/payouts").status_code == 401
    answer = client.get("/payouts", headers={"x-api-key": desk.key("disbursement")})
    assert (answer.status_code, answer.text) == (200, "acc_acme")


@pytest.fixture
def no_pepper(monkeypatch, tmp_path, django_configured_anew):
    monkeypatch.setenv("KEYDESK_DATA_DIR", str(tmp_path))


PROTECTED = {
    "MIDDLEWARE": ["keydesk.client.django.KeydeskMiddleware"],
    "ROOT_URLCONF": __name__,
}


def test_django_does_not_start_without_what_its_middleware_checks_with(no_pepper):
    options = {"need": Need("disbursement"), "open_paths": ["/healthz"]}
    with (
        override_settings(**PROTECTED, KEYDESK_CLIENT=options),
        pytest.raises(ConfigError, match="The secret pepper is missing"),
    ):
        Client().get("/healthz")


@pytest.mark.parametrize("wrong", [-1, "1"])
def test_django_does_not_start_with_proxies_that_there_cannot_be(desk, wrong):
    options = {"need": Need("disbursement"), "open_paths": ["/healthz"], "trusted_proxies": wrong}
    with (
        override_settings(**PROTECTED, KEYDESK_CLIENT={**options, "keydesk": desk.keydesk}),
        pytest.raises(ValueError, match="The number of trusted proxies is 0 or more"),
    ):
        Client().get("/healthz")


@pytest.mark.parametrize("wrong", [{}, {"trusted": 1}, {"trusted_proxies": -1}])
def test_a_view_of_django_that_cannot_be_checked_is_a_503(no_pepper, wrong, caplog):
    with override_settings(MIDDLEWARE=[], ROOT_URLCONF=__name__, KEYDESK_CLIENT=wrong):
        answers = [Client().get("/both"), asyncio.run(AsyncClient().get("/alone"))]
    for answer in answers:
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        assert answer.headers["retry-after"] == "1"
    assert "The settings cannot be used" in caplog.text


@pytest.mark.parametrize(
    "wrong", [{}, {"need": Need("disbursement"), "trusted": 1}, {"need": "disbursement"}]
)
def test_django_does_not_start_with_settings_that_cannot_be_used(wrong):
    with (
        override_settings(
            MIDDLEWARE=["keydesk.client.django.KeydeskMiddleware"], KEYDESK_CLIENT=wrong
        ),
        pytest.raises(ImproperlyConfigured, match="KEYDESK_CLIENT"),
    ):
        Client().get("/")


def talk(app, headers, **more):
    """Open a websocket, and give the messages of the application's side."""
    scope = {
        "type": "websocket",
        "path": "/talk",
        "raw_path": b"/talk",
        "query_string": b"",
        "headers": headers,
        "client": ("127.0.0.1", 4711),
        "subprotocols": [],
        **more,
    }
    sent = []

    async def receive():
        return {"type": "websocket.connect"}

    async def send(message):
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    return sent


def test_a_websocket_is_checked_before_it_is_accepted(desk):
    app = FastAPI()
    app.add_middleware(KeydeskMiddleware, keydesk=desk.keydesk, need=Need("disbursement"))

    @app.websocket("/talk")
    async def talking(websocket: WebSocket):
        await websocket.accept()
        await websocket.send_text(websocket.state.keydesk.username)

    good = [(b"x-api-key", desk.key("disbursement").encode())]
    assert [message.get("text") for message in talk(app, good)][:2] == [None, "acme"]
    assert talk(app, []) == [{"type": "websocket.close", "code": 1008, "reason": ""}]
    start, body = talk(app, [], extensions={"websocket.http.response": {}})
    assert (start["type"], start["status"]) == ("websocket.http.response.start", 401)
    assert b"key_missing" in body["body"]


def test_fastapi_shows_the_key_in_its_document_and_refuses_without_install_too(desk):
    app = FastAPI()
    needs = Requires(desk.keydesk, Need("disbursement"))
    app.get("/payouts", dependencies=[Depends(needs)])(lambda: None)
    schemes = app.openapi()["components"]["securitySchemes"]
    assert schemes == {"Keydesk": {"type": "apiKey", "in": "header", "name": "x-api-key"}}
    answer = get_from(app, {})
    assert (answer.status_code, answer.json()) == (401, {"detail": "Send exactly one API key."})
    assert answer.headers["www-authenticate"] == 'Bearer realm="keydesk"'
