"""HAProxy, which has no sub-request: a small Lua file asks the verifier, the configuration does the rest."""

from keydesk.gateways.rendering import IDENTITY, facts, fill, own_answers, template
from keydesk.gateways.site import Site


def files(site: Site) -> dict[str, str]:
    """Give the configuration, and the Lua file that it loads."""
    answers = own_answers(site)
    challenge = answers["malformed_challenge"]
    values = {
        **facts(site),
        **answers,
        "challenge": f" hdr WWW-Authenticate '{challenge}'" if challenge else "",
        "listen": str(site.listen),
        "lua_file": site.lua_file,
        "require_scopes": require_scopes(site.scopes),
        "set_src": set_src(site.trusted_proxies),
        "identity": "\n".join(
            f"    http-request set-header X-Keydesk-{name} %[var(txn.keydesk_{variable(name)})]"
            for name in IDENTITY
        ),
    }
    return {
        "haproxy.cfg": fill(template("haproxy", "haproxy.cfg"), values),
        "keydesk.lua": template("haproxy", "keydesk.lua"),
    }


def variable(name: str) -> str:
    """Give the end of the variable in which the Lua file leaves an identity header's value."""
    return name.lower().replace("-", "_")


def set_src(networks: tuple[str, ...]) -> str:
    """Give the line that lets `X-Forwarded-For` count where one of these proxies has written it."""
    if not networks:
        return ""
    return (
        f"    http-request set-src hdr_ip(x-forwarded-for,-1) if {{ src {' '.join(networks)} }}\n"
    )


def require_scopes(scopes: str) -> str:
    """Give the line that says which scopes are needed; HAProxy cannot set an empty header, and need not."""
    line = f'    http-request set-header X-Keydesk-Require-Scopes "{scopes}"\n'
    return line if scopes else ""
