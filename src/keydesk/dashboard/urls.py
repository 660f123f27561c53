"""Addresses of the customers' pages; the account is in each of them."""

from django.urls import path

from keydesk.dashboard import forced_reset, forgotten, keys, pages, pin

app_name = "dashboard"

ACCOUNT = "a/<slug:username>/"
SETTINGS = ACCOUNT + "settings/"
KEYS = SETTINGS + "developer/api-keys/"

urlpatterns = [
    path("", pages.home, name="home"),
    path(ACCOUNT, pages.overview, name="overview"),
    path(SETTINGS, pages.settings, name="settings"),
    path(SETTINGS + "pin/", pin.pin, name="pin"),
    path(SETTINGS + "pin/forgotten/", forgotten.forgotten_pin, name="forgotten_pin"),
    path(SETTINGS + "pin/forgotten/mail/", forgotten.mail_link, name="mail_pin_link"),
    path(SETTINGS + "pin/forgotten/link/<str:token>/", forgotten.pin_link, name="pin_link"),
    path(SETTINGS + "pin/forgotten/new/", forgotten.new_pin, name="new_pin"),
    path(ACCOUNT + "team/<int:user_id>/reset-pin/", forced_reset.reset_pin, name="reset_pin"),
    path(SETTINGS + "developer/", pages.developer, name="developer"),
    path(KEYS, keys.api_keys, name="api_keys"),
    path(KEYS + "generate/<slug:product>/<slug:environment>/", keys.generate, name="generate"),
    path(KEYS + "<slug:key_id>/reveal/", keys.reveal, name="reveal"),
    path(KEYS + "<slug:key_id>/regenerate/", keys.regenerate, name="regenerate"),
    path(KEYS + "<slug:key_id>/revoke/", keys.revoke, name="revoke"),
]
