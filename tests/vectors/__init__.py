"""Published test vectors, the tests that run them, and the table of what became of each."""
