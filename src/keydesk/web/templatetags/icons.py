"""Icons as inline SVG; one that does not exist is a box and no fault, because products name their own."""

from functools import lru_cache

from django import template
from lucide import IconDoesNotExist
from lucide.templatetags.lucide import lucide

register = template.Library()

UNKNOWN = "box"


@register.simple_tag
def icon(name: str, size: str = "16") -> str:
    """Give a Lucide icon of this many pixels that screen readers pass over."""
    try:
        return drawn(name, size)
    except IconDoesNotExist:
        return drawn(UNKNOWN, size)


@lru_cache(maxsize=512)
def drawn(name: str, size: str) -> str:
    """Give the icon's SVG; raises IconDoesNotExist."""
    return lucide(name, size=int(size), aria_hidden="true", focusable="false")
