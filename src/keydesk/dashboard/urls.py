"""Addresses of the customers' pages; the account is in each of them."""

from django.urls import path

from keydesk.control.invitations.rules import LINK_PATH
from keydesk.dashboard import accounts, invitation, invitations, keys, pages, pin, team

app_name = "dashboard"

ACCOUNT = "a/<slug:username>/"
SETTINGS = ACCOUNT + "settings/"
TEAM = ACCOUNT + "team/"
MEMBER = TEAM + "<int:user_id>/"
INVITATION = TEAM + "invitations/<slug:invitation_id>/"
KEYS = SETTINGS + "developer/api-keys/"

urlpatterns = [
    path("", pages.home, name="home"),
    path(ACCOUNT, pages.overview, name="overview"),
    path("accounts/", accounts.accounts, name="accounts"),
    path(LINK_PATH + "<slug:token>/", invitation.invitation, name="invitation"),
    path(TEAM, team.team, name="team"),
    path(TEAM + "invite/", invitations.invite, name="invite"),
    path(TEAM + "leave/", team.leave, name="leave"),
    path(MEMBER + "role/", team.role, name="member_role"),
    path(MEMBER + "deactivate/", team.deactivate, name="member_deactivate"),
    path(MEMBER + "reactivate/", team.reactivate, name="member_reactivate"),
    path(MEMBER + "remove/", team.remove, name="member_remove"),
    path(INVITATION + "resend/", invitations.resend, name="invitation_resend"),
    path(INVITATION + "withdraw/", invitations.withdraw, name="invitation_withdraw"),
    path(SETTINGS, pages.settings, name="settings"),
    path(SETTINGS + "pin/", pin.pin, name="pin"),
    path(SETTINGS + "developer/", pages.developer, name="developer"),
    path(KEYS, keys.api_keys, name="api_keys"),
    path(KEYS + "generate/<slug:product>/<slug:environment>/", keys.generate, name="generate"),
    path(KEYS + "<slug:key_id>/reveal/", keys.reveal, name="reveal"),
    path(KEYS + "<slug:key_id>/regenerate/", keys.regenerate, name="regenerate"),
    path(KEYS + "<slug:key_id>/revoke/", keys.revoke, name="revoke"),
]
