"""The two statements that write buckets: small ones from the rows of jobs, larger ones from smaller ones."""

from typing import Final

from sqlalchemy import TextClause, text

from core.analytics.histogram import bin_sql
from core.models import WORKER_LOST

#: Columns that are added up.
COUNTS: Final = ("succeeded", "failed", "cancelled", "lost", "retries", "retries_helped", "repeated", "repeated_helped")
_SUMS: Final = (*COUNTS, "wait_ms", "run_ms")
_BY: Final = "bucket, kind, queue, version"

# The wait of a job that was tried again is not known: it is due anew before each attempt.
_JOBS = f"""
    SELECT date_bin('5 minutes', j.finished_at, 'epoch'::timestamptz) AS bucket, j.kind, j.queue,
           coalesce(w.version, '') AS version, j.status = 'succeeded' AS well,
           j.status = 'failed' AS badly, j.status = 'cancelled' AS cancelled,
           j.status = 'failed' AND coalesce(j.error_type, '') = '{WORKER_LOST}' AS lost,
           j.retry_of IS NOT NULL AS retried, j.attempt > 1 AS repeated,
           CASE WHEN j.run_at <= j.started_at
                THEN extract(epoch FROM j.started_at - greatest(j.run_at, least(j.created_at, j.started_at)))
           END AS waited,
           CASE WHEN j.status = 'succeeded'
                THEN greatest(extract(epoch FROM j.finished_at - j.started_at), 0) END AS ran
    FROM background_jobs j LEFT JOIN workers w ON w.id = j.worker_id
    WHERE j.finished_at >= :start AND j.finished_at < :stop AND j.status IN ('succeeded', 'failed', 'cancelled')
"""  # noqa: S608 - constants of this program
_COUNTED_JOBS = f"""
    SELECT {_BY}, count(*) FILTER (WHERE well) AS succeeded, count(*) FILTER (WHERE badly) AS failed,
           count(*) FILTER (WHERE cancelled) AS cancelled, count(*) FILTER (WHERE lost) AS lost,
           count(*) FILTER (WHERE retried) AS retries, count(*) FILTER (WHERE retried AND well) AS retries_helped,
           count(*) FILTER (WHERE repeated) AS repeated, count(*) FILTER (WHERE repeated AND well) AS repeated_helped,
           coalesce(sum(round(waited * 1000)), 0)::bigint AS wait_ms,
           coalesce(sum(round(ran * 1000)), 0)::bigint AS run_ms
    FROM part GROUP BY {_BY}
"""  # noqa: S608 - as above
_BUCKETS = """
    SELECT date_bin(make_interval(mins => CAST(:grain AS int)), starts_at, 'epoch'::timestamptz) AS bucket,
           job_rollups.*
    FROM job_rollups WHERE grain = :smaller AND starts_at >= :start AND starts_at < :stop
"""
_ADDED_BUCKETS = f"SELECT {_BY}, {', '.join(f'sum({name}) AS {name}' for name in _SUMS)} FROM part GROUP BY {_BY}"  # noqa: S608


def _statement(part: str, added: str, histograms: dict[str, str]) -> TextClause:
    """Return the statement that adds up the rows of `part`; `histograms`: where each one's bin and number are from."""
    bins = "".join(f", {name} AS ({_histogram(source)})" for name, source in histograms.items())
    joins = " ".join(f"LEFT JOIN {name} USING ({_BY})" for name in histograms)
    names = ", ".join(f"{name}_bins, {name}_counts" for name in histograms)
    values = ", ".join(f"coalesce({name}.bins, '{{}}'), coalesce({name}.counts, '{{}}')" for name in histograms)
    return text(f"""
        WITH part AS MATERIALIZED ({part}), added AS ({added}){bins}
        INSERT INTO job_rollups (grain, starts_at, kind, queue, version, {", ".join(_SUMS)}, {names})
        SELECT :grain, {_BY}, {", ".join(_SUMS)}, {values} FROM added {joins}
    """)  # noqa: S608 - as above


def _histogram(source: str) -> str:
    return f"""SELECT {_BY}, array_agg(bin ORDER BY bin) AS bins, array_agg(number::int ORDER BY bin) AS counts
        FROM ({source}) AS binned GROUP BY {_BY}"""  # noqa: S608 - as above


def _of_jobs(seconds: str) -> str:
    of_bin = bin_sql(seconds)
    return f"""SELECT {_BY}, {of_bin} AS bin, count(*) AS number FROM part WHERE {seconds} IS NOT NULL
        GROUP BY {_BY}, {of_bin}"""  # noqa: S608 - as above


def _of_buckets(name: str) -> str:
    return f"""SELECT {_BY}, bin, sum(number) AS number
        FROM part, unnest({name}_bins, {name}_counts) AS each (bin, number) GROUP BY {_BY}, bin"""  # noqa: S608


#: Parameters: grain, start, stop.
FROM_JOBS: Final = _statement(_JOBS, _COUNTED_JOBS, {"wait": _of_jobs("waited"), "run": _of_jobs("ran")})
#: Parameters: grain, start, stop, and `smaller`, the grain to add up.
FROM_BUCKETS: Final = _statement(_BUCKETS, _ADDED_BUCKETS, {each: _of_buckets(each) for each in ("wait", "run")})
