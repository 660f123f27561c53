"""Addresses of what all pages share."""

from django.urls import path

from keydesk.web.language import language

app_name = "web"

urlpatterns = [path("language/", language, name="language")]
