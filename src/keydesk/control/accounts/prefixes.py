"""Finding rows by how one of their texts begins, through an index, on both databases."""

from typing import Any, Final, TypeVar, cast

from django.db import connection
from django.db.models import F, Model, QuerySet
from django.db.models.expressions import Combinable
from django.db.models.functions import Collate, Lower

LAST: Final = "\U0010ffff"
"""No character comes after it."""

Row = TypeVar("Row", bound=Model)


def beginning_with(
    rows: QuerySet[Row], field: str, text: str, *, is_lowered: bool = False
) -> QuerySet[Row]:
    """Give the rows whose field begins with the text, in the order of its bytes.

    `is_lowered` compares the field in lower case; the text has to be in lower case then.
    """
    expression: Combinable = Lower(field) if is_lowered else F(field)
    if connection.vendor == "postgresql":
        expression = Collate(expression, "C")
    begun: dict[str, Any] = {"beginning__gte": text, "beginning__lt": text + LAST}
    found = cast("QuerySet[Row]", rows.alias(beginning=expression))
    return found.filter(**begun).order_by("beginning", "pk")
