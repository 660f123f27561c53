"""The check as a Flask extension: for a whole application, or view by view."""

from collections.abc import Awaitable, Callable, Iterable
from functools import wraps
from typing import Final, ParamSpec, cast

from flask import Flask, Response, after_this_request, current_app, make_response, request
from flask.typing import ResponseReturnValue

from keydesk.client.addresses import trusted
from keydesk.client.calls import KEY, CheckedTwiceError, Identity, Need
from keydesk.client.desk import Keydesk
from keydesk.client.wsgi import KeydeskMiddleware, address_of, headers_of, identify, query_of

Given = ParamSpec("Given")
Returned = ResponseReturnValue | Awaitable[ResponseReturnValue]


class FlaskKeydesk:
    """What a Flask application checks its calls with."""

    def __init__(
        self, keydesk: Keydesk, *, trusted_proxies: int = 0, underscores_dropped: bool = False
    ) -> None:
        """Takes how many proxies of the provider's own stand before the application. Raises ValueError.

        What `underscores_dropped` says, `keydesk.client.wsgi.KeydeskMiddleware` tells.
        """
        self._keydesk: Final = keydesk
        self._proxies: Final = trusted(trusted_proxies)
        self._underscores_dropped: Final = underscores_dropped

    def protect(self, app: Flask, need: Need, *, open_paths: Iterable[str] = ()) -> None:
        """Check every request of an application, but for the paths that need no key. Raises ValueError."""
        app.wsgi_app = KeydeskMiddleware(  # type: ignore[method-assign] # as Flask says to wrap an application
            app.wsgi_app,
            self._keydesk,
            need,
            trusted_proxies=self._proxies,
            underscores_dropped=self._underscores_dropped,
            open_paths=open_paths,
        )

    def require(
        self, need: Need
    ) -> Callable[[Callable[Given, Returned]], Callable[Given, ResponseReturnValue]]:
        """Check the requests of one view, which may be sync or async."""

        def decorate(view: Callable[Given, Returned]) -> Callable[Given, ResponseReturnValue]:
            @wraps(view)
            def checked(*args: Given.args, **kwargs: Given.kwargs) -> ResponseReturnValue:
                refusal = self._refusal(need)
                if refusal is not None:
                    return refusal
                returned = current_app.ensure_sync(view)(*args, **kwargs)
                return cast(ResponseReturnValue, returned)

            return checked

        return decorate

    def _refusal(self, need: Need) -> Response | None:
        """Give the answer that refuses the present request, None if it may pass."""
        environ = request.environ
        if KEY in environ:
            raise CheckedTwiceError
        address = address_of(
            environ,
            trusted_proxies=self._proxies,
            underscores_dropped=self._underscores_dropped,
        )
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
