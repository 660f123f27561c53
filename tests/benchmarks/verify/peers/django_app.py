"""Django with `djangorestframework-api-key`, its table in SQLite, without any middleware or session around it.

`python django_app.py <file of keys>` fills the database at $PEER_DATABASE; a WSGI server serves `application`. It runs
in an environment of its own (django.txt). It checks the key alone, less than what Keydesk is asked beside it.
"""

import hashlib
import logging
import os
import sys
from pathlib import Path

import django
from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import path

settings.configure(
    ALLOWED_HOSTS=["*"],
    API_KEY_CUSTOM_HEADER="HTTP_X_API_KEY",
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": os.environ["PEER_DATABASE"],
            "CONN_MAX_AGE": None,
            "OPTIONS": {
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
                " PRAGMA mmap_size=2147483648; PRAGMA cache_size=-65536;"
            },
        }
    },
    INSTALLED_APPS=["rest_framework", "rest_framework_api_key"],
    LOGGING_CONFIG=None,
    MIDDLEWARE=[],
    REST_FRAMEWORK={"UNAUTHENTICATED_USER": None, "DEFAULT_AUTHENTICATION_CLASSES": []},
    ROOT_URLCONF=__name__,
    SECRET_KEY="a benchmark's",
    USE_TZ=True,
)
django.setup()
logging.getLogger("django.request").setLevel(logging.CRITICAL)

from django.db import connection  # noqa: E402 - Django has to be set up first
from rest_framework.views import APIView  # noqa: E402
from rest_framework_api_key.permissions import HasAPIKey  # noqa: E402


class Authorize(APIView):
    permission_classes = [HasAPIKey]  # noqa: RUF012 - the framework's own way

    def get(self, _request, **_):
        return HttpResponse()


urlpatterns = [path("v1/authorize/<slug:product>", Authorize.as_view())]


def fill(keys_file):
    """Write what the library's own `create_key` would have stored for these keys."""
    call_command("migrate", verbosity=0)
    with connection.cursor() as cursor, keys_file.open() as file:
        cursor.execute("BEGIN")
        cursor.executemany(
            "INSERT INTO rest_framework_api_key_apikey (id, prefix, hashed_key, created, name, revoked)"
            " VALUES (%s, %s, %s, '2026-01-01 00:00:00', 'key', 0)",
            (row_of(line.strip()) for line in file),
        )
        cursor.execute("COMMIT")
        cursor.execute("ANALYZE")


def row_of(key):
    prefix = key.partition(".")[0]
    hashed = f"sha512$${hashlib.sha512(key.encode()).hexdigest()}"
    return f"{prefix}.{hashed}", prefix, hashed


if __name__ == "__main__":
    fill(Path(sys.argv[1]))
else:
    application = get_wsgi_application()
