"""The control API of a running simulator, as the demo's play uses it."""

from typing import Any

import requests


class DeskError(Exception):
    """The simulator refused an act, or is not there. The message says what it answered."""


class Desk:
    """One simulator. Every method is one request; times out rather than hangs."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._session = requests.Session()
        self._session.trust_env = False

    def act(self, path: str, **fields: str) -> dict[str, Any]:
        """POST one act. Raises `DeskError`."""
        return self._read("POST", path, fields)

    def view(self, path: str, **query: str) -> dict[str, Any]:
        """GET one view. Raises `DeskError`."""
        return self._read("GET", path, query)

    def download(self, path: str) -> str:
        """A file that the operator's portal offers. Raises `DeskError`."""
        try:
            response = self._session.get(f"{self.url}/{path}", timeout=30)
        except requests.RequestException as error:
            raise DeskError(f"the simulator does not answer: {type(error).__name__}") from None
        if response.status_code != 200:
            raise DeskError(f"{path}: HTTP {response.status_code}")
        return response.text

    def _read(self, method: str, path: str, fields: dict[str, str]) -> dict[str, Any]:
        url = f"{self.url}/control/{path}"
        try:
            if method == "POST":
                response = self._session.post(url, json=fields, timeout=30)
            else:
                response = self._session.get(url, params=fields, timeout=30)
            value = response.json()
        except (requests.RequestException, ValueError) as error:
            raise DeskError(f"the simulator does not answer: {type(error).__name__}") from None
        if response.status_code != 200 or not isinstance(value, dict):
            raise DeskError(str(value.get("error") if isinstance(value, dict) else value))
        return value
