"""Who reads: `Authorization: Api-Key <key>`. No sessions, no cookies, no users."""

from django.contrib.auth.models import AnonymousUser
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from gateway.api.models import ApiKey
from gateway.api.queries import find_api_key
from gateway.api.services import note_use
from gateway.clock import now

SCHEME = "Api-Key"


class ApiKeyAuthentication(BaseAuthentication):  # type: ignore[misc]
    """A key that is wrong, unknown or revoked is refused in the same words."""

    def authenticate(self, request: Request) -> tuple[AnonymousUser, ApiKey] | None:
        scheme, _, shown = get_authorization_header(request).decode("latin-1").partition(" ")
        if scheme.lower() != SCHEME.lower():
            return None
        api_key = find_api_key(shown.strip())
        if api_key is None:
            raise AuthenticationFailed(code="api_key_refused")
        note_use(api_key_id=api_key.pk, now=now())
        return AnonymousUser(), api_key

    def authenticate_header(self, request: Request) -> str:
        return SCHEME


class HasApiKey(BasePermission):  # type: ignore[misc]
    """Whoever showed a good key may read everything: one installation serves one operator."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        return isinstance(request.auth, ApiKey)
