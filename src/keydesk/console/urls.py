"""Addresses of the Console."""

from django.urls import path

from keydesk.console import pages

app_name = "console"

urlpatterns = [
    path("", pages.home, name="home"),
    path("security/", pages.security, name="security"),
]
