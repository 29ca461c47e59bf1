"""Starts the door at which mails are asked for as the platform does."""

from awslambdaric.__main__ import main

main(["awslambdaric", "functions.request_reset.handler"])
