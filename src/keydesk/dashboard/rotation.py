"""The dialog that re-generates a key: what becomes of the old one, then the PIN, then the new key."""

from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters

from keydesk.control.access.refused import Refused
from keydesk.control.access.roles import Permission
from keydesk.control.keys.actions import regenerate_key
from keydesk.control.keys.delivery import DeliveredKey
from keydesk.control.keys.queries import KeyRow
from keydesk.control.keys.rules import Overlap, confirmed_object, overlap_named, retirement
from keydesk.control.stepup.rules import GuardedAction
from keydesk.dashboard.keys import deliver_guarded, request_token, visit_to_key
from keydesk.dashboard.steps import Dialog, at_field
from keydesk.dashboard.visit import READ_AND_SEND, Visit, for_members
from keydesk.web.problems import problem_of

OVERLAP_NAMES: Final[dict[Overlap, Promise | str]] = {
    Overlap.NONE: gettext_lazy("Replace at once"),
    Overlap.HOUR: gettext_lazy("Keep the old key for 1 hour"),
    Overlap.DAY: gettext_lazy("Keep the old key for 24 hours"),
    Overlap.WEEK: gettext_lazy("Keep the old key for 7 days"),
    Overlap.MONTH: gettext_lazy("Keep the old key for 30 days"),
}


@sensitive_post_parameters("pin", "answer")
@for_members(Permission.KEY_REGENERATE, methods=READ_AND_SEND)
def regenerate(request: HttpRequest, visit: Visit, key_id: str) -> HttpResponse:
    """Replace a key: at once or with an overlap, then the PIN, then the new key."""
    visit, row, product = visit_to_key(visit, key_id)
    dialog, token = regenerate_dialog(request, visit, row), request_token(request)
    if request.method != "POST":
        return show_choice(dialog, row, request_token=token)
    try:
        overlap = overlap_named(request.POST.get("overlap", Overlap.NONE))
    except Refused as refused:
        problem = problem_of(refused)
        return show_choice(
            dialog, row, status=problem.status, request_token=token, **at_field(problem)
        )

    def deliver(grant: str) -> DeliveredKey:
        return regenerate_key(
            visit.actor, key_id=key_id, grant=grant, request_token=token, overlap=overlap
        )

    guard = (GuardedAction.KEY_REGENERATE, confirmed_object(key_id, overlap))
    context = {"request_token": token, "carried": [("overlap", str(overlap))]}
    if overlap is not Overlap.NONE:
        dialog = dialog._replace(
            consequence=_("You get a new key of the same name, and the old one works on beside it.")
        )
        context["words"] = [str(OVERLAP_NAMES[overlap]), *end_words(row, overlap)]
    return deliver_guarded(dialog, product, guard=guard, deliver=deliver, context=context)


def regenerate_dialog(request: HttpRequest, visit: Visit, row: KeyRow) -> Dialog:
    """Give the dialog that replaces a key at once."""
    return Dialog(
        request,
        visit,
        visit.url("regenerate", key_id=row.id),
        title=_("Re-generate %(name)s") % {"name": row.name},
        consequence=_(
            "You get a new key of the same name, and the old one stops working at once: every server that uses it is "
            "refused until it has the new one."
        ),
        deed=_("Re-generate key"),
    )


def show_choice(dialog: Dialog, row: KeyRow, **context: Any) -> HttpResponse:
    """Show what can become of the old key; a way back to this step brings along what was chosen before."""
    chosen = dialog.request.GET.get("overlap", Overlap.NONE)
    options = [
        (overlap, OVERLAP_NAMES[overlap], " ".join(end_words(row, overlap))) for overlap in Overlap
    ]
    consequence = _("You get a new key of the same name.")
    return dialog._replace(consequence=consequence).show(
        "confirm",
        overlaps=options,
        overlap=chosen if chosen in set(Overlap) else Overlap.NONE,
        **context,
    )


def end_words(row: KeyRow, overlap: Overlap) -> list[str]:
    """Say what there is to know of the old key's end beside how long it is kept."""
    if overlap is Overlap.NONE:
        return [_("Every server that uses the old key is refused until it has the new one.")]
    end = retirement(overlap, since=timezone.now(), expires_at=row.expires_at)
    return [_("It expires before that.")] if end == row.expires_at else []
