"""Sign-in and the door at which mails are asked for, as one would write them for Python."""
