"""The functions login and request-reset, written for Python."""
