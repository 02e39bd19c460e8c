"""Log in and out, by Django's own views, with a brake on guessing passwords.

The failures are counted in this process's memory: logging in must work while Redis is down, for that is when the pages
are needed. With several web processes a guesser gets that many times more tries, and no more.
"""

import hashlib

from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView, LogoutView
from django.core.cache.backends.locmem import LocMemCache
from django.http import HttpRequest, HttpResponse

from gateway.dashboard.layout import sealed

FAILURES_ALLOWED = 5
WAIT_SECONDS = 300
_failures = LocMemCache("login-failures", {"TIMEOUT": WAIT_SECONDS, "OPTIONS": {"MAX_ENTRIES": 10_000}})


class _Login(LoginView):
    """After five wrong passwords for one name from one address, five minutes without a look at the password."""

    template_name = "dashboard/login.html"
    redirect_authenticated_user = True

    def post(self, request: HttpRequest, *args: str, **kwargs: object) -> HttpResponse:
        if _failures.get(_guesser(request), 0) < FAILURES_ALLOWED:
            return super().post(request, *args, **kwargs)
        context = self.get_context_data(
            form=AuthenticationForm(request), is_braked=True, wait_minutes=WAIT_SECONDS // 60
        )
        return self.render_to_response(context, status=429)

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        guesser = _guesser(self.request)
        _failures.set(guesser, _failures.get(guesser, 0) + 1)
        return super().form_invalid(form)

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        _failures.delete(_guesser(self.request))
        return super().form_valid(form)


def _guesser(request: HttpRequest) -> str:
    """Hashed: a name may be anything, and a password typed into the wrong field is not kept."""
    named = f"{request.META.get('REMOTE_ADDR', '')} {request.POST.get('username', '').strip().lower()}"
    return hashlib.sha256(named.encode()).hexdigest()


log_in = sealed(_Login.as_view())
log_out = sealed(LogoutView.as_view())
