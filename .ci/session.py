"""Registers and signs in on the portal at `session.py URL`; prints a session token for `Authorization: Bearer`."""

import json
import re
import sys
import time
from urllib.request import Request, urlopen

portal = sys.argv[1]
# Not the account of the OpenAPI examples: a sign-in with that one could end this session.
account, password = "gagnonjf", "ruisseau-42"


def request(path, body=None):
    data = None if body is None else json.dumps(body).encode()
    with urlopen(Request(portal + path, data, {"content-type": "application/json"}), timeout=30) as response:
        return response.read().decode()


request("/api/register", {"account": account})
for _ in range(120):
    link = re.search("#([A-Za-z0-9_-]{43})", request("/_local/mail"))
    if link:
        break
    time.sleep(0.5)
request("/api/reset", {"token": link[1], "password": password, "confirmation": password})
print(json.loads(request("/api/login", {"account": account, "password": password, "transport": "bearer"}))["token"])
