"""The clock, read at the edge only: tasks, views and commands. Below it `now` is an argument."""

from django.utils import timezone

now = timezone.now
