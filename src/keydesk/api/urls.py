"""Addresses for machines; the version is in each of them."""

from django.urls import path

from keydesk.api.usage import usage

app_name = "api"

urlpatterns = [path("usage", usage, name="usage")]
