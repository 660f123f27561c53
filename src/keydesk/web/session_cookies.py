"""What a browser's session cookie holds: a secret, of which everything on the server knows the digest alone.

The digest is what Django calls the session's key: it stands in the table of sessions, in the list of where people are
logged in, in grants and in the audit trail, and as a cookie it opens nothing. The secret has 256 random bits, so a fast
hash without a key is enough (ASVS 5.0, 6.5.2).
"""

import hashlib
import secrets
from typing import Final, cast

from django.conf import settings
from django.contrib.sessions.backends import db
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest, HttpResponse

SECRET_BYTES: Final = 32
KEY_LENGTH: Final = 40
"""Hexadecimal digits of the digest that are kept, 160 bits: as many as the columns of Django and allauth take."""


def key_of(secret: str) -> str:
    """Give the key of the session whose cookie holds this: the beginning of its SHA-256 digest, in hexadecimal."""
    return hashlib.sha256(secret.encode()).hexdigest()[:KEY_LENGTH]


class SessionStore(db.SessionStore):
    """A session in the database, which knows its secret only from when that is drawn until its answer is sent."""

    new_secret: str | None = None

    def _get_new_session_key(self) -> str:
        self.new_secret = secrets.token_urlsafe(SECRET_BYTES)
        return key_of(self.new_secret)


class SessionCookies(SessionMiddleware):
    """Finds a request's session by the digest of its cookie, and sends a cookie when there is a new secret alone."""

    def process_request(self, request: HttpRequest) -> None:
        """Give the request its session; a secret that was never sent to a browser finds none."""
        secret = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
        request.session = SessionStore(key_of(secret) if secret else None)

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """Save the session, and put the secret into the cookie, where Django has put the session's key."""
        answer = super().process_response(request, response)
        session = cast("SessionStore", request.session)
        cookie = answer.cookies.get(settings.SESSION_COOKIE_NAME)
        if cookie is None or cookie.value != session.session_key:
            return answer
        if session.new_secret is None:
            del answer.cookies[settings.SESSION_COOKIE_NAME]
        else:
            answer.cookies[settings.SESSION_COOKIE_NAME] = session.new_secret
        return answer
