"""Who has said no stays unbothered, on the way up and on the way back."""

from sqlmodel import Session, select

from core.database.engine import connect
from core.messages.preferences import wants_warnings
from core.models import User
from migrations import run
from tests.migrations.schema import SECRET, execute, rows

USERS = {"none": "(false, NULL)", "done": "(true, NULL)", "no": "(false, '2026-11-01')"}


def chosen(url: str, columns: str) -> dict[str, tuple[object, ...]]:
    query = f"SELECT email, {columns} FROM message_preferences JOIN users u ON u.id = user_id ORDER BY email"
    return {row.pop("email"): tuple(row.values()) for row in rows(url, query)}


def warned(url: str) -> dict[str, bool]:
    engine = connect(url)
    with Session(engine) as session:
        told = {
            user.email: wants_warnings(session, user.id) for user in session.exec(select(User)) if user.email in USERS
        }
    engine.dispose()
    return told


def test_a_no_before_is_a_no_to_both_and_a_no_to_warnings_stays_one(migrated_url: str) -> None:
    run.downgrade(migrated_url, "0031", secret=SECRET)
    for email, values in USERS.items():
        execute(
            migrated_url,
            f"WITH u AS (INSERT INTO users (id, email) VALUES (gen_random_uuid(), '{email}') RETURNING id) "
            "INSERT INTO message_preferences (user_id, email_when_done, unsubscribed_at) "
            f"SELECT id, done, at::timestamptz FROM u, (VALUES {values}) v (done, at)",
        )
    run.finish(migrated_url, secret=SECRET)
    assert warned(migrated_url) == {"none": True, "done": True, "no": False}
    execute(
        migrated_url,
        "UPDATE message_preferences SET warnings_off_at = now(), updated_at = now(), topics_at = now() "
        "WHERE email_when_done",
        "UPDATE message_preferences SET unsubscribed_at = now(), updated_at = now() "  # as an earlier release does
        "WHERE NOT email_when_done AND unsubscribed_at IS NULL",
    )
    assert warned(migrated_url) == {"none": False, "done": False, "no": False}
    run.downgrade(migrated_url, "0031", secret=SECRET)
    assert chosen(migrated_url, "unsubscribed_at IS NOT NULL AS no") == {
        "done": (True,),
        "no": (True,),
        "none": (True,),
    }
