"""What every resource of the API is: read-only, JSON whatever is asked for, behind a key, and errors in one shape.

An error is `{"error": {"code": ..., "message": ...}}` with a stable code. What does not exist, is not ours, or cannot
be a name at all is the same 404.
"""

from http import HTTPStatus

from rest_framework.exceptions import APIException, NotFound, Throttled
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from gateway.api.authentication import ApiKeyAuthentication, HasApiKey
from gateway.api.throttling import KeyThrottle

_ERRORS = {
    HTTPStatus.NOT_FOUND: ("not_found", "There is no such thing here."),
    HTTPStatus.METHOD_NOT_ALLOWED: ("method_not_allowed", "This API is for reading: GET or HEAD."),
    HTTPStatus.TOO_MANY_REQUESTS: ("too_many_requests", "This key has asked too often; wait as the header says."),
}
_KEY_REFUSED = ("api_key_refused", "The key is wrong or revoked.")
_KEY_REQUIRED = ("api_key_required", "Send the header: Authorization: Api-Key <key>.")


class JsonAlways(BaseContentNegotiation):  # type: ignore[misc]
    """One form for all: a browser or a program that asks for another gets JSON too."""

    def select_parser(self, request: Request, parsers: list[BaseParser]) -> None:
        """Nothing is read from a body."""

    def select_renderer(
        self, request: Request, renderers: list[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        return renderers[0], str(renderers[0].media_type)


class Resource(APIView):  # type: ignore[misc]
    """The root of the API's views, set here and not in the settings: nothing else uses the framework."""

    http_method_names = ["get", "head"]
    authentication_classes = [ApiKeyAuthentication]
    permission_classes = [HasApiKey]
    throttle_classes = [KeyThrottle]
    renderer_classes = [JSONRenderer]
    parser_classes: list[type[BaseParser]] = []
    content_negotiation_class = JsonAlways

    def handle_exception(self, exc: Exception) -> Response:
        """Ours are answered in our shape; anything else is a fault, and is seen as one."""
        if not isinstance(exc, APIException):
            raise exc
        response = super().handle_exception(exc)
        code, message = _error(exc, response.status_code)
        response.data = {"error": {"code": code, "message": message}}
        return response

    def finalize_response(self, request: Request, response: Response, *args: object, **kwargs: object) -> Response:
        finished = super().finalize_response(request, response, *args, **kwargs)
        finished["Cache-Control"] = "no-store"
        return finished


class Nothing(Resource):
    """Every address under the API that is no resource."""

    def get(self, request: Request) -> Response:
        raise NotFound


def _error(exc: APIException, status: int) -> tuple[str, str]:
    if status == HTTPStatus.UNAUTHORIZED:
        return _KEY_REFUSED if exc.get_codes() == "api_key_refused" else _KEY_REQUIRED
    if isinstance(exc, Throttled):
        status = HTTPStatus.TOO_MANY_REQUESTS
    return _ERRORS[HTTPStatus(status)]
