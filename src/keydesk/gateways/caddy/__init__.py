"""Caddy with the long form of `forward_auth`, which can tell an outage of the verifier from a refusal."""

from keydesk.gateways.rendering import IDENTITY, facts, fill, own_answers, template
from keydesk.gateways.site import Site, SiteError


def files(site: Site) -> dict[str, str]:
    """Give the Caddyfile; raises SiteError for proxies before it, whom Caddy 2.6 cannot tell apart."""
    if site.trusted_proxies:
        raise SiteError(
            "Caddy 2.6 knows no address but the connection's own: leave out --trusted-proxy, or put another "
            "gateway behind your proxies."
        )
    answers = own_answers(site)
    challenge = answers["malformed_challenge"]
    values = {
        **facts(site),
        **answers,
        "listen_host": site.listen.host,
        "listen_port": str(site.listen.port),
        "require_scopes": set_scopes(site.scopes),
        "challenge": f"\t\t\t\theader WWW-Authenticate `{challenge}`\n" if challenge else "",
        "identity": "\n".join(
            f"\t\t\t\trequest_header X-Keydesk-{name} {{http.reverse_proxy.header.X-Keydesk-{name}}}"
            for name in IDENTITY
        ),
    }
    return {"Caddyfile": fill(template("caddy", "Caddyfile"), values)}


def set_scopes(scopes: str) -> str:
    """Give the line that says which scopes are needed, none if none are."""
    return f'\t\t\theader_up X-Keydesk-Require-Scopes "{scopes}"\n' if scopes else ""
