"""What a browser may do with our pages: nothing that they do not need, nothing inline and nothing from elsewhere."""

from typing import Any, Final

from csp.constants import NONE, SELF

CONTENT_SECURITY: Final[dict[str, Any]] = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    }
}

PERMISSIONS: Final[dict[str, list[str]]] = {
    name: []
    for name in (
        "accelerometer",
        "autoplay",
        "camera",
        "display-capture",
        "encrypted-media",
        "fullscreen",
        "geolocation",
        "gyroscope",
        "magnetometer",
        "microphone",
        "midi",
        "payment",
        "usb",
    )
}

HSTS_SECONDS: Final = 2 * 365 * 24 * 3600

LONGEST_SESSION_SECONDS: Final = 24 * 3600
"""After this a cookie is dead whatever the provider allows; how long a session lasts is a policy of theirs."""

CONFIRMED_SECONDS: Final = 5 * 60
"""How long a log-in or a confirmation counts for changing how somebody gets in."""
