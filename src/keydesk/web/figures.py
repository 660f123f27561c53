"""How numbers are written for people, as the language of the page does it."""

from django.utils.formats import number_format


def whole(number: int) -> str:
    """Give a whole number as the language writes it."""
    return number_format(number, force_grouping=True)
