"""Argon2id with the pepper as its secret input, which the high-level interface does not support."""

import base64
import hmac

from argon2.low_level import Type, core, error_to_str, ffi


def _decode(text):
    return base64.b64decode(text + "=" * (-len(text) % 4))


def verify(phc, password, secret):
    """Whether the password matches a PHC string."""
    _, _, version, parameters, salt, expected = phc.split("$")
    params = {name: int(value) for name, value in (pair.split("=") for pair in parameters.split(","))}
    salt, expected = _decode(salt), _decode(expected)
    out = ffi.new("uint8_t[]", len(expected))
    # The context only points to the buffers, so they must outlive it.
    buffers = [ffi.new("uint8_t[]", data) for data in (password, salt, secret)]
    context = ffi.new("argon2_context *")
    context.out, context.outlen = out, len(expected)
    context.pwd, context.pwdlen = buffers[0], len(password)
    context.salt, context.saltlen = buffers[1], len(salt)
    context.secret, context.secretlen = buffers[2], len(secret)
    context.m_cost, context.t_cost = params["m"], params["t"]
    context.lanes = context.threads = params["p"]
    context.version = int(version.removeprefix("v="))
    if error := core(context, Type.ID.value):
        raise RuntimeError(error_to_str(error))
    return hmac.compare_digest(bytes(ffi.buffer(out)), expected)
