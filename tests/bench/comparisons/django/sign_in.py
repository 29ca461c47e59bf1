"""Sign-in with Django."""

import json

from django.contrib.auth import authenticate, login
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.http import JsonResponse
from django.urls import path
from django.views.decorators.http import require_POST


class Argon2(Argon2PasswordHasher):
    memory_cost = 19456
    time_cost = 2
    parallelism = 1
    # Salts of 16 characters; Django's default has 22.
    salt_entropy = 95


@require_POST
def sign_in(request):
    try:
        form = json.loads(request.body)
        account, password = form["account"], form["password"]
    except (KeyError, TypeError, ValueError):
        return JsonResponse({"error": "invalid-request"}, status=400)
    if not isinstance(account, str) or not isinstance(password, str):
        return JsonResponse({"error": "invalid-request"}, status=400)
    user = authenticate(request, username=account, password=password)
    if user is None:
        return JsonResponse({"error": "invalid-credentials"}, status=401)
    login(request, user)
    return JsonResponse({"account": user.get_username()})


urlpatterns = [path("login", sign_in)]
