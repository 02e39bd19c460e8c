"""A person with a login. Django's own user, ours by name so that it can grow."""

from django.contrib.auth.models import AbstractUser


class Operator(AbstractUser):
    pass
