"""Every setting of Tokeni, read from the environment by strict readers. `.env.example` lists them with a line each.

Two profiles, one code: without `DATABASE_URL` and `BROKER_URL` all state lives in `TOKENI_DATA_DIR` (embedded
profile); with them the same commands run on PostgreSQL and Redis (server profile).
"""

import contextlib
import os
import re
import secrets
import sys
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured
from django.utils.functional import SimpleLazyObject

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()


def _one_of(name: str, allowed: tuple[str, ...], default: str) -> str:
    value: str = env.str(name, default)
    if value not in allowed:
        raise ImproperlyConfigured(f"{name} must be one of {', '.join(allowed)}")
    return value


def _count(name: str, default: int) -> int:
    value: str = env.str(name, "") or str(default)
    if not re.fullmatch(r"[0-9]{1,9}", value):
        raise ImproperlyConfigured(f"{name} must be a whole number")
    return int(value)


def _hex_secrets(name: str) -> list[str]:
    values = [value.strip() for value in env.list(name, default=[]) if value.strip()]
    if any(not re.fullmatch(r"[0-9a-f]{32,}", value) for value in values):
        raise ImproperlyConfigured(f"{name}: each secret is lower-case hex of at least 32 characters")
    return values


def _address(name: str, default: str) -> str:
    value: str = env.str(name, default).rstrip("/")
    if not re.fullmatch(r"https?://[^/\s]+", value):
        raise ImproperlyConfigured(f"{name} must look like scheme://host:port without a path")
    return value


def kept_secret(path: Path) -> str:
    """A random secret of this installation, made at first use, whole or not at all, readable by its owner only."""
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, draft = tempfile.mkstemp(dir=path.parent)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(32))
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
        os.unlink(draft)
    return path.read_text().strip()


# Mode and place
TOKENI_MODE = _one_of("TOKENI_MODE", ("production", "demo", "test"), "production")
TOKENI_DATA_DIR = Path(env.str("TOKENI_DATA_DIR", str(BASE_DIR / "var"))).resolve()
IS_PRODUCTION = TOKENI_MODE == "production"
TOKENI_FAILPOINT = env.str("TOKENI_FAILPOINT", "")
if not re.fullmatch(r"([a-z_]+:kill)?", TOKENI_FAILPOINT):
    raise ImproperlyConfigured("TOKENI_FAILPOINT must look like name:kill")
if TOKENI_FAILPOINT and IS_PRODUCTION:
    raise ImproperlyConfigured("TOKENI_FAILPOINT is refused in production")
SWEEP_SECONDS = 10 if IS_PRODUCTION else 2

# Web
DEBUG = False
BIND = env.str("BIND", "127.0.0.1:8000")
PUBLIC_BASE_URL = _address("PUBLIC_BASE_URL", f"http://{BIND}")
_OWN_HOSTS = [urlsplit(PUBLIC_BASE_URL).hostname or "", BIND.rpartition(":")[0], "localhost", "127.0.0.1"]
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=_OWN_HOSTS if IS_PRODUCTION else ["*"])
# Read or made at first use: a command that needs none (`sts`) also works where nothing can be written.
SECRET_KEY: Any = env.str("SECRET_KEY", "") or SimpleLazyObject(lambda: kept_secret(TOKENI_DATA_DIR / "secret_key"))
HOOK_SECRETS = _hex_secrets("HOOK_SECRETS")
if not HOOK_SECRETS and not IS_PRODUCTION:
    HOOK_SECRETS = [kept_secret(TOKENI_DATA_DIR / "hook_secret")]
WEB_PROCESSES = _count("WEB_PROCESSES", 0)
WEB_THREADS = _count("WEB_THREADS", 8)
DATA_UPLOAD_MAX_MEMORY_SIZE = 64 * 1024
APPEND_SLASH = False
ROOT_URLCONF = "gateway.urls"
WSGI_APPLICATION = "gateway.wsgi.application"

