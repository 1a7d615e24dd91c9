"""The receiver of receiver.mjs in Python, without shared accounts: it governs the logins of a small web page.

    SECRET=whsec_... python3 receiver.py users.json
"""
import base64
import hashlib
import hmac
import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

FILE = sys.argv[1]
KEY = base64.b64decode(os.environ["SECRET"].removeprefix("whsec_"))
LEASE_SECONDS = int(os.environ.get("LEASE_SECONDS", "15"))
seen = {}
held = {"lease": None, "until": 0}


def now():
    return time.time_ns() // 1_000_000


def users():
    if not os.path.exists(FILE):
        return {}
    with open(FILE, encoding="utf-8") as file:
        return json.load(file)


def change(name, user):
    """On disk before an answer leaves. Who was ended is remembered for ten minutes."""
    kept = {one: it for one, it in users().items() if now() - it.get("ended", now()) < 600_000}
    with open(FILE + ".new", "w", encoding="utf-8") as file:
        json.dump({**kept, name: user}, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(FILE + ".new", FILE)


def name_of(grant):
    return grant.replace("g-", "halligan_g_", 1)


def is_in(user):
    return user is not None and "ended" not in user and now() < user["until"]


class Refused(Exception):
    """The receiver's own no, told as a code."""


def must_hold(lease):
    if held["lease"] != lease or now() >= held["until"]:
        raise Refused("lease_lost")


def open_(lease):
    if held["lease"] != lease and now() < held["until"]:
        raise Refused("taken")
    held.update(lease=lease, until=now() + LEASE_SECONDS * 1000)
    return {"leaseSeconds": LEASE_SECONDS}


def close(lease):
    if held["lease"] == lease:
        held.update(lease=None, until=0)
    return {}


def apply(lease, grant, applyBefore, deadline, secret, requester, privileges):
    must_hold(lease)
    if now() >= applyBefore:
        revoke(grant)
        return {"outcome": "too_late", "now": now()}
    if "ended" in users().get(name_of(grant), {}):
        raise Refused("ended")
    change(name_of(grant), {"password": secret, "until": deadline})
    return {"outcome": "applied", "credential": {"USER": name_of(grant), "PASSWORD": secret}}


def reseal(lease, grant, secret):
    must_hold(lease)
    user = users().get(name_of(grant))
    if not is_in(user):
        raise Refused("not_standing")
    change(name_of(grant), {**user, "password": secret})
    return {"credential": {"USER": name_of(grant), "PASSWORD": secret}}


def probe(grant):
    user = users().get(name_of(grant))
    absent = user is None or "ended" in user
    return {"present": is_in(user), "probes": [{"probe": "user", "absent": absent}], "now": now()}


def revoke(grant):
    change(name_of(grant), {"ended": now()})
    return {}


def standing():
    ours = [name for name, user in users().items() if name.startswith("halligan_g_") and is_in(user)]
    return {"grants": [name.replace("halligan_g_", "g-", 1) for name in ours]}


calls = {
    "open": open_,
    "close": close,
    "apply": apply,
    "reseal": reseal,
    "probe": probe,
    "revoke": revoke,
    "cleanup": lambda grant: {},
    "snapshot": lambda: {"objects": [f"user {one}" for one in users() if not one.startswith("halligan_g_")]},
    "standing": standing,
}


def is_signed(headers, body):
    """Standard Webhooks 1.0: HMAC-SHA-256 of `id.timestamp.body`, at most five minutes old, and each id once."""
    one, at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not at.isdigit() or abs(time.time() - int(at)) >= 300 or one in seen:
        return False
    mac = hmac.new(KEY, f"{one}.{at}.".encode() + body, hashlib.sha256).digest()
    wanted = f"v1,{base64.b64encode(mac).decode()}".encode()
    given = headers.get("webhook-signature", "").encode().split(b" ")
    if not any(hmac.compare_digest(wanted, each) for each in given):
        return False
    for old in [each for each, since in seen.items() if now() - since > 600_000]:
        del seen[old]
    seen[one] = now()
    return True


class Handler(BaseHTTPRequestHandler):
    def answer(self, status, body):
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def do_GET(self):
        """The page, behind HTTP Basic."""
        basic = base64.b64decode(self.headers.get("authorization", "").removeprefix("Basic "))
        name, _, password = basic.decode().partition(":")
        user = users().get(name)
        if is_in(user) and hmac.compare_digest(user["password"].encode(), password.encode()):
            self.answer(200, {"hello": name})
        else:
            self.answer(401, {"code": "unauthorised"})

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        if not is_signed(self.headers, body):
            return self.answer(401, {"code": "unsigned"})
        asked = json.loads(body)
        call = calls.get(asked["call"])
        fields = {name: value for name, value in asked.items() if name not in ("v", "call", "target")}
        try:
            self.answer(200, call(**fields)) if call else self.answer(409, {"code": "unknown_call"})
        except Refused as refused:
            self.answer(409, {"code": str(refused)})

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", int(os.environ.get("PORT", "0"))), Handler)
print(json.dumps({"ready": True, "port": server.server_port}), flush=True)
server.serve_forever()
