"""Fills in a configuration's template: `<<name>>` is replaced by the value of that name."""

import re
from http import HTTPStatus
from importlib.resources import files
from typing import Final

from keydesk.core.codes import Code
from keydesk.core.decide import RETRY_AFTER_SECONDS
from keydesk.gateways.refusals import (
    CHALLENGE,
    body_of,
    content_type,
    status_of,
)
from keydesk.gateways.site import Site

PLACE: Final = re.compile(r"<<([a-z_0-9]+)>>")

IDENTITY: Final = (
    "Account",
    "Username",
    "Product",
    "Key-Id",
    "Environment",
    "Scopes",
    "Request-Id",
)
"""The ends of the identity headers, `X-Keydesk-...`, all of which an acceptance carries."""


def template(gateway: str, name: str) -> str:
    """Give the text of a file in a gateway's folder."""
    return files(f"keydesk.gateways.{gateway}").joinpath(name).read_text(encoding="utf-8")


def fill(text: str, values: dict[str, str]) -> str:
    """Give a template with its values in place; raises KeyError if it asks for one that is not there."""
    return PLACE.sub(lambda place: values[place[1]], text)


def facts(site: Site) -> dict[str, str]:
    """Give the values that every template has places for."""
    return {
        "product": site.product,
        "environment": site.environment.value,
        "door": site.door,
        "marker": site.marker,
        "verifier": str(site.verifier),
        "backend": str(site.backend),
        "command": command(site),
    }


def own_answers(site: Site) -> dict[str, str]:
    """Give the two refusals that a gateway makes by itself: the verifier does not decide, and what is not HTTP."""
    malformed_status = status_of(Code.KEY_MALFORMED, compat=site.compat)
    return {
        "content_type": content_type(compat=site.compat),
        "retry_after": str(RETRY_AFTER_SECONDS),
        "unavailable": body_of(Code.UNAVAILABLE, compat=site.compat),
        "malformed": body_of(Code.KEY_MALFORMED, compat=site.compat),
        "malformed_status": str(malformed_status),
        "malformed_challenge": CHALLENGE if malformed_status == HTTPStatus.UNAUTHORIZED else "",
    }


def command(site: Site) -> str:
    """Give the options with which this configuration is made again."""
    options = [
        f"--product {site.product}",
        *([f"--environment {site.environment}"] if site.environment != "live" else []),
        f"--verifier http://{site.verifier}",
        f"--backend http://{site.backend}",
        f"--listen {site.listen}",
        *([f'--scopes "{site.scopes}"'] if site.scopes else []),
        *([f"--marker {site.marker}"] if site.marker != "kd" else []),
        *(["--compat"] if site.compat else []),
        *([f"--lua-file {site.lua_file}"] if site.lua_file != Site.lua_file else []),
        *(f"--trusted-proxy {network}" for network in site.trusted_proxies),
    ]
    return " ".join(options)
