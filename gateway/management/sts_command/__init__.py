"""The rooms behind `manage.py sts`: `stream` for programs; `options`, `key_entry`, `cases` and `words` for a person."""
