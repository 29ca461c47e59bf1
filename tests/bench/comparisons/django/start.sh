set -e
SECRET_KEY=$(head -c 32 /dev/urandom | base64)
export DJANGO_SETTINGS_MODULE=settings SECRET_KEY
venv/bin/python accounts.py
exec venv/bin/gunicorn "django.core.wsgi:get_wsgi_application()"
