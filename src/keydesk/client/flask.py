"""The check as a Flask extension: for a whole application, or view by view."""

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Final, ParamSpec, TypeVar, cast

from flask import Flask, Response, after_this_request, make_response, request
from flask.typing import ResponseReturnValue

from keydesk.client.addresses import trusted
from keydesk.client.calls import KEY, CheckedTwiceError, Identity, Need
from keydesk.client.desk import Keydesk
from keydesk.client.wsgi import KeydeskMiddleware, address_of, headers_of, identify, query_of

Given = ParamSpec("Given")
View = TypeVar("View", bound=ResponseReturnValue)


class FlaskKeydesk:
    """What a Flask application checks its calls with."""

    def __init__(self, keydesk: Keydesk, *, trusted_proxies: int = 0) -> None:
        """Takes how many proxies of the provider's own stand before the application. Raises ValueError."""
        self._keydesk: Final = keydesk
        self._proxies: Final = trusted(trusted_proxies)

    def protect(self, app: Flask, need: Need, *, open_paths: Iterable[str] = ()) -> None:
        """Check every request of an application, but for the paths that need no key. Raises ValueError."""
        app.wsgi_app = KeydeskMiddleware(  # type: ignore[method-assign]
            app.wsgi_app,
            self._keydesk,
            need,
            trusted_proxies=self._proxies,
            open_paths=open_paths,
        )

    def require(
        self, need: Need
    ) -> Callable[[Callable[Given, View]], Callable[Given, View | Response]]:
        """Check the requests of one view."""

        def decorate(view: Callable[Given, View]) -> Callable[Given, View | Response]:
            @wraps(view)
            def checked(*args: Given.args, **kwargs: Given.kwargs) -> View | Response:
                refusal = self._refusal(need)
                return view(*args, **kwargs) if refusal is None else refusal

            return checked

        return decorate

    def _refusal(self, need: Need) -> Response | None:
        """Give the answer that refuses the present request, None if it may pass."""
        environ = request.environ
        if KEY in environ:
            raise CheckedTwiceError
        address = address_of(environ, trusted_proxies=self._proxies)
        outcome = self._keydesk.check(
            headers_of(environ), need, address=address, query=query_of(environ)
        )
        if outcome.identity is None:
            return make_response(outcome.body, outcome.status, outcome.texts)
        identify(environ, outcome.identity)

        @after_this_request
        def with_limits(response: Response) -> Response:
            response.headers.extend(outcome.texts)
            return response

        return None


def identity() -> Identity:
    """Give whom the present request is from. Raises KeyError if it was not checked."""
    return cast(Identity, request.environ[KEY])
