"""Fill a new database: `python seed.py ACCOUNTS`."""

import os
import secrets
import sys
import unicodedata

from application import Instance, accounts, application, db
from flask_security import hash_password
from passlib.totp import TOTP


def seed(number_of_accounts: int) -> None:
    db.create_all()
    password = hash_password(unicodedata.normalize("NFKD", os.environ["PEER_PASSWORD"]))  # as its login form does
    totp = TOTP.using(
        issuer=application.config["SECURITY_TOTP_ISSUER"], secrets=application.config["SECURITY_TOTP_SECRETS"]
    )
    sealed = totp(os.environ["PEER_KEY"].encode(), format="raw").to_json(encrypt=True)
    for number in range(number_of_accounts):
        user = accounts.create_user(email=f"p{number}@example.com", username=f"p{number}", password=password)
        accounts.tf_set(user, "authenticator", totp_secret=sealed)
        db.session.flush()
        for i in range(int(os.environ["PEER_INSTANCES"])):
            db.session.add(Instance(id=secrets.token_hex(16).upper(), account_id=user.id, name=f"Loja {i}"))
    db.session.commit()


with application.app_context():
    seed(int(sys.argv[1]))
