"""People in front of a real desk in a real Chromium; whatever a page complains about fails its test."""

import re
import secrets
import shutil
from functools import partial

import httpx
import pytest
from playwright.sync_api import Page, expect, sync_playwright
from tests.fixtures.commands import keydesk
from tests.fixtures.languages import say

KEY = re.compile(r"kd_(live|test)_[0-9A-Za-z]{49}")
CHROMIUM = shutil.which("chromium-headless-shell") or shutil.which("chromium")
"""The one that has no windows where it is there: the same engine for a third of the processor's time."""
PATIENCE_SECONDS = 15
SURROUNDINGS = (("en", 390), ("id", 1280))
"""What people go through pages in: each language, and each width."""
WATCH = """
document.addEventListener("securitypolicyviolation", (event) =>
  console.error("CSP", event.violatedDirective, event.blockedURI, event.sourceFile, event.lineNumber));
"""

expect.set_options(timeout=PATIENCE_SECONDS * 1000)


class Visitor:
    """A person with a browser of their own, in front of pages in their language."""

    def __init__(self, page: Page, desk, language="en"):
        self.page = page
        self.desk = desk
        self.say = partial(say, language=language)
        self.complaints = []
        page.add_init_script(WATCH)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self.note)

    def note(self, message):
        # Chromium reports every status of 4xx here as well; which status is right, the tests say.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.complaints.append(message.text)

    def log_in(self, login):
        self.page.goto(f"{self.desk.dashboard_url}/account/login/")
        return self.fill_log_in(login)

    def fill_log_in(self, login):
        self.page.locator("#login").fill(login["email"])
        self.page.locator("#password").fill(login["password"])
        self.page.locator("form:has(#password) button").click()
        self.page.wait_for_url(lambda address: "/login/" not in address)
        return self

    def choose_language(self, language):
        """Choose the language of the pages as the menu of each does, without a look at one."""
        desk = self.desk.dashboard_url
        cookies = {each["name"]: each["value"] for each in self.page.context.cookies(desk)}
        answer = self.page.request.post(
            f"{desk}/language/",
            headers={"origin": desk, "sec-fetch-site": "same-origin"},
            form={"csrfmiddlewaretoken": cookies["csrf"], "language": language},
            max_redirects=0,
        )
        assert answer.status == 302

    def open_keys(self, account="sinarabadi", *, query=""):
        self.page.goto(f"{self.desk.dashboard_url}/a/{account}/settings/developer/api-keys/{query}")
        return self

    @property
    def dialog(self):
        return self.page.get_by_role("dialog")

    def product(self, name):
        return self.page.get_by_role("region", name=name)

    def set_pin(self, account, *, password, pin):
        """Choose a first PIN, at its page."""
        self.page.goto(f"{self.desk.dashboard_url}/a/{account}/settings/pin/")
        self.page.locator("#password").fill(password)
        self.page.locator("#new_pin").fill(pin)
        self.page.locator("#new_pin_again").fill(pin)
        self.page.get_by_role("button", name=self.say("Save PIN")).click()
        self.page.wait_for_url("**/settings/")

    def name_a_key(self, product, name):
        """Press Generate, name the key and confirm."""
        self.product(product).get_by_role("button", name=self.say("Generate key")).click()
        self.dialog.get_by_label(self.say("Name")).fill(name)
        self.dialog.get_by_role("button", name=self.say("Confirm")).click()

    def enter_pin(self, pin):
        self.dialog.get_by_label("PIN").fill(pin)
        self.dialog.get_by_label("PIN").press("Enter")

    def shown_key(self):
        """The key that is on the screen."""
        field = self.dialog.get_by_label(self.say("API key"))
        expect(field).to_have_value(KEY)
        return field.input_value()

    def generate(self, product, name, pin):
        self.name_a_key(product, name)
        self.enter_pin(pin)
        return self.shown_key()

    def close(self):
        self.dialog.get_by_role("button", name=self.say("Copy")).click()
        self.dialog.get_by_role("link", name=self.say("Done")).click()
        expect(self.dialog).to_be_hidden()

    def row(self, name):
        return self.page.get_by_role("row").filter(has_text=name)

    def choose(self, name, action):
        """Open a key's menu and choose from it."""
        self.row(name).get_by_role("button", name="Actions for").first.click()
        self.page.get_by_role("group", name=f"Actions for {name}").get_by_role(
            "button", name=action
        ).click()


@pytest.fixture(scope="module")
def browser():
    # Of one module each: while it is open, this thread counts as asynchronous and may not use Django's database.
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def sessions(browser, demo_desk):
    """Give the cookies of a person's log-in, which happens once for each module."""
    known = {}

    def cookies_of(login):
        if login["email"] not in known:
            context = browser.new_context(locale="en")
            Visitor(context.new_page(), demo_desk).log_in(login)
            known[login["email"]] = context.storage_state()
            context.close()
        return known[login["email"]]

    return cookies_of


@pytest.fixture
def visitor(browser, demo_desk, sessions):
    """Make visitors, logged in if a person is given; no page may have broken a policy or thrown an error.

    The language that a person has chosen goes before the one that the browser asks for, and many tests share the demo's
    people. So a person is made to choose another language than English, and to choose English again at the end.
    """
    contexts, visitors, elsewhere = [], [], []

    def visitor(person=None, *, locale="en", **options):
        if person is not None:
            options["storage_state"] = sessions(person)
        contexts.append(browser.new_context(locale=locale, **options))
        contexts[-1].set_default_timeout(PATIENCE_SECONDS * 1000)
        visitors.append(Visitor(contexts[-1].new_page(), demo_desk, locale))
        if person is not None and locale != "en":
            elsewhere.append(visitors[-1])
            visitors[-1].choose_language(locale)
        return visitors[-1]

    yield visitor
    for each in elsewhere:
        each.choose_language("en")
    complaints = [complaint for each in visitors for complaint in each.complaints]
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture(params=SURROUNDINGS, ids=lambda each: "-".join(map(str, each)))
def surroundings(request):
    """What a visitor goes through pages in that `faults_of` then looks at, at this width and at the other one."""
    language, width = request.param
    return {
        "locale": language,
        "viewport": {"width": width, "height": 844},
        "reduced_motion": "reduce",
    }


@pytest.fixture
def authorize(demo_desk):
    """Ask the verifier about a key, as a gateway would; gives the status."""

    def authorize(key, product="disbursement", door="authorize"):
        address = f"{demo_desk.verifier_url}/v1/{door}/{product}"
        headers = {"x-api-key": key}
        return httpx.get(address, headers=headers, timeout=PATIENCE_SECONDS).status_code

    return authorize


@pytest.fixture(scope="module")
def operator(demo_desk):
    """Run a command on the desk's host; gives what it told."""

    def operator(*arguments, typed=""):
        done = keydesk(*arguments, environment=demo_desk.environment, typed=typed)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return operator


@pytest.fixture
def newcomer(operator):
    """Make a new Admin of PT Sinar Abadi, who has no PIN yet."""

    def newcomer(role="admin"):
        email = f"{secrets.token_hex(4)}@sinarabadi.example"
        password = secrets.token_urlsafe(16)
        operator("member", "add", "sinarabadi", email, role, "--name", "Nia", typed=password + "\n")
        return {"email": email, "password": password}

    return newcomer


@pytest.fixture
def product(operator):
    """A product of one test, on offer to PT Sinar Abadi."""
    slug = f"product-{secrets.token_hex(4)}"
    operator("product", "create", slug, "--name", slug)
    operator("entitlement", "enable", "sinarabadi", slug)
    return slug
