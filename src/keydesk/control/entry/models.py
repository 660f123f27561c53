"""The usernames that a sign-up has held without making an account."""

from django.db import models


class HeldUsername(models.Model):
    """A username that somebody wanted who signed up with an address that has a log-in already.

    It is as taken as if the account had been made: were it free, then whoever tries it would learn that the address
    is known. The internal team may still open an account under it.
    """

    username = models.CharField(primary_key=True, max_length=40)
    held_at = models.DateTimeField()

    class Meta:
        db_table = "held_usernames"
