"""What a gateway says by itself, in the verifier's own words: when the verifier does not answer, and behind nginx.

nginx drops the body of a sub-request's answer, so that everything which a client reads there is made from the code.
"""

import json
from http import HTTPStatus
from typing import Final

from keydesk.core.codes import CODES, COMPAT_MESSAGES, Code
from keydesk.gate import answers

CHALLENGE: Final = answers.CHALLENGE[1].decode()
REFUSING: Final = tuple(
    code for code, info in CODES.items() if info.compat is not None and code is not Code.OK
)
"""Every code with which a decision on a request can refuse, in the order of the checks."""


def status_of(code: Code, *, compat: bool) -> int:
    """Give the HTTP status with which an end client reads a code."""
    status = CODES[code].status
    return int(HTTPStatus.FORBIDDEN) if compat and status not in answers.KEPT_BY_COMPAT else status


def body_of(code: Code, *, compat: bool, request_id: str | None = None) -> str:
    """Give the JSON that an end client reads for a code: a problem (RFC 9457) or the compat envelope.

    A gateway that knows no request id leaves it out of the problem.
    """
    info = CODES[code]
    if compat:
        number = info.compat or ""
        return compact({"status": {"code": number, "message": COMPAT_MESSAGES[number]}})
    public = answers.PUBLIC_CODES.get(code, code.value)
    problem = {
        "type": answers.PROBLEM_TYPE + public,
        "title": info.title,
        "status": info.status,
        "code": public,
    }
    return compact(problem if request_id is None else {**problem, "request_id": request_id})


def body_of_unknown(*, compat: bool) -> str:
    """Give the JSON of a 403 whose code this version does not know, or that is not the verifier's at all."""
    if compat:
        return compact({"status": {"code": "999", "message": COMPAT_MESSAGES["999"]}})
    return compact({"type": "about:blank", "title": "Forbidden", "status": 403})


def content_type(*, compat: bool) -> str:
    """Give the media type of these bodies."""
    return "application/json" if compat else "application/problem+json"


def compact(value: dict[str, object]) -> str:
    """Give JSON without blanks between its parts, as the verifier writes it."""
    return json.dumps(value, separators=(",", ":"))
