"""A section's page: its form, saved on its own, complete or not, with nothing lost that was typed."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final, NamedTuple

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from keydesk.control.access.refused import Refused
from keydesk.control.access.roles import Permission
from keydesk.control.onboarding.actions import save_section
from keydesk.control.onboarding.queries import ApplicationFile, application_of, products_on_offer
from keydesk.control.onboarding.rules import CONSENT_VERSION, MOST_PEOPLE, Section
from keydesk.core.codes import CODES, Code
from keydesk.core.records import Environment
from keydesk.dashboard.onboarding.answers import (
    Shown,
    answers,
    paths_of,
    people_sent,
    people_stored,
    texts_of,
    texts_typed,
    values_typed,
    version_sent,
    without_person,
)
from keydesk.dashboard.onboarding.progress import (
    is_open,
    is_section,
    next_url,
    previous_url,
    section_url,
    wizard_frame,
)
from keydesk.dashboard.onboarding.words import SECTIONS, id_of
from keydesk.dashboard.products import ENVIRONMENT_NAMES
from keydesk.dashboard.visit import READ_AND_SEND, Visit, for_members
from keydesk.web.applications import fault_text
from keydesk.web.digits import number_in

DROP: Final = "drop-"
"""How the button begins that takes a person out of the form; the person's number follows."""


class Form(NamedTuple):
    """What stands in a section's form: as it is stored, or as it was typed."""

    section: str
    version: int
    texts: Mapping[str, str]
    people: int
    wanted: list[str]
    is_agreed: bool
    focus: str = ""
    """The id of the field that begins with the focus."""
    errors: Mapping[str, str] = {}
    meanwhile: Mapping[str, str] = {}
    problem: str = ""


@for_members(Permission.APPLICATION_EDIT, methods=READ_AND_SEND)
def section(request: HttpRequest, visit: Visit, section: str) -> HttpResponse:
    """Show a section's form; save it, or change what it shows without saving."""
    if not is_section(section):
        raise Http404
    file = application_of(visit.account)
    if request.method != "POST":
        if not is_open(visit):
            return redirect(visit.url("onboarding"))
        return page(request, visit, file, form_stored(section, file))
    form, then = form_typed(request, section), request.POST.get("then", "")
    if section == Section.PEOPLE and (then == "add" or then.startswith(DROP)):
        return page(request, visit, file, other_people(form, then))
    return save(request, visit, form, then)


def save(request: HttpRequest, visit: Visit, form: Form, then: str) -> HttpResponse:
    """Save what was typed and go on, or show it again with what is wrong."""
    try:
        save_section(
            visit.actor,
            account_id=visit.account.id,
            section=Section(form.section),
            values=values_typed(form.section, request.POST, people=form.people),
            version=form.version,
        )
    except Refused as refused:
        if refused.code not in {Code.INVALID_INPUT, Code.STATE_CONFLICT}:
            raise Http404 from refused
        file = application_of(visit.account)
        again = refused_form(form, refused, file)
        return page(request, visit, file, again, status=CODES[refused.code].status)
    return redirect(visit.url("onboarding") if then == "leave" else next_url(visit, form.section))


def refused_form(form: Form, refused: Refused, file: ApplicationFile) -> Form:
    """Give the form with what was typed and why it was not saved."""
    if refused.code is Code.INVALID_INPUT:
        return form._replace(errors=refused.details.get("fields", {}))
    if refused.details.get("reason") != "version":
        return form._replace(problem=cannot_be_changed())
    return form._replace(
        version=file.version,
        meanwhile=texts_of(form.section, file.data),
        problem=_(
            "The application was changed meanwhile, in another tab or by a colleague. What you typed is still here "
            "and is not saved yet: look at it again, then save it."
        ),
    )


def cannot_be_changed() -> str:
    """Say that the application is not open to change, although a form of it was."""
    return _(
        "The application was submitted meanwhile and cannot be changed now. What you typed is still here and is not "
        "saved."
    )