INSTALLED_APPS = [
    "gateway.apps.GatewayConfig",
    "vending.apps.VendingConfig",
    "fleet.apps.FleetConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "gateway" / "static"]
WHITENOISE_USE_FINDERS = True

# Operators
AUTH_USER_MODEL = "fleet.Operator"
CSRF_FAILURE_VIEW = "gateway.dashboard.errors.csrf_failure"
LOGIN_URL = "/dashboard/login/"
LOGIN_REDIRECT_URL = "/dashboard/"
LOGOUT_REDIRECT_URL = "/dashboard/login/"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
SESSION_COOKIE_AGE = 8 * 3600
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PUBLIC_BASE_URL.startswith("https://")
CSRF_TRUSTED_ORIGINS = [PUBLIC_BASE_URL]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env.bool("BEHIND_TLS_PROXY", False) else None

# Database
DATABASE_URL = env.str("DATABASE_URL", "")
IS_EMBEDDED = not DATABASE_URL
_SQLITE_OPTIONS: dict[str, Any] = {
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;",
}


def _database() -> dict[str, Any]:
    config: dict[str, Any] = env.db_url_config(DATABASE_URL or f"sqlite:///{TOKENI_DATA_DIR / 'tokeni.sqlite3'}")
    if config["ENGINE"].endswith("sqlite3"):
        with contextlib.suppress(OSError):  # where it cannot be made, SQLite says so when it is opened
            Path(config["NAME"]).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return config | {"OPTIONS": _SQLITE_OPTIONS, "CONN_MAX_AGE": None}
    pool = {"min_size": 1, "max_size": _count("DATABASE_POOL_SIZE", WEB_THREADS + 2), "timeout": 5}
    # Statements are parsed and planned once a connection, not once a call: half of the database's time when a payment
    # is accepted. A PgBouncer in transaction mode needs max_prepared_statements (1.21 or later).
    prepared = {"server_side_binding": True, "prepare_threshold": 5}
    options = config.get("OPTIONS", {}) | {"pool": pool, "connect_timeout": 5} | prepared
    return config | {"OPTIONS": options, "CONN_HEALTH_CHECKS": True}


DATABASES = {"default": _database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Queue and cache
BROKER_URL = env.str("BROKER_URL", "")
REDIS_URL = env.str("REDIS_URL", "") or (
    BROKER_URL.replace("redis+socket://", "unix://") if BROKER_URL.startswith("redis") else ""
)
CACHES: dict[str, dict[str, Any]] = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
if REDIS_URL:
    CACHES["default"] = {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "OPTIONS": {"socket_timeout": 1, "socket_connect_timeout": 1},
    }
_BROKER_SOCKET_SECONDS = 1
CELERY_BROKER_URL = BROKER_URL or None
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 180,
    "unacked_restore_interval": 1,
    "unacked_restore_throttle": 1,
    "socket_timeout": _BROKER_SOCKET_SECONDS * 5,
    "socket_connect_timeout": _BROKER_SOCKET_SECONDS,
}
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_PUBLISH_RETRY = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
# Without this the Django fix-up closes the connection around every task: a third of the tokens per second.
CELERY_DB_REUSE_MAX = 10_000
CELERY_TASK_DEFAULT_QUEUE = "payments"
CELERY_BEAT_SCHEDULE_FILENAME = str(TOKENI_DATA_DIR / "beat-schedule")
# A sweep that no worker took before the next one is due is worth nothing: it expires.
CELERY_BEAT_SCHEDULE = {
    name: {"task": task, "schedule": seconds, "options": {"expires": seconds, "queue": queue}}
    for name, task, seconds, queue in (
        ("fulfilment", "gateway.fulfilment.tasks.sweep_fulfilment", SWEEP_SECONDS, "tokens"),
        ("messages", "gateway.sms.tasks.sweep_messages", SWEEP_SECONDS, "messages"),
        ("pushes", "gateway.payments.tasks.sweep_pushes", SWEEP_SECONDS, "payments"),
        ("queries", "gateway.inquiries.tasks.sweep_inquiries", SWEEP_SECONDS * 5, "payments"),
        ("refunds", "gateway.refunds.tasks.sweep_refunds", SWEEP_SECONDS * 5, "payments"),
        ("claims", "gateway.claims.tasks.sweep_claims", 60, "payments"),
        ("approvals", "gateway.desk.tasks.expire_approvals", 60, "payments"),
        ("pull", "gateway.reconciliation.tasks.pull_newest", 600, "payments"),
        ("pull-wide", "gateway.reconciliation.tasks.pull_all", 3600, "payments"),
        ("sessions", "gateway.ussd.tasks.sweep_sessions", 60, "payments"),
        ("audit", "gateway.fulfilment.tasks.seal_audit", 30, "payments"),
    )
}

# Vending keys
KEY_ENCRYPTION_KEY_FILE = env.str("KEY_ENCRYPTION_KEY_FILE", "")
KEY_ENCRYPTION_KEY = env.str("KEY_ENCRYPTION_KEY", "")
SECURITY_MODULE = _one_of("SECURITY_MODULE", ("software",), "software")

# Tokens
STS_EA07_TABLES = env.str("STS_EA07_TABLES", "")
TID_LOOK_AHEAD_MINUTES = _count("TID_LOOK_AHEAD_MINUTES", 30)

# The operator's own words, as customers read them
BRAND = env.str("BRAND", "Tokeni")
USSD_CODE = env.str("USSD_CODE", "*384*96#")
HELP_LINE = env.str("HELP_LINE", "0800 123 456")
DEFAULT_REGION = env.str("DEFAULT_REGION", "KE")
CURRENCY = env.str("CURRENCY", "KES")

# Credentials: none in production until they are given; a simulator takes any.
_NO_CREDENTIAL = "" if IS_PRODUCTION else "demo"

# Payments. Amounts are whole units of CURRENCY; 0 is never for the first, always two persons for the second.
PAYMENT_SOURCES = env.list("PAYMENT_SOURCES", default=[])
PAYMENT_SOURCE_MODE = _one_of("PAYMENT_SOURCE_MODE", ("log", "enforce"), "log")
PAYMENT_VERIFY_ABOVE = _count("PAYMENT_VERIFY_ABOVE", 0)
ASSIGN_ALONE_UP_TO = _count("ASSIGN_ALONE_UP_TO", 0)

# Books
BOOKS_TIMEZONE = env.str("BOOKS_TIMEZONE", "Africa/Nairobi")
PAID_WITHOUT_TOKEN_MINUTES = _count("PAID_WITHOUT_TOKEN_MINUTES", 60)

# Africa's Talking
AFRICASTALKING_BASE_URL = _address("AFRICASTALKING_BASE_URL", "https://api.africastalking.com")
AFRICASTALKING_USERNAME = env.str("AFRICASTALKING_USERNAME", _NO_CREDENTIAL)
AFRICASTALKING_API_KEY = env.str("AFRICASTALKING_API_KEY", _NO_CREDENTIAL)
AFRICASTALKING_SENDER_ID = env.str("AFRICASTALKING_SENDER_ID", "")
SMS_ROUTES = env.list("SMS_ROUTES", default=["africastalking"])
SMS_AMBIGUOUS_SECONDS = _count("SMS_AMBIGUOUS_SECONDS", 60)

# M-Pesa, by Daraja
MPESA_BASE_URL = _address("MPESA_BASE_URL", "https://api.safaricom.co.ke")
MPESA_CONSUMER_KEY = env.str("MPESA_CONSUMER_KEY", _NO_CREDENTIAL)
MPESA_CONSUMER_SECRET = env.str("MPESA_CONSUMER_SECRET", _NO_CREDENTIAL)
MPESA_SHORT_CODE = env.str("MPESA_SHORT_CODE", "" if IS_PRODUCTION else "400200")
MPESA_PASSKEY = env.str("MPESA_PASSKEY", _NO_CREDENTIAL)
MPESA_INITIATOR_NAME = env.str("MPESA_INITIATOR_NAME", _NO_CREDENTIAL)
MPESA_INITIATOR_PASSWORD = env.str("MPESA_INITIATOR_PASSWORD", _NO_CREDENTIAL)
MPESA_CERTIFICATE_FILE = env.str("MPESA_CERTIFICATE_FILE", "")
MPESA_C2B_RESPONSE_TYPE = _one_of("MPESA_C2B_RESPONSE_TYPE", ("Cancelled", "Completed"), "Cancelled")
MPESA_NOMINATED_NUMBER = env.str("MPESA_NOMINATED_NUMBER", "")
MPESA_PULL = env.bool("MPESA_PULL", False)

# Time and language: the product thinks in UTC; sites have their own zone for what people read.
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False
LANGUAGE_CODE = "en"

# Logs: every line passes the redaction filter.
LOG_LEVEL = env.str("LOG_LEVEL", "INFO")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"redact": {"()": "gateway.http.redaction.RedactingFilter"}},
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {
        "stderr": {"class": "logging.StreamHandler", "stream": sys.stderr, "filters": ["redact"], "formatter": "line"}
    },
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        # It logs the request path, which for hooks holds a secret; our own views say what happened.
        "django.request": {"level": "ERROR"},
        "celery": {"level": "WARNING"},
        # At DEBUG it prints statements with their values, whoever asks the connection for them.
        "django.db.backends": {"level": "INFO"},
    },
}
SILENCED_SYSTEM_CHECKS = ["security.W004", "security.W008"]  # TLS ends at the proxy: docs/operations/server.md
