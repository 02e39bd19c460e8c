"""What can go wrong while the world is built, or when something is asked of it that it has not."""


class WorldError(Exception):
    """The world cannot be built from what was given, or has no such thing. The message is for a person."""
