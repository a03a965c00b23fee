"""The smallest Flask application with Flask-Security's login, its authenticator apps, and one page behind both."""

import os
from pathlib import Path
from sqlite3 import Connection

from flask import Flask, render_template
from flask_security import Security, SQLAlchemyUserDatastore, auth_required, current_user
from flask_security.models import fsqla_v3 as fsqla
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Engine, event

application = Flask(__name__)
application.config |= {
    "SECRET_KEY": os.environ["PEER_SECRET"],
    "SQLALCHEMY_DATABASE_URI": f"sqlite:///{Path(os.environ['PEER_DATA']) / 'peer.sqlite3'}",
    "SECURITY_PASSWORD_SALT": os.environ["PEER_SECRET"],
    "SECURITY_PASSWORD_HASH_PASSLIB_OPTIONS": {
        "argon2__type": "ID",
        "argon2__memory_cost": 47104,
        "argon2__time_cost": 2,
        "argon2__parallelism": 1,
        "argon2__salt_size": 16,
        "argon2__digest_size": 32,
    },
    "SECURITY_TWO_FACTOR": True,
    "SECURITY_TWO_FACTOR_ENABLED_METHODS": ["authenticator"],
    "SECURITY_TOTP_SECRETS": {"1": os.environ["PEER_SECRET"]},
    "SECURITY_TOTP_ISSUER": "Peer",
}


@event.listens_for(Engine, "connect")
def prepare(connection: Connection, _: object) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")


db = SQLAlchemy(application)
fsqla.FsModels.set_db_info(db)


class Role(db.Model, fsqla.FsRoleMixin):
    pass


class User(db.Model, fsqla.FsUserMixin):
    pass


class Instance(db.Model):
    id = db.Column(db.String(32), primary_key=True)
    account_id = db.Column(db.ForeignKey("user.id"), index=True, nullable=False)
    name = db.Column(db.String(100), nullable=False)


accounts = SQLAlchemyUserDatastore(db, User, Role)
security = Security(application, accounts)


@application.get("/")
@auth_required("session")
def home() -> str:
    found = db.session.scalars(db.select(Instance).filter_by(account_id=current_user.id))
    return render_template("home.html", instances=found)
