"""Addresses of what all pages share, and of the pages for people who cannot log in yet."""

from django.urls import path

from keydesk.web import brand, confirmation, entry, mailbox, own_address, security
from keydesk.web.language import language

app_name = "web"

ADDRESS = "account/new-address/"
FACTOR = "account/factors/<int:factor_id>/"
SESSIONS = "account/sessions/"

urlpatterns = [
    path("language/", language, name="language"),
    path("account/confirm/", confirmation.confirm, name="confirm"),
    path("account/set-up/", security.set_up, name="set_up"),
    path("account/authenticator/", security.authenticator, name="authenticator"),
    path("account/passkeys/add/", security.add_passkey, name="add_passkey"),
    path(FACTOR + "rename/", security.rename_passkey, name="rename_passkey"),
    path(FACTOR + "remove/", security.remove_factor, name="remove_factor"),
    path("account/recovery-codes/", security.recovery_codes, name="recovery_codes"),
    path("account/password/", security.password, name="password"),
    path(ADDRESS, own_address.change_address, name="change_address"),
    path(ADDRESS + "asked/", own_address.address_asked, name="address_asked"),
    path(ADDRESS + "<str:token>/", own_address.new_address, name="new_address"),
    path(SESSIONS + "end-others/", security.end_other_sessions, name="end_other_sessions"),
    path(SESSIONS + "<int:session_id>/end/", security.end_session, name="end_session"),
    path("brand/<slug:colour>.css", brand.style, name="brand_style"),
    path("brand/<slug:version>.png", brand.logo, name="brand_logo"),
    path("account/sign-up/", entry.sign_up, name="sign_up"),
    path("account/mail/", entry.look_into_mailbox, name="look_into_mailbox"),
    path("account/address/", entry.confirm_again, name="confirm_again"),
    path("account/address/<str:token>/", entry.confirm, name="confirm_address"),
    path("account/reset/", entry.forgotten_password, name="forgotten_password"),
    path("account/new-password/<str:token>/", entry.new_password, name="new_password"),
    path("mailbox/", mailbox.mailbox, name="mailbox"),
    path("mailbox/<int:number>/", mailbox.one_letter, name="one_letter"),
]
