"""A running product and the world around it, one of each for a module."""
