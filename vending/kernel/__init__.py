"""Pure blocks that every app may use: errors, money, lifecycles. No Django, no clock, no I/O."""
