"""What happened: creators, workers and finished jobs, made by PostgreSQL from a seeded random.

Each creator's jobs are made from the last one backwards, so that they lead to the state the creator has today.
"""

import json
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa
from sqlalchemy import Connection

from core.demo.presets import PROFILES
from core.models.columns import new_id
from core.sample import errors

#: The last job is requested so long before now, which is longer than a job takes.
REST: Final = timedelta(minutes=10)


def write(connection: Connection, *, users: int | None, jobs: int, now: datetime) -> None:
    """Add creators, workers and jobs; creators whose last job failed are in failed afterwards."""
    values = {
        "users": users, "jobs": jobs, "now": now, "until": now - REST, "first": now - timedelta(days=31),
        "workers": [new_id() for _ in range(21)], "errors": json.dumps(list(errors.rows())), "presets": list(PROFILES),
        "sizes": [profile.interactions for profile in PROFILES.values()],
        "accounts": [len(profile.accounts) for profile in PROFILES.values()], "seed": jobs % 1_000 / 1_000,
    }  # fmt: skip
    for statement in (_SETTINGS, _ADD_USERS, _PEOPLE, _WORKERS, _JOBS, _FAILED, _PRESETS):
        connection.execute(statement, values)


_SETTINGS: Final = sa.text("""
    SELECT set_config('statement_timeout', '0', true), set_config('work_mem', '128MB', true), setseed(:seed)
""")

# A database without creators is given 200 where no number is named.
_ADD_USERS: Final = sa.text("""
    INSERT INTO users (id, email, name, role, demo_mode_status, created_at)
    SELECT id, lower(replace(name, ' ', '.') || '.' || right(id::text, 10) || '@example.com'), name, 'member',
        'disabled', :now - (31 + 700 * since) * interval '1 day'
    FROM (SELECT gen_random_uuid() AS id, random() AS since, concat_ws(' ',
        ('{Ana,Bruno,Chiara,Dmitri,Elif,Farid,Greta,Hugo,Ines,Jonas,Kaya,Lena}'::text[])[1 + (random() * 11)::int],
        ('{Alvarez,Becker,Chen,Diallo,Esposito,Garcia,Haddad,Ivanova,Lopez}'::text[])[1 + (random() * 8)::int]) AS name
        FROM generate_series(1, coalesce(CAST(:users AS int),
            (SELECT CASE count(*) WHEN 0 THEN 200 ELSE 0 END FROM users WHERE role = 'member')))) new
""")

# Creators at rest, numbered by when they joined. At most nine of them end in failed: a list of users who need help.
_PEOPLE: Final = sa.text("""
    CREATE TEMP TABLE sample_people ON COMMIT DROP AS
    SELECT n, id, created_at, preset, accounts, CASE state WHEN 'enabled' THEN generated ELSE size END AS interactions,
        CASE WHEN state = 'disabled' AND row_number() OVER (PARTITION BY state ORDER BY md5(n::text))
            <= least(9, count(*) OVER (PARTITION BY state) / 20) THEN 'failed' ELSE state END AS ends
    FROM (SELECT u.*, demo_mode_status AS state, generated, row_number() OVER (ORDER BY created_at, id) AS n
          FROM users u CROSS JOIN LATERAL
              (SELECT count(*) AS generated FROM interactions WHERE is_demo AND user_id = u.id) i
          WHERE role = 'member' AND (demo_mode_status IN ('disabled', 'failed') AND generated = 0
              OR demo_mode_status = 'enabled') AND NOT EXISTS
              (SELECT FROM background_jobs WHERE user_id = u.id AND status IN ('queued', 'running'))) resting
    JOIN unnest(CAST(:presets AS text[]), CAST(:sizes AS int[]), CAST(:accounts AS int[])) WITH ORDINALITY
        AS p(preset, size, accounts, k) ON k = coalesce(array_position(:presets, demo_preset), 1 + n % 4)
""")

# Three hosts, each with a new worker process every five days.
_WORKERS: Final = sa.text("""
    INSERT INTO workers (id, host, pid, threads, queues, started_at, heartbeat_at, stopped_at)
    SELECT (:workers)[n + 1], 'worker-' || chr(97 + n % 3), 400 + 37 * n, 8, '{demo,maintenance,default}',
        since, least(since + interval '5 days', :now), least(since + interval '5 days', :now)
    FROM (SELECT n, :first + n / 3 * interval '5 days' AS since FROM generate_series(0, 20) n) lives
""")

