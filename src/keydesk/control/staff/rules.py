"""How long the links last with which people of the internal team first get in; pure."""

from datetime import timedelta
from typing import Final

FIRST_OWNER_LINK_LASTS: Final = timedelta(minutes=15)
INVITATION_LASTS: Final = timedelta(days=7)
