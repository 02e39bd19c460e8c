"""The product's settings with the bare view beside the product's addresses: the same server and middleware for both."""

from gateway.settings import *  # noqa: F403

ROOT_URLCONF = "tests.bench.urls"
