"""Addresses of what all pages share, and of the pages for people who cannot log in yet."""

from django.urls import path

from keydesk.web import entry, mailbox
from keydesk.web.language import language

app_name = "web"

urlpatterns = [
    path("language/", language, name="language"),
    path("account/sign-up/", entry.sign_up, name="sign_up"),
    path("account/mail/", entry.look_into_mailbox, name="look_into_mailbox"),
    path("account/confirm/", entry.confirm_again, name="confirm_again"),
    path("account/confirm/<str:token>/", entry.confirm, name="confirm"),
    path("account/password/", entry.forgotten_password, name="forgotten_password"),
    path("account/new-password/<str:token>/", entry.new_password, name="new_password"),
    path("mailbox/", mailbox.mailbox, name="mailbox"),
    path("mailbox/<int:number>/", mailbox.one_letter, name="one_letter"),
]
