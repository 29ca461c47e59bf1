"""Prints the CPU milliseconds of one hash with the parameters of sign-in."""

import time

from functions.hashing import verify

HASHES = 30
PHC = f"$argon2id$v=19$m=19456,t=2,p=1${'A' * 22}${'A' * 43}"


def work(hashes):
    for _ in range(hashes):
        assert not verify(PHC, b"oie7", b"a pepper of 32 bytes, or nearly.")


work(1)
started = time.process_time_ns()
work(HASHES)
print((time.process_time_ns() - started) / HASHES / 1e6)
