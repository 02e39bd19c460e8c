"""A running product and the world around it, one of each for a module."""

from tests.support.product_fixtures import addresses, own_redis, product, world

__all__ = ["addresses", "own_redis", "product", "world"]
