"""The configuration with which HAProxy decides by itself, from maps that a feeder keeps current."""

from dataclasses import replace
from pathlib import PurePosixPath
from typing import Final

from keydesk.core.codes import Code
from keydesk.core.records import Envelope, ProductRecord
from keydesk.gateways.haproxy import set_src
from keydesk.gateways.haproxy.entries import Place
from keydesk.gateways.refusals import CHALLENGE, REFUSING, body_of, status_of
from keydesk.gateways.rendering import facts, fill, own_answers, template
from keydesk.gateways.site import FILE, Site, SiteError

CONTROL: Final = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"
ALIKE: Final = (
    r"(?:^|\n)(?=[^:]*[_.])[-_.]*(?:x[-_.]api[-_.]key|authorization|x[-_.]username)[-_.]*:"
)
"""Names that somebody may fold into one that decides (`keydesk.gate.guard`)."""
REQUEST_ID: Final = "%[unique-id]"
UNHELD: Final = frozenset((Code.IP_NOT_ALLOWED, Code.QUOTA_EXCEEDED, Code.UNAVAILABLE))
"""The refusals that HAProxy does not give out of its maps."""
EMPTY: Final = "# Filled by `keydesk feed-haproxy` while HAProxy runs; empty on the disk.\n"


def files(site: Site, product: ProductRecord, socket: str) -> dict[str, str]:
    """Give the configuration, the Lua file that it loads, and its empty maps.

    Raises SiteError for a product that needs checks which HAProxy lacks.
    """
    if not FILE.fullmatch(socket):
        raise SiteError(
            "--socket must be an absolute path of letters, digits, dots, hyphens and underscores."
        )
    if site.compat and product.envelope != Envelope.COMPAT:
        raise SiteError(f"The refusals of {product.slug} do not have the compat envelope.")
    try:
        place = Place.of(product, site.environment.value, tuple(site.scopes.split()))
    except ValueError as error:
        raise SiteError(str(error)) from error
    values = {
        **facts(site),
        **own_answers(replace(site, compat=product.envelope == Envelope.COMPAT)),
        "socket": socket,
        "folder": str(PurePosixPath(site.lua_file).parent),
        "listen": str(site.listen),
        "lua_file": site.lua_file,
        "set_src": set_src(site.trusted_proxies),
        "require_scopes": require_scopes(site.scopes),
        **rules_of(place),
    }
    return {
        "haproxy.cfg": fill(template("haproxy", "native.cfg"), values),
        "keydesk.lua": template("haproxy", "keydesk.lua"),
        **{f"{name}.map": EMPTY for name in ("keys", "changed", "state")},
    }


def rules_of(place: Place) -> dict[str, str]:
    """Give what depends on what the product asks for."""
    compat, named, rated = place.envelope == Envelope.COMPAT, place.requires_username, place.seconds
    return {
        "place": place.text,
        "control": CONTROL,
        "alike": ALIKE,
        "check_username": CHECK_USERNAME if named else "",
        "refuse_username": REFUSE_USERNAME if named else "",
        "check_rate": CHECK_RATE if rated else "",
        "refuse_rate": REFUSE_RATE if rated else "",
        "rates": RATES.format(seconds=rated) if rated else "",
        "refusals": "\n".join(
            refusal(code, compat=compat, seconds=rated)
            for code in REFUSING
            if code not in UNHELD and (code is not Code.RATE_LIMITED or rated)
        ),
    }


IS_THE_ACCOUNTS: Final = "{ req.fhdr(x-username),strcmp(txn.keydesk_username) eq 0 }"
CHECK_USERNAME: Final = f"""\
    http-request set-var(txn.keydesk_username) var(txn.keydesk_entry),field(5,|)
    http-request allow unless asked or {IS_THE_ACCOUNTS}
"""
NAMED: Final = "known !by_state { var(txn.keydesk_username) -m len gt 0 }"
REFUSE_USERNAME: Final = f"""\
    http-request set-var(txn.keydesk_username) var(txn.keydesk_entry),field(5,|) if known
    http-request set-var(txn.keydesk_code) str(username_mismatch) if {NAMED} !{IS_THE_ACCOUNTS}
"""
CHECK_RATE: Final = """\
    # The calls of the last window, as HAProxy estimates them; a refused call does not count.
    http-request track-sc0 var(txn.keydesk_digest) table keydesk_rates unless asked
    http-request set-var(txn.keydesk_calls) var(txn.keydesk_entry),field(7,|)
    http-request allow unless asked or { sc0_gpc0_rate(keydesk_rates),sub(txn.keydesk_calls) lt 0 }
    http-request sc-inc-gpc0(0) unless asked
"""
REFUSE_RATE: Final = """\
    http-request set-var(txn.keydesk_code) str(rate_limited) if { var(txn.keydesk_code) -m str ok }
"""
RATES: Final = """
# One entry for each key that called within the window. A table that is full forgets who called longest ago.
backend keydesk_rates
    stick-table type string len 64 size 1m expire {seconds}s store gpc0,gpc0_rate({seconds}s)
"""


def refusal(code: Code, *, compat: bool, seconds: int | None) -> str:
    """Give the line that refuses for a code; `seconds` is the window of the rate."""
    status = status_of(code, compat=compat)
    headers = [
        *(
            ["hdr WWW-Authenticate '" + CHALLENGE + "'"]
            if status == status_of(Code.KEY_MISSING, compat=False)
            else []
        ),
        *(
            [f"hdr Retry-After %[int({seconds}),div(txn.keydesk_calls),add(1)]"]
            if code is Code.RATE_LIMITED
            else []
        ),
        "hdr Cache-Control no-store",
        f"hdr X-Keydesk-Request-Id {REQUEST_ID}",
    ]
    kind = "application/json" if compat else "application/problem+json"
    body = body_of(code, compat=compat, request_id=REQUEST_ID)
    return (
        f"    http-request return status {status} content-type {kind} {' '.join(headers)} "
        f"lf-string '{body}' if {{ var(txn.keydesk_code) -m str {code} }}"
    )


def require_scopes(scopes: str) -> str:
    """Give the line that tells the verifier which scopes are needed, where it is asked."""
    line = f'    http-request set-header X-Keydesk-Require-Scopes "{scopes}" if ask\n'
    return line if scopes else ""
