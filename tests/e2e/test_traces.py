"""Once a key's dialog is left, nothing of the key is in the browser any more, whichever way one goes."""

import pytest
from playwright.sync_api import Error, expect

KEPT = """async () => [
  JSON.stringify({ ...localStorage }),
  JSON.stringify({ ...sessionStorage }),
  JSON.stringify(history.state),
  location.href,
  document.cookie,
  document.documentElement.outerHTML,
  ...[...document.querySelectorAll("input, textarea")].map((field) => field.value),
  ...performance.getEntries().map((entry) => entry.name),
  ...(await indexedDB.databases()).map((database) => database.name),
  ...(globalThis.caches ? await caches.keys() : []),
].join("\\n")"""


@pytest.fixture
def ana(demo_desk):
    return demo_desk.login("Ana")


def shown_while_going(page, *ways):
    """Go back and forth in the history; gives all that the pages hold on the way."""
    seen = []
    for way in ways:
        try:
            way()
            seen += [
                page.content(),
                *(field.input_value() for field in page.locator("input").all()),
            ]
        except Error as error:
            # The browser would have to send the form with the PIN once more, and leaves that to the person.
            if "ERR_CACHE_MISS" not in str(error):
                raise
            expect(page).to_have_url("chrome-error://chromewebdata/")
    return "\n".join(seen)


def test_back_and_forward_after_done_do_not_show_the_key_again(visitor, ana):
    at_keys = visitor(ana).open_keys()
    for name in ("Account Inquiry", "Disbursement"):
        key = at_keys.generate(name, "Back after done", ana["pin"])
        at_keys.close()
        page = at_keys.page
        said = shown_while_going(page, page.go_back, page.go_forward, page.reload)
        assert (key[12:] in said, ana["pin"] in said) == (False, False)
        at_keys.open_keys()


def test_without_a_script_going_back_does_not_show_the_key_again_either(visitor, ana):
    at_keys = visitor(ana, java_script_enabled=False).open_keys()
    key = at_keys.generate("Account Inquiry", "Plain back", ana["pin"])
    at_keys.dialog.get_by_role("link", name="Done").click()
    expect(at_keys.dialog).to_be_hidden()
    page = at_keys.page
    said = shown_while_going(page, page.go_back, page.go_back, page.go_back)
    assert (key[12:] in said, ana["pin"] in said) == (False, False)


def test_a_page_of_its_own_for_a_step_leaves_nothing_in_the_history(visitor, ana):
    at_keys = visitor(ana).open_keys()
    at_keys.open_keys(query="generate/account-inquiry/live/")
    at_keys.dialog.get_by_label("Name").fill("By its address")
    at_keys.dialog.get_by_role("button", name="Confirm").click()
    at_keys.enter_pin(ana["pin"])
    key = at_keys.shown_key()
    at_keys.close()
    page = at_keys.page
    page.wait_for_url("**/api-keys/")
    said = shown_while_going(page, page.go_back, page.go_forward, page.reload)
    assert (key[12:] in said, ana["pin"] in said) == (False, False)


def test_nothing_of_a_key_is_kept_in_any_store_of_the_browser(visitor, ana):
    at_keys = visitor(ana).open_keys()
    key = at_keys.generate("Account Inquiry", "No traces", ana["pin"])
    assert key in at_keys.page.evaluate(KEPT)
    at_keys.close()
    left = at_keys.page.evaluate(KEPT) + str(at_keys.page.context.cookies())
    assert (key[12:] in left, ana["pin"] in left) == (False, False)
    stored = at_keys.page.evaluate("[{ ...localStorage }, { ...sessionStorage }]")
    here = "/a/sinarabadi/settings/developer/api-keys/"
    # What htmx notes although its history is switched off: the page, never what it shows.
    assert stored == [{}, {"htmx-current-path-for-history": here}]
