"""The IP allow-list tab: where all keys of the account may be used from, shown, and changed behind the PIN."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters

from keydesk.control.access.refused import Refused
from keydesk.control.access.roles import Permission
from keydesk.control.accounts.rules import stored_networks
from keydesk.control.keys.actions import set_networks
from keydesk.control.keys.restrictions import Choices
from keydesk.control.stepup.rules import GuardedAction
from keydesk.dashboard.confirming import guarded
from keydesk.dashboard.keys import is_in_replica
from keydesk.dashboard.pages import frame
from keydesk.dashboard.restrictions import carried_fields, entries_of, lines_of
from keydesk.dashboard.steps import Dialog, Ground, at_field
from keydesk.dashboard.visit import READ_AND_SEND, Visit, for_members
from keydesk.web.problems import problem_of


@for_members(Permission.KEY_VIEW)
def allow_list(request: HttpRequest, visit: Visit) -> HttpResponse:
    """Show where all keys of the account may be used from."""
    return allow_list_page(request, visit)


@sensitive_post_parameters("pin", "answer")
@for_members(Permission.ACCOUNT_SET_NETWORKS, methods=READ_AND_SEND)
def change_allow_list(request: HttpRequest, visit: Visit) -> HttpResponse:
    """Set where all keys of the account may be used from: the addresses, then the PIN."""
    dialog = change_dialog(request, visit)
    if request.method != "POST":
        text = request.GET.get("networks", visit.account.networks)
        return dialog.show("networks", networks=lines_of(text), address=visit.actor.ip)
    text = request.POST.get("networks", "")
    networks = entries_of(text)
    try:
        stored_networks(networks)
    except Refused as refused:
        problem = problem_of(refused)
        fields = {"networks": lines_of(text), "address": visit.actor.ip}
        return dialog.show("networks", status=problem.status, **fields, **at_field(problem))

    def act(grant: str) -> int:
        return set_networks(
            visit.actor, account_id=visit.account.id, networks=networks, grant=grant
        )

    return guarded(
        dialog,
        guard=(GuardedAction.ACCOUNT_SET_NETWORKS, visit.account.id),
        act=act,
        show=lambda revision: dialog.show("restricted", is_set_here=is_in_replica(revision)),
        context={"carried": carried_fields(Choices(networks=networks))},
    )


def change_dialog(request: HttpRequest, visit: Visit) -> Dialog:
    """Give the dialog that changes the allow-list."""
    return Dialog(
        request,
        visit,
        visit.url("change_allow_list"),
        title=_("Change the IP allow-list"),
        consequence=_(
            "Calls from anywhere else are refused at once, with every key of your company, in live and test."
        ),
        deed=_("Change allow-list"),
        ground=Ground(visit.url("allow_list"), _("Back to the allow-list"), allow_list_page),
    )


def allow_list_page(
    request: HttpRequest, visit: Visit, *, step: dict[str, Any] | None = None, status: int = 200
) -> HttpResponse:
    """Show the allow-list, with a step of the dialog over it if one is given."""
    may_change = visit.actor.can(Permission.ACCOUNT_SET_NETWORKS)
    context = frame(visit, section="settings", is_section=False) | {
        "held": visit.account.networks.split(),
        "change_url": visit.url("change_allow_list") if may_change else "",
        "here_url": visit.url("allow_list"),
    }
    return render(request, "dashboard/allow_list/page.html", context | (step or {}), status=status)
