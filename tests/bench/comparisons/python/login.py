"""Starts the function as Lambda does."""

from awslambdaric.__main__ import main

main(["awslambdaric", "functions.login.handler"])
