"""Django's settings, all of them from the one Config; secrets are read where they are used, not kept here."""

import hmac
import secrets
from typing import Any

from psycopg.conninfo import conninfo_to_dict

from keydesk.config import Config, Secret, load_config
from keydesk.server import sqlite

KEYDESK: Config = load_config()


def signing_key(config: Config) -> str:
    """Give the key that signs cookies and tokens, derived from the session key.

    Without one (commands, migrations, tests) a random key of this process alone stands in: nothing can be forged
    with it, and nothing signed with it outlives the process. The dashboard itself starts only with a session key.
    """
    session_key = config.read_secret(Secret.SESSION_KEY) or secrets.token_bytes()
    return hmac.digest(session_key, b"keydesk django/v1", "sha256").hex()


def database(config: Config) -> dict[str, Any]:
    """Give Django's description of the database: PostgreSQL where a URL is set, else SQLite in the data folder."""
    if config.database_url is None:
        sqlite.use_safe_sqlite()
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": config.sqlite_path,
            "OPTIONS": sqlite.OPTIONS,
        }
    parts = conninfo_to_dict(config.database_url)
    names = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host"}
    described = {ours: str(parts.pop(theirs, "")) for ours, theirs in names.items()}
    return {
        "ENGINE": "django.db.backends.postgresql",
        **described,
        "PORT": str(parts.pop("port", "")),
        "OPTIONS": parts,
        "CONN_MAX_AGE": None,
        "CONN_HEALTH_CHECKS": True,
    }


SECRET_KEY = signing_key(KEYDESK)
DEBUG = False
ALLOWED_HOSTS = ["*"]
DATABASES = {"default": database(KEYDESK)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "keydesk.control",
]

AUTH_USER_MODEL = "control.User"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 15},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ("email", "full_name")},
    },
]

USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = KEYDESK.language
