"""Goes the way of somebody new on the portal at `session.py URL`, signs in, and prints a ticket for `Authorization: Bearer`."""

import json
import re
import sys
import time
from urllib.request import Request, urlopen

portal = sys.argv[1]
# Somebody of the fictitious staff other than the one of the examples, whose sign-in would end this session.
account, password = "gagnonjf", "ruisseau-42"


def ask(path, body=None):
    data = None if body is None else json.dumps(body).encode()
    with urlopen(Request(portal + path, data, {"content-type": "application/json"}), timeout=30) as answer:
        return answer.read().decode()


ask("/api/register", {"account": account})
for _ in range(120):
    link = re.search("#([A-Za-z0-9_-]{43})", ask("/_local/mail"))
    if link:
        break
    time.sleep(0.5)
ask("/api/reset", {"token": link[1], "password": password, "confirmation": password})
print(json.loads(ask("/api/login", {"account": account, "password": password, "transport": "bearer"}))["token"])
