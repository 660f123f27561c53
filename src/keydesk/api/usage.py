"""`POST /v1/usage`: what the verifiers of another host have counted comes home."""

from http import HTTPStatus

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.request import UnreadablePostError

from keydesk.api.services import for_services, problem
from keydesk.control.access.actor import Actor
from keydesk.control.access.refused import require
from keydesk.control.access.roles import Permission
from keydesk.control.usage.actions import record_usage
from keydesk.core.codes import Code
from keydesk.core.strict_json import NotStrictError
from keydesk.core.usage import MOST_BATCH_BYTES, read_batch


@for_services(method="POST")
def usage(request: HttpRequest, service: Actor) -> HttpResponse:
    """Take a batch of one process's entries, each of them once; say how many were new.

    413 for more than a mebibyte and 422 for a body that is no batch; the whole body is refused or taken.
    """
    require(service, Permission.USAGE_RECORD)
    if int(request.META.get("CONTENT_LENGTH") or 0) > MOST_BATCH_BYTES:
        status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        return problem(
            request, Code.INVALID_INPUT, status=status, detail=f"{MOST_BATCH_BYTES} bytes at most."
        )
    try:
        batch = read_batch(request.body)
    except UnreadablePostError:
        return problem(request, Code.INVALID_INPUT, detail="The body broke off.")
    except NotStrictError as error:
        return problem(request, Code.INVALID_INPUT, detail=str(error))
    recorded = record_usage(service, batch=batch)
    return JsonResponse({"taken": recorded.taken, "left_out": recorded.left_out})
