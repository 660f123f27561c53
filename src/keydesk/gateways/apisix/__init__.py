"""APISIX with `forward-auth`: rendered and read, not run in the tests."""

from keydesk.gateways.rendering import IDENTITY, facts, fill, template
from keydesk.gateways.site import Site, SiteError


def files(site: Site) -> dict[str, str]:
    """Give the routes; raises SiteError for proxies before it, which APISIX is told of in its own config.yaml."""
    if site.trusted_proxies:
        raise SiteError(
            "APISIX is told of the proxies before it by real_ip_from in its config.yaml: leave out --trusted-proxy."
        )
    values = {
        **facts(site),
        "listen_host": site.listen.host,
        "listen_port": str(site.listen.port),
        "scopes": site.scopes,
        "identity": ", ".join(f"X-Keydesk-{name}" for name in IDENTITY),
    }
    return {"apisix.yaml": fill(template("apisix", "apisix.yaml"), values)}
