"""With a public https address cookies are bound to the host and browsers are told to stay on https."""

import json
import os
import subprocess
import sys

ASK = """
import json, django
django.setup()
from django.test import Client, override_settings
from django.conf import settings
settings.ALLOWED_HOSTS.append("testserver")
response = Client().get("/account/login/")
print(json.dumps({
    "sts": response["Strict-Transport-Security"],
    "cookies": {name: [it["secure"], it["path"], it["domain"]] for name, it in response.cookies.items()},
    "session": [settings.SESSION_COOKIE_NAME, settings.SESSION_COOKIE_SECURE],
}))
"""


def test_cookies_and_transport_are_strict_on_https(db):
    environment = os.environ | {"KEYDESK_PUBLIC_URL": "https://desk.example"}
    done = subprocess.run(
        [sys.executable, "-c", ASK], env=environment, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == {
        "sts": "max-age=63072000; includeSubDomains",
        "cookies": {"__Host-csrf": [True, "/", ""]},
        "session": ["__Host-sid", True],
    }
