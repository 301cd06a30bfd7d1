"""Looking for what is wrong: alerts are raised, are to be told, and end.

A rule's finding becomes an alert at once, and is raised when it has been there for as long as its rule wants. It is
told then (`telling`), of one subject once an hour at most, and when it is over. A short gap does not end an alert.
"""

import logging
from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from sqlalchemy import text
from sqlmodel import Session

from core.alerts.rule import Facts, Finding, Rule
from core.alerts.rules import RULES

log = logging.getLogger(__name__)

#: An alert whose finding has been away for so long is over.
SETTLED: Final = timedelta(minutes=2)
#: Nobody is told of the same subject more often.
TOLD_EVERY: Final = timedelta(hours=1)
#: Alerts of one rule at a time; what is found besides is the same trouble.
MOST: Final = 50

_FOUND = text("""
    INSERT INTO alerts (id, rule, subject, sentence, href, since, found_at)
    VALUES (gen_random_uuid(), :rule, :subject, :sentence, :href,
            coalesce(:since, statement_timestamp()), statement_timestamp())
    ON CONFLICT (rule, subject) WHERE over_at IS NULL DO UPDATE SET
        sentence = excluded.sentence, href = excluded.href, missing_since = NULL
""")
_MISSING = text("""
    UPDATE alerts SET missing_since = statement_timestamp()
    WHERE over_at IS NULL AND missing_since IS NULL AND rule = :rule AND NOT subject = ANY(:subjects)
""")
_FORGET = text("DELETE FROM alerts WHERE over_at IS NULL AND raised_at IS NULL AND missing_since IS NOT NULL")
_FORGET_RULES = text("""
    UPDATE alerts SET missing_since = coalesce(missing_since, statement_timestamp())
    WHERE over_at IS NULL AND NOT rule = ANY(:rules)
""")
# A time that is ahead is of a clock that was put back: it is long ago.
_RAISE = text("""
    UPDATE alerts SET raised_at = statement_timestamp()
    WHERE over_at IS NULL AND raised_at IS NULL AND rule = :rule
      AND found_at NOT BETWEEN statement_timestamp() - CAST(:after AS interval) AND statement_timestamp()
""")
#: Told when it is raised, and once more if it outlives a snooze.
_TELL = text("""
    UPDATE alerts a SET told_at = statement_timestamp()
    WHERE over_at IS NULL AND raised_at IS NOT NULL AND missing_since IS NULL
      AND (told_at IS NULL OR EXISTS (SELECT FROM alert_snoozes s WHERE s.rule = a.rule AND s.subject = a.subject
                                      AND s.until > a.told_at AND s.until <= statement_timestamp()))
      AND NOT EXISTS (SELECT FROM alert_snoozes s WHERE s.rule = a.rule AND s.subject = a.subject
                      AND s.until > statement_timestamp())
      AND NOT EXISTS (SELECT FROM alerts b WHERE b.rule = a.rule AND b.subject = a.subject AND b.id <> a.id
                      AND b.told_at BETWEEN statement_timestamp() - CAST(:told_every AS interval)
                                        AND statement_timestamp())
""")
_END = text("""
    UPDATE alerts SET over_at = statement_timestamp()
    WHERE over_at IS NULL AND NOT rule = ANY(:unknown) AND missing_since NOT BETWEEN
        statement_timestamp() - CAST(:settled AS interval) AND statement_timestamp()
""")


def look(session: Session, rules: Iterable[Rule] = RULES) -> None:
    """Look once: note what is found, raise, tell and end alerts. The caller commits.

    A rule that fails says so in the log and finds nothing new, and its alerts stay as they are.
    """
    facts, connection, each_rule, unknown = Facts(session), session.connection(), list(rules), []
    for rule in each_rule:
        findings = _findings(session, facts, rule)
        if findings is None:
            unknown.append(rule.name)
        else:
            _note(session, facts, rule, findings)
    connection.execute(_FORGET_RULES, {"rules": [rule.name for rule in each_rule]})
    connection.execute(_FORGET)
    for rule in each_rule:
        connection.execute(_RAISE, {"rule": rule.name, "after": rule.after})
    connection.execute(_TELL, {"told_every": TOLD_EVERY})
    connection.execute(_END, {"settled": SETTLED, "unknown": unknown})


def _findings(session: Session, facts: Facts, rule: Rule) -> list[Finding] | None:
    try:
        with session.begin_nested():
            return rule.find(facts)
    except Exception as error:  # noqa: BLE001 - one rule's defect keeps no other rule from telling
        log.warning("a rule of alerts failed", extra={"rule": rule.name, "error": type(error).__name__})
        return None


def _note(session: Session, facts: Facts, rule: Rule, findings: list[Finding]) -> None:
    known = [each for each in findings if facts.is_open(rule.name, each.subject)]
    new = [each for each in findings if not facts.is_open(rule.name, each.subject)]
    for each in (*known, *new[: max(0, MOST - len(known))]):
        values = {"rule": rule.name, "subject": each.subject, "sentence": each.sentence, "href": each.href}
        session.connection().execute(_FOUND, {**values, "since": each.since})
    subjects = [each.subject for each in findings]
    session.connection().execute(_MISSING, {"rule": rule.name, "subjects": subjects})
