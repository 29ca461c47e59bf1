"""Creates the database and its accounts. One hash for all accounts keeps the setup short."""

import os

import django
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password
from django.core.management import call_command

django.setup()
call_command("migrate", verbosity=0)
User = get_user_model()
password = make_password("oie7")
User.objects.bulk_create(User(username=f"p{n}", password=password) for n in range(int(os.environ["USERS"])))