# Most jobs are requested at 15 h (UTC), fewest at 3 h, less than half of them on week-ends; by creators who had joined,
# but for one by schedule each night. Two jobs of a creator are `apart`, longer than each takes.
# Setbacks fail or are cancelled, and the next job has the same aim; all others enable and disable by turns.
# `r` counts a creator's jobs from the last one, so that lead() is the job before.
_JOBS: Final = sa.text("""
    WITH hours AS (
        SELECT at, hour, (SELECT count(*) FROM sample_people WHERE created_at <= at) AS joined,
            sum((0.15 + 0.425 * (1 - cos((hour - 3) / 12 * pi()))) * CASE WHEN day > 5 THEN 0.45 ELSE 1 END)
                OVER (ORDER BY at) AS due
        FROM generate_series(:until - interval '30 days', :until - interval '1 hour', interval '1 hour') at
        CROSS JOIN LATERAL extract(hour FROM at AT TIME ZONE 'UTC') hour
        CROSS JOIN LATERAL extract(isodow FROM at AT TIME ZONE 'UTC') day
    ), moments AS (
        SELECT CASE WHEN hour <> 3 OR number > before + 1 THEN ceil(random() * coalesce(nullif(joined, 0), people)) END
            AS n, at + random() * interval '1 hour' AS at, random() AS luck, random() AS dice, random() AS speed,
            least(300, greatest(40, 1296000 * people / :jobs)) * interval '1 s' AS apart
        FROM (SELECT *, round(:jobs * due / max(due) OVER ())::int AS last,
                  round(:jobs * lag(due, 1, 0) OVER (ORDER BY at) / max(due) OVER ())::int AS before FROM hours) due
        CROSS JOIN (SELECT count(*) AS people FROM sample_people) everyone
        CROSS JOIN generate_series(before + 1, last) number WHERE people > 0
    ), placed AS (
        SELECT *, user_id IS NOT NULL AND (r > 1 AND luck < 0.026 OR r = 1 AND ends = 'failed') AS setback,
            min(at + r * apart) OVER (PARTITION BY n ORDER BY at DESC) - r * apart AS created_at
        FROM (SELECT n, id AS user_id, at, luck, dice, speed, apart, ends, preset, interactions, accounts,
                  row_number() OVER (PARTITION BY n ORDER BY at DESC) AS r
              FROM moments LEFT JOIN sample_people USING (n)) numbered
    ), aimed AS (
        SELECT *, (count(*) FILTER (WHERE NOT setback) OVER mine % 2 = 1) = (ends = 'enabled') AS enables,
            (lpad(to_hex(floor(extract(epoch FROM created_at) * 1000)::bigint), 12, '0') || '7'
            || overlay(left(md5(concat(user_id, created_at, luck)), 19) PLACING '8' FROM 4 FOR 1))::uuid AS id
        FROM placed WINDOW mine AS (PARTITION BY n ORDER BY at DESC)
    ), judged AS (
        SELECT *, CASE WHEN setback AND enables AND luck >= 0.017 AND r > 1 THEN 'cancelled'
            WHEN setback OR enables AND luck > 0.998 AND r > 1 THEN 'failed' ELSE 'succeeded' END AS status FROM aimed
    ), named AS (
        SELECT *, CASE WHEN user_id IS NULL THEN 'maintenance.expire_sessions' WHEN enables THEN 'demo.enable'
                WHEN status = 'succeeded' AND dice < 0.6 AND lead(status) OVER mine = 'failed' THEN 'demo.dismiss'
                ELSE 'demo.disable' END AS kind,
            CASE WHEN user_id IS NULL THEN NULL WHEN lead(status) OVER mine = 'failed' THEN 'failed'
                WHEN enables THEN 'disabled' ELSE 'enabled' END AS came_from
        FROM judged WINDOW mine AS (PARTITION BY n ORDER BY at DESC)
    ), tried AS (
        SELECT *, came_from = 'failed' OR user_id IS NOT NULL AND dice > 0.96 AS by_staff,
            CASE WHEN came_from = 'failed' AND lead(kind) OVER mine = kind THEN lead(id) OVER mine END AS retry_of,
            CASE WHEN status = 'failed' THEN width_bucket(dice, '{0,0.48,0.76,0.85,0.93,0.97}'::float[]) END AS number,
            CASE WHEN status = 'cancelled' AND came_from <> 'failed' AND dice < 0.5 THEN 0
                WHEN status = 'failed' AND (dice < 0.85 OR dice >= 0.93) OR luck BETWEEN 0.1 AND 0.104 THEN 3
                WHEN luck BETWEEN 0.104 AND 0.114 THEN 2 ELSE 1 END AS attempt,
            CASE WHEN kind = 'demo.enable' OR came_from = 'enabled' THEN interactions ELSE 0 END AS total,
            CASE status WHEN 'succeeded' THEN 1 ELSE speed END AS share, -ln(1 - dice) / 8 * interval '1 s' AS waited
        FROM named WINDOW mine AS (PARTITION BY n ORDER BY at DESC)
    ), timed AS (
        SELECT *, CASE WHEN attempt > 0 THEN floor(total * share)::int ELSE 0 END AS done,
            CASE WHEN attempt > 0 THEN created_at + waited END AS started_at, created_at + waited
                + interval '5 s' * greatest(0, attempt - 1) + greatest(share, 0.1) * least(apart - interval '25 s',
                interval '1 s' * (2 + total / 120.0 * (0.7 + 0.6 * speed))) AS finished_at
        FROM tried ORDER BY created_at
    )
    INSERT INTO background_jobs (id, kind, queue, status, machine, came_from, user_id, args, progress_done,
        progress_total, progress_message, attempt, token, worker_id, run_at, error_type, error_message, error_traceback,
        error_fingerprint, result, retry_of, requested_by, reason, created_at, started_at, finished_at, updated_at,
        cancel_requested_at)
    SELECT id, kind, split_part(kind, '.', 1), status, CASE WHEN enables IS NOT NULL THEN 'users.demo_mode_status' END,
        came_from, user_id, CASE kind WHEN 'demo.enable' THEN jsonb_build_object('preset', preset) ELSE '{}' END,
        done, total, CASE WHEN attempt = 0 OR total = 0 THEN '' ELSE format('%s of %s interactions%s',
            to_char(done, 'FM999,999'), to_char(total, 'FM999,999'), CASE WHEN NOT enables THEN ' deleted' END) END,
        attempt, attempt, CASE WHEN attempt > 0 THEN (:workers)[1 + floor(speed * 3)::int + 3 * least(6, greatest(0,
            floor(extract(epoch FROM started_at - :first) / 432000)))::int] END, created_at, type,
        format(message, 2 + floor(speed * 28), 10000 + floor(speed * 89999), user_id),
        format(traceback, 2 + floor(speed * 28), 10000 + floor(speed * 89999), user_id), fingerprint,
        CASE WHEN status <> 'succeeded' THEN NULL
            WHEN enables THEN jsonb_build_object('preset', preset, 'interactions', total, 'connections', accounts)
            WHEN enables IS NULL THEN jsonb_build_object('sessions_deleted', floor(speed * 40))
            ELSE jsonb_build_object('interactions_deleted', total, 'connections_deleted', sign(total) * accounts) END,
        retry_of, CASE WHEN by_staff THEN ids[1 + floor(luck * 10000)::int % cardinality(ids)] ELSE user_id END,
        CASE WHEN by_staff THEN ('{customer on the phone,requested in ticket 4711,demo for a partner tomorrow,
            wrong preset chosen,stuck since this morning,demo service is back}'::text[])[1 + floor(speed * 6)::int] END,
        created_at, started_at, finished_at, finished_at, CASE status WHEN 'cancelled' THEN finished_at END
    FROM timed LEFT JOIN jsonb_to_recordset(CAST(:errors AS jsonb))
        AS e(number int, type text, message text, traceback text, fingerprint text) USING (number)
    CROSS JOIN (SELECT array_agg(id) AS ids FROM users WHERE role IN ('support', 'admin')) staff
""")

# The legacy product did not note it; the job that enabled demo mode does.
_PRESETS: Final = sa.text("""
    UPDATE users u SET demo_preset = p.preset FROM sample_people p WHERE p.id = u.id
        AND u.demo_mode_status = 'enabled' AND u.demo_preset IS NULL
""")

# A user with a later job of their own stays in the state in which that job left them.
_FAILED: Final = sa.text("""
    UPDATE users u SET demo_mode_status = 'failed', demo_preset = NULL FROM sample_people p WHERE p.id = u.id AND
        ends = 'failed' AND (SELECT xmin = pg_current_xact_id()::xid FROM background_jobs WHERE user_id = u.id
            AND machine = 'users.demo_mode_status' ORDER BY created_at DESC, id DESC LIMIT 1)
""")
