"""Django's settings, all of them from the one Config; secrets are read where they are used, not kept here."""

import hmac
import secrets
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from keydesk.config import Config, Secret, load_config
from keydesk.core.network import is_loopback
from keydesk.server import sqlite
from keydesk.server.logs import logging_settings
from keydesk.server.static_files import static_url
from keydesk.web import policies

KEYDESK: Config = load_config()

SERVER_PATIENCE = {"lock_timeout": "5s", "statement_timeout": "5s"}
"""A page answers 503 rather than hold a thread for longer; what the URL's own options say wins."""

APPLICATION_NAME = "keydesk desk"
"""What PostgreSQL knows the desk's connections by, where the URL gives no name."""


def signing_key(config: Config) -> str:
    """Give the key that signs cookies and tokens, derived from the session key.

    Without one (commands, migrations, tests) a random key of this process alone stands in: nothing can be forged
    with it, and nothing signed with it outlives the process. The dashboard itself starts only with a session key.
    """
    session_key = config.read_secret(Secret.SESSION_KEY) or secrets.token_bytes()
    return hmac.digest(session_key, b"keydesk django/v1", "sha256").hex()


def database(config: Config) -> dict[str, Any]:
    """Give Django's description of the database: PostgreSQL where a URL is set, else SQLite in the data folder.

    Raises ConfigError if the URL cannot be read.
    """
    if config.database_url is None:
        sqlite.use_safe_sqlite()
        return {
            "ENGINE": sqlite.__name__,
            "NAME": config.sqlite_path,
            "OPTIONS": sqlite.OPTIONS,
        }
    # The driver takes a tenth of a second to load, and nothing else needs it.
    parts: dict[str, Any] = import_module("keydesk.replica.sources.postgres").parameters_of(
        config.database_url
    )
    ours = " ".join(f"-c {name}={value}" for name, value in SERVER_PATIENCE.items())
    parts.setdefault("application_name", APPLICATION_NAME)
    parts["options"] = f"{ours} {parts.get('options', '')}".rstrip()
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


def names_of_this_host(config: Config) -> list[str]:
    """Give the host names that pages answer to: loopback, and the public address.

    Without a public address, a desk that listens beyond loopback cannot know what people call it.
    """
    public = urlsplit(config.public_url or "").hostname
    if public is None and not is_loopback(config.host):
        return ["*"]
    own = ["localhost", "127.0.0.1", "[::1]"]
    if is_loopback(config.host) and config.host not in {*own, "::1"}:
        own.append(config.host)
    return [*own, *([public] if public else [])]


IS_HTTPS = (KEYDESK.public_url or "").startswith("https://")

SECRET_KEY = signing_key(KEYDESK)
DEBUG = False
ALLOWED_HOSTS = names_of_this_host(KEYDESK)
ROOT_URLCONF = "keydesk.server.urls"
WSGI_APPLICATION = "keydesk.server.wsgi.application"
DATABASES = {"default": database(KEYDESK)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# The tries that allauth counts are shared by every process. Beyond so many entries some are forgotten, and with them
# the tries: at Django's 300, whoever guesses at enough people would start anew with each of them.
CACHES = {
    "default": {
        "BACKEND": "keydesk.server.shared_cache.SharedCache",
        "LOCATION": "shared_cache",
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    }
}

INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "keydesk.control",
    "keydesk.web",  # before allauth, whose templates it replaces
    "keydesk.dashboard",
    "keydesk.console",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "csp",
    "django_cotton.apps.SimpleAppConfig",
    "django_htmx",
]

MIDDLEWARE = [
    "keydesk.web.middleware.request_ids",
    "keydesk.web.middleware.client_addresses",
    "keydesk.web.middleware.public_scheme",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "django_permissions_policy.PermissionsPolicyMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "keydesk.web.middleware.no_store",
    "keydesk.web.session_cookies.SessionCookies",
    "django.middleware.locale.LocaleMiddleware",
    "keydesk.web.middleware.body_limit",  # in the person's language, and before anything reads a body
    "django.middleware.common.CommonMiddleware",
    "keydesk.web.origin.SameOrigin",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "keydesk.web.middleware.session_limits",
    "keydesk.web.middleware.chosen_language",
    "allauth.account.middleware.AccountMiddleware",
    "keydesk.web.demanded.FactorDemand",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "OPTIONS": {
            "loaders": [
                (
                    "django.template.loaders.cached.Loader",
                    [
                        "django_cotton.cotton_loader.Loader",
                        "django.template.loaders.app_directories.Loader",
                    ],
                )
            ],
            "builtins": [
                "django.templatetags.i18n",
                "django.templatetags.static",
                "django_cotton.templatetags.cotton",
                "django_htmx.templatetags.django_htmx",
                "keydesk.web.templatetags.icons",
            ],
            "context_processors": [
                "django.template.context_processors.request",
                "keydesk.web.context.page",
            ],
        },
    }
]

AUTH_USER_MODEL = "control.User"
AUTHENTICATION_BACKENDS = ["keydesk.web.doors.Doorkeeper"]
PASSWORD_HASHERS = ["keydesk.control.people.passwords.PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [{"NAME": "keydesk.control.people.passwords.PasswordRules"}]

ACCOUNT_ADAPTER = "keydesk.web.entrance.Entrance"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"  # the entrance itself lets nobody in before
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_RATE_LIMITS = {
    "login": "60/m/ip",
    "login_failed": "20/m/ip,5/5m/key",
}
ACCOUNT_REAUTHENTICATION_TIMEOUT = policies.CONFIRMED_SECONDS
MFA_ADAPTER = "keydesk.web.factors.Factors"
MFA_SUPPORTED_TYPES = ["recovery_codes", "totp", "webauthn"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_RECOVERY_CODE_DIGITS = 10
MFA_RECOVERY_CODES_SHOW_ONCE = True
MFA_WEBAUTHN_USER_VERIFICATION = "required"
PASSWORD_RESET_TIMEOUT = 3600
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "dashboard:home"
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"

SESSION_ENGINE = "keydesk.web.session_cookies"
SESSION_COOKIE_NAME = "__Host-sid" if IS_HTTPS else "sid"
SESSION_COOKIE_SECURE = IS_HTTPS
SESSION_COOKIE_AGE = policies.LONGEST_SESSION_SECONDS
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
CSRF_COOKIE_NAME = "__Host-csrf" if IS_HTTPS else "csrf"
CSRF_COOKIE_SECURE = IS_HTTPS
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_AGE = None  # as long as the browser is open
CSRF_FAILURE_VIEW = "keydesk.web.faults.stale_form"
LANGUAGE_COOKIE_NAME = "language"

CONTENT_SECURITY_POLICY = policies.CONTENT_SECURITY
PERMISSIONS_POLICY = policies.PERMISSIONS
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SECURE_HSTS_SECONDS = policies.HSTS_SECONDS
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
X_FRAME_OPTIONS = "DENY"
APPEND_SLASH = False

STATIC_URL = static_url(["allauth.account", "allauth.mfa", "django_htmx", "keydesk.web"])
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False
WHITENOISE_IMMUTABLE_FILE_TEST = f"^{STATIC_URL}"
WHITENOISE_ALLOW_ALL_ORIGINS = False

USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = KEYDESK.language
LANGUAGES = [("en", "English"), ("id", "Bahasa Indonesia")]
LOCALE_PATHS = [str(Path(policies.__file__).parent / "locale")]

LOGGING = logging_settings()
