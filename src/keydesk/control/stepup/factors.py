"""What can stand in a PIN's place: passkeys and second factors, as django-allauth keeps and checks them."""

import hashlib
import json
import secrets
import struct
from typing import Any, Final

from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.internal import auth
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from fido2.utils import websafe_encode
from fido2.webauthn import AuthenticationResponse, UserVerificationRequirement

from keydesk.control.access.actor import Actor
from keydesk.control.people.models import User
from keydesk.control.security.codes import spend_code
from keydesk.control.stepup.grants import bound_to, latest_moment
from keydesk.control.stepup.models import Challenge
from keydesk.control.stepup.rules import CHALLENGE_SECONDS, Purpose

CHALLENGE_BYTES: Final = 32
LONGEST_ANSWER: Final = 16 * 1024
NO_ANSWER: Final = (
    AttributeError,
    IndexError,
    KeyError,
    RecursionError,
    TypeError,
    ValidationError,
    ValueError,
    struct.error,
)
"""What reading a text may raise that is no answer of a passkey."""


def has_passkey(user_id: int) -> bool:
    """Say whether a person has a passkey."""
    passkeys = Authenticator.objects.filter(user_id=user_id, type=Authenticator.Type.WEBAUTHN)
    return bool(passkeys.exists())


def has_codes(user_id: int) -> bool:
    """Say whether a person has an app that shows codes, or recovery codes."""
    typed = Authenticator.objects.filter(user_id=user_id).exclude(type=Authenticator.Type.WEBAUTHN)
    return bool(typed.exists())


def factor_behind(code: str, *, user_id: int) -> str | None:
    """Give which kind of factor a code is of, and spend the code; None if it is of none of this person's.

    A code counts once in all, for logging in, for confirming and for this.
    """
    with transaction.atomic():
        factor = spend_code(user_id, code)
    return None if factor is None else str(factor.type)


def ask_passkey(actor: Actor, *, purpose: Purpose, object_id: str) -> dict[str, Any]:
    """Give what a browser needs to ask for one of the person's passkeys, for one purpose on one object.

    The challenge is bound to person, account, session, purpose and object, and is stored as a digest alone.
    """
    challenge, moment = secrets.token_bytes(CHALLENGE_BYTES), latest_moment(actor)
    Challenge.objects.create(
        digest=hashlib.sha256(challenge).digest(),
        **bound_to(actor, action=purpose, object_id=object_id),
        granted_at=moment,
        expires_at=moment + CHALLENGE_SECONDS,
    )
    options, _state = auth.get_server().authenticate_begin(
        credentials=auth.get_credentials(User(pk=actor.user_id)),
        user_verification=UserVerificationRequirement.REQUIRED,
        challenge=challenge,
    )
    asked: dict[str, Any] = dict(options)["publicKey"]
    return asked


def passkey_behind(
    actor: Actor, answer: str, *, purpose: Purpose, object_id: str
) -> Authenticator | None:
    """Give the person's passkey that answered a challenge of ours for this purpose, with its user verified.

    The challenge is used up by this, whatever comes of it. Gives None for every other answer.
    """
    try:
        read = AuthenticationResponse.from_dict(json.loads(answer[:LONGEST_ANSWER]))
        challenge = read.response.client_data.challenge
        if not _use_up(actor, challenge, purpose=purpose, object_id=object_id):
            return None
        user = User(pk=actor.user_id)
        state = {
            "challenge": websafe_encode(challenge),
            "user_verification": UserVerificationRequirement.REQUIRED,
        }
        used = auth.get_server().authenticate_complete(state, auth.get_credentials(user), read)
        return auth.get_authenticator_by_credential_id(user, used.credential_id)
    except NO_ANSWER:
        return None


def note_use(factor_id: int) -> bool:
    """Note that a factor was used, and say whether it is still there."""
    factor = Authenticator.objects.filter(pk=factor_id)
    return bool(factor.update(last_used_at=timezone.now()))


def _use_up(actor: Actor, challenge: bytes, *, purpose: Purpose, object_id: str) -> bool:
    moment = latest_moment(actor)
    fitting = Challenge.objects.filter(
        digest=hashlib.sha256(challenge).digest(),
        **bound_to(actor, action=purpose, object_id=object_id),
        granted_at__lte=moment,
        expires_at__gt=moment,
        used_at=None,
    )
    return fitting.update(used_at=moment) == 1
