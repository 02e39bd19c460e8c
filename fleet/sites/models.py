"""A mini-grid: where meters stand, which money is used there and which clock people read."""

from django.db import models


class Site(models.Model):
    code = models.SlugField(unique=True)
    name = models.CharField(max_length=80)
    currency = models.CharField(max_length=3)
    timezone = models.CharField(max_length=40, default="Africa/Nairobi")
