"""Envoy with `ext_authz` over HTTP; it joins repeated headers, so what is ambiguous is refused before it asks."""

import ipaddress
import json

from keydesk.gateways.refusals import CHALLENGE
from keydesk.gateways.rendering import IDENTITY, facts, fill, own_answers, template
from keydesk.gateways.site import Site


def files(site: Site) -> dict[str, str]:
    """Give the bootstrap."""
    answers = own_answers(site)
    values = {
        **facts(site),
        **answers,
        "listen_host": site.listen.host,
        "listen_port": str(site.listen.port),
        "backend_host": site.backend.host,
        "backend_port": str(site.backend.port),
        "verifier_host": site.verifier.host,
        "verifier_port": str(site.verifier.port),
        "client_address": client_address(site.trusted_proxies),
        "refused_here": refused_here(answers),
        "undecided_headers": set_headers(
            {
                "content-type": answers["content_type"],
                "cache-control": "no-store",
                "retry-after": answers["retry_after"],
            }
        ),
        "require_scopes": require_scopes(site.scopes),
        "identity": "\n".join(f"{' ' * 20}- exact: x-keydesk-{name.lower()}" for name in IDENTITY),
    }
    return {"envoy.yaml": fill(template("envoy", "envoy.yaml"), values)}


def client_address(networks: tuple[str, ...]) -> str:
    """Give the lines that say whose word counts for a client's address: the connection's, or these proxies'."""
    if not networks:
        return "          use_remote_address: true"
    ranges = ", ".join(cidr_range(network) for network in networks)
    return f"""\
          use_remote_address: false
          original_ip_detection_extensions:
          - name: envoy.http.original_ip_detection.xff
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.http.original_ip_detection.xff.v3.XffConfig
              xff_trusted_cidrs: {{cidrs: [{ranges}]}}
              skip_xff_append: false"""


def cidr_range(network: str) -> str:
    """Give a network as Envoy writes it."""
    parsed = ipaddress.ip_network(network)
    return f'{{address_prefix: "{parsed.network_address}", prefix_len: {parsed.prefixlen}}}'


def refused_here(answers: dict[str, str]) -> str:
    """Give the part of a route that refuses as `key_malformed` without asking the verifier."""
    headers = {"content-type": answers["content_type"], "cache-control": "no-store"}
    if answers["malformed_challenge"]:
        headers["www-authenticate"] = CHALLENGE
    body = f"{{inline_string: '{answers['malformed']}'}}"
    indent = "\n" + " " * 16
    return indent.join(
        [
            f"direct_response: {{status: {answers['malformed_status']}, body: {body}}}",
            f"response_headers_to_add: [{set_headers(headers)}]",
            "typed_per_filter_config:",
            "  envoy.filters.http.ext_authz:",
            '    "@type": type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute',
            "    disabled: true",
        ]
    )


def set_headers(headers: dict[str, str]) -> str:
    """Give headers as Envoy sets them."""
    return ", ".join(
        f"{{header: {{key: {name}, value: {json.dumps(value)}}}, append_action: OVERWRITE_IF_EXISTS_OR_ADD}}"
        for name, value in headers.items()
    )


def require_scopes(scopes: str) -> str:
    """Give the lines that say which scopes are needed, none if none are."""
    if not scopes:
        return ""
    return f"""\
                - append:
                    header: {{key: x-keydesk-require-scopes, value: "{scopes}"}}
                    append_action: OVERWRITE_IF_EXISTS_OR_ADD"""
