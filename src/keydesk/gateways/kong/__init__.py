"""Kong, which has no forward authentication in the open: a function asks. Rendered and read, not run in the tests."""

from keydesk.gateways.rendering import IDENTITY, facts, fill, own_answers, template
from keydesk.gateways.site import Site, SiteError


def files(site: Site) -> dict[str, str]:
    """Give the declarative configuration; raises SiteError for proxies before it, which Kong is told of elsewhere."""
    if site.trusted_proxies:
        raise SiteError(
            "Kong is told of the proxies before it by KONG_TRUSTED_IPS: leave out --trusted-proxy."
        )
    values = {
        **facts(site),
        **own_answers(site),
        "listen": str(site.listen),
        "scopes": site.scopes,
        "identity": ", ".join(f'"X-Keydesk-{name}"' for name in IDENTITY),
    }
    return {"kong.yaml": fill(template("kong", "kong.yaml"), values)}
