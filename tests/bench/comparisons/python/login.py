"""Starts sign-in as the platform does."""

from awslambdaric.__main__ import main

main(["awslambdaric", "functions.login.handler"])
