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

LONGEST_SESSION_SECONDS: Final = 12 * 3600
"""From the log-in on, however busy the session is."""
