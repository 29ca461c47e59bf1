"""Starts the function as Lambda does."""

from awslambdaric.__main__ import main

main(["awslambdaric", "functions.request_reset.handler"])