def form_stored(section: str, file: ApplicationFile) -> Form:
    """Give the form as the section is stored."""
    return Form(
        section=section,
        version=file.version,
        texts=texts_of(section, file.data),
        people=people_stored(file.data),
        wanted=file.data.get(Section.PRODUCTS, []),
        is_agreed=bool(file.data.get(Section.CONSENT)),
    )


def form_typed(request: HttpRequest, section: str) -> Form:
    """Give the form as it was sent."""
    sent = request.POST
    people = people_sent(sent) if section == Section.PEOPLE else 0
    return Form(
        section=section,
        version=version_sent(sent),
        texts=texts_typed(section, sent, people=people),
        people=people,
        wanted=sent.getlist("products"),
        is_agreed="agreed" in sent,
    )


def other_people(form: Form, then: str) -> Form:
    """Give the form with one more person, or without one; nothing is saved by that."""
    if then == "add":
        more = min(form.people + 1, MOST_PEOPLE)
        return form._replace(people=more, focus=id_of(f"people.{more - 1}.name"))
    number = number_in(then.removeprefix(DROP), digits=len(str(MOST_PEOPLE)))
    if number is None or number >= form.people:
        return form
    texts = without_person(form.texts, number, people=form.people)
    return form._replace(people=form.people - 1, texts=texts, focus="add-person")


def page(
    request: HttpRequest, visit: Visit, file: ApplicationFile, form: Form, *, status: int = 200
) -> HttpResponse:
    """Show a section's form."""
    section = form.section
    own = form.errors.get(section)
    parts = {
        "form": form,
        "name": SECTIONS[section],
        "section_error": "" if own is None else fault_text(section, own),
        "section_remark": file.remarks.get(section, ""),
        "previous_url": previous_url(visit, section),
        "post_url": section_url(visit, section),
    }
    context = wizard_frame(visit, file, here=section) | parts | FORMS[section](form, file)
    if status == HTTPStatus.CONFLICT:
        context["is_conflict"] = True
    return render(request, f"dashboard/onboarding/{section}.html", context, status=status)


def plain_form(form: Form, file: ApplicationFile) -> dict[str, Any]:
    """Give the fields of a section that has each of them once."""
    return {"answers": answers(paths_of(form.section), shown(form), file)}


def people_form(form: Form, file: ApplicationFile) -> dict[str, Any]:
    """Give the fields of each person."""
    paths = paths_of(form.section, people=form.people)
    fields = answers(paths, shown(form), file)
    size = len(paths) // form.people if form.people else 1
    rows = [
        {"number": number + 1, "drop": f"{DROP}{number}", "answers": fields[place : place + size]}
        for number, place in enumerate(range(0, len(fields), size))
    ]
    return {"rows": rows, "may_add": form.people < MOST_PEOPLE}


def products_form(form: Form, _file: ApplicationFile) -> dict[str, Any]:
    """Give the products on offer, each with a box for each environment."""
    return {
        "products": [
            {
                "product": product,
                "places": [
                    {
                        "value": f"{product.slug}/{environment}",
                        "id": f"products-{product.slug}-{environment}",
                        "name": ENVIRONMENT_NAMES[environment],
                        "is_chosen": f"{product.slug}/{environment}" in form.wanted,
                    }
                    for environment in Environment
                ],
            }
            for product in products_on_offer()
        ]
    }


def consent_form(_form: Form, _file: ApplicationFile) -> dict[str, Any]:
    """Give which text is agreed to."""
    return {"text_version": CONSENT_VERSION}


FORMS: Final[dict[str, Callable[[Form, ApplicationFile], dict[str, Any]]]] = {
    Section.BUSINESS: plain_form,
    Section.PEOPLE: people_form,
    Section.BANK_ACCOUNT: plain_form,
    Section.PRODUCTS: products_form,
    Section.CONSENT: consent_form,
}


def shown(form: Form) -> Shown:
    """Give what stands in the form's fields of text."""
    return Shown(form.texts, form.errors, form.meanwhile)
