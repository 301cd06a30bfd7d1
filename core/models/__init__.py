"""The tables, one noun per file, with their states, indexes and constraints.

No queries live here; migrations bring a database to these tables.
"""

from core.models.alert import Alert, AlertSnooze, SharedRound
from core.models.audit_checkpoint import AuditCheckpoint
from core.models.audit_seal import AuditSeal
from core.models.background_job import TERMINAL, WORKER_LOST, AttemptOutcome, BackgroundJob, JobAttempt, JobStatus
from core.models.bulk import BulkAction, BulkRow, BulkStatus, RowOutcome
from core.models.consent import Consent
from core.models.event import Event
from core.models.failure import FailureDecision, FailureNote, FailureState
from core.models.idempotency_key import IdempotencyKey
from core.models.interaction import Interaction
from core.models.job_rollup import Grain, JobRollup, RollupState
from core.models.list_columns import ListColumns
from core.models.marketing_campaign import MarketingCampaign
from core.models.notification import MessagePreference, Notification, NotificationChannel, NotificationStatus
from core.models.people import PendingSignIn, PersonalToken, RecoveryCode, Scope, SecondFactor, SpentState
from core.models.platform_connection import ConnectionStatus, PlatformConnection
from core.models.queue import JobCounter, JobKind, Queue
from core.models.saved_view import SavedView
from core.models.schedule import Schedule, ScheduleTick
from core.models.secret_key import SecretKeyId
from core.models.session import SignInLink, UserSession
from core.models.token_revocation import IssuedKind, TokenRevocation
from core.models.user import DemoModeStatus, Role, User
from core.models.worker import Worker

__all__ = [
    "TERMINAL",
    "WORKER_LOST",
    "Alert",
    "AlertSnooze",
    "AttemptOutcome",
    "AuditCheckpoint",
    "AuditSeal",
    "BackgroundJob",
    "BulkAction",
    "BulkRow",
    "BulkStatus",
    "ConnectionStatus",
    "Consent",
    "DemoModeStatus",
    "Event",
    "FailureDecision",
    "FailureNote",
    "FailureState",
    "Grain",
    "IdempotencyKey",
    "Interaction",
    "IssuedKind",
    "JobAttempt",
    "JobCounter",
    "JobKind",
    "JobRollup",
    "JobStatus",
    "ListColumns",
    "MarketingCampaign",
    "MessagePreference",
    "Notification",
    "NotificationChannel",
    "NotificationStatus",
    "PendingSignIn",
    "PersonalToken",
    "PlatformConnection",
    "Queue",
    "RecoveryCode",
    "Role",
    "RollupState",
    "RowOutcome",
    "SavedView",
    "Schedule",
    "ScheduleTick",
    "Scope",
    "SecondFactor",
    "SecretKeyId",
    "SharedRound",
    "SignInLink",
    "SpentState",
    "TokenRevocation",
    "User",
    "UserSession",
    "Worker",
]
