"""Addresses of the customers' pages; the account is in each of them."""

from django.urls import path

from keydesk.dashboard import keys, pages, pin

app_name = "dashboard"

ACCOUNT = "a/<slug:username>/"
SETTINGS = ACCOUNT + "settings/"
KEYS = SETTINGS + "developer/api-keys/"

urlpatterns = [
    path("", pages.home, name="home"),
    path(ACCOUNT, pages.overview, name="overview"),
    path(SETTINGS, pages.settings, name="settings"),
    path(SETTINGS + "security/", pages.security, name="security"),
    path(SETTINGS + "pin/", pin.pin, name="pin"),
    path(SETTINGS + "developer/", pages.developer, name="developer"),
    path(KEYS, keys.api_keys, name="api_keys"),
    path(KEYS + "generate/<slug:product>/<slug:environment>/", keys.generate, name="generate"),
    path(KEYS + "<slug:key_id>/reveal/", keys.reveal, name="reveal"),
    path(KEYS + "<slug:key_id>/regenerate/", keys.regenerate, name="regenerate"),
    path(KEYS + "<slug:key_id>/revoke/", keys.revoke, name="revoke"),
]
