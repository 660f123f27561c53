"""Traefik with `ForwardAuth`: a start and the rest, rendered and read, not run in the tests."""

from keydesk.gateways.rendering import facts, fill, template
from keydesk.gateways.site import Site, SiteError


def files(site: Site) -> dict[str, str]:
    """Give both files; raises SiteError for proxies before it, since it cannot tell the verifier any address."""
    if site.trusted_proxies:
        raise SiteError(
            "Traefik cannot tell the verifier a client's address: leave out --trusted-proxy."
        )
    values = {**facts(site), "listen": str(site.listen), "scopes": site.scopes}
    return {
        name: fill(template("traefik", name), values) for name in ("traefik.yaml", "dynamic.yaml")
    }
