"""Addresses of the customers' pages; the account is in each of them."""

from django.urls import path

from keydesk.control.invitations.rules import LINK_PATH
from keydesk.dashboard import (
    accounts,
    activity,
    allow_list,
    forced_reset,
    forgotten,
    invitation,
    invitations,
    key_page,
    keys,
    logs,
    overview,
    pages,
    pin,
    products,
    rotation,
    team,
)
from keydesk.dashboard.onboarding import documents, sections
from keydesk.dashboard.onboarding import pages as onboarding

app_name = "dashboard"

ACCOUNT = "a/<slug:username>/"
ACTIVITY = ACCOUNT + "activity/"
SETTINGS = ACCOUNT + "settings/"
PRODUCTS = ACCOUNT + "products/"
ONBOARDING = ACCOUNT + "onboarding/"
DOCUMENTS = ONBOARDING + "documents/"
TEAM = ACCOUNT + "team/"
MEMBER = TEAM + "<int:user_id>/"
INVITATION = TEAM + "invitations/<slug:invitation_id>/"
KEYS = SETTINGS + "developer/api-keys/"
ALLOW_LIST = SETTINGS + "developer/ip-allow-list/"

urlpatterns = [
    path("", pages.home, name="home"),
    path(ACCOUNT, overview.overview, name="overview"),
    path(ACTIVITY, activity.activity, name="activity"),
    path(ACTIVITY + "download/", activity.download, name="activity_csv"),
    path(PRODUCTS, products.products, name="products"),
    path(
        PRODUCTS + "<slug:product>/<slug:environment>/request/",
        products.request_access,
        name="request_product",
    ),
    path(ONBOARDING, onboarding.start, name="onboarding"),
    path(ONBOARDING + "review/", onboarding.review, name="onboarding_review"),
    path(DOCUMENTS, documents.documents, name="onboarding_documents"),
    path(DOCUMENTS + "<slug:document_id>/", documents.document, name="onboarding_document"),
    path(DOCUMENTS + "<slug:document_id>/remove/", documents.remove, name="onboarding_remove"),
    path(ONBOARDING + "<slug:section>/", sections.section, name="onboarding_section"),
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
    path(SETTINGS + "company/", onboarding.company, name="company"),
    path(SETTINGS + "security/", pages.security, name="security"),
    path(SETTINGS + "pin/", pin.pin, name="pin"),
    path(SETTINGS + "pin/forgotten/", forgotten.forgotten_pin, name="forgotten_pin"),
    path(SETTINGS + "pin/forgotten/mail/", forgotten.mail_link, name="mail_pin_link"),
    path(SETTINGS + "pin/forgotten/link/<str:token>/", forgotten.pin_link, name="pin_link"),
    path(SETTINGS + "pin/forgotten/new/", forgotten.new_pin, name="new_pin"),
    path(MEMBER + "reset-pin/", forced_reset.reset_pin, name="reset_pin"),
    path(SETTINGS + "developer/", pages.developer, name="developer"),
    path(ALLOW_LIST, allow_list.allow_list, name="allow_list"),
    path(ALLOW_LIST + "change/", allow_list.change_allow_list, name="change_allow_list"),
    path(SETTINGS + "developer/logs/", logs.logs, name="logs"),
    path(KEYS, keys.api_keys, name="api_keys"),
    path(KEYS + "generate/<slug:product>/<slug:environment>/", keys.generate, name="generate"),
    path(KEYS + "<slug:key_id>/", key_page.key_page, name="key"),
    path(KEYS + "<slug:key_id>/reveal/", keys.reveal, name="reveal"),
    path(KEYS + "<slug:key_id>/regenerate/", rotation.regenerate, name="regenerate"),
    path(KEYS + "<slug:key_id>/restrict/", keys.restrict, name="restrict"),
    path(KEYS + "<slug:key_id>/revoke/", keys.revoke, name="revoke"),
]
