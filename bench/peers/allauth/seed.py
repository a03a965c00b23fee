"""Fill a new database: `python seed.py ACCOUNTS`."""

import base64
import os
import secrets
import sys

from application import Instance  # first, since it sets Django up

# isort: split
from allauth.mfa.totp.internal.auth import TOTP
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection, transaction


def seed(accounts: int) -> None:
    call_command("migrate", verbosity=0)
    with connection.schema_editor() as editor:
        editor.create_model(Instance)
    password, key = make_password(os.environ["PEER_PASSWORD"]), os.environ["PEER_KEY"].encode()
    with transaction.atomic():
        for number in range(accounts):
            user = User.objects.create(username=f"p{number}", email=f"p{number}@example.com", password=password)
            TOTP.activate(user, base64.b32encode(key).decode())
            for i in range(int(os.environ["PEER_INSTANCES"])):
                Instance.objects.create(id=secrets.token_hex(16).upper(), account=user, name=f"Loja {i}")


seed(int(sys.argv[1]))
