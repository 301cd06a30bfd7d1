"""Times in bins that grow by a tenth: histograms of any number of jobs are added up bin by bin.

A percentile read from them is within 4.8 % of the exact one, as each time in a bin is within that of the bin's value.
"""

from collections.abc import Mapping
from typing import Final

#: Seconds up to which all times are in the first bin.
LEAST: Final = 0.001
GROWTH: Final = 1.1


def bin_sql(seconds: str) -> str:
    """Return SQL for the bin of a time; bin n ends with LEAST * GROWTH ^ n."""
    steps = f"ceil(ln({seconds}::double precision / {LEAST}) / ln({GROWTH}::double precision))"
    return f"CASE WHEN {seconds} <= {LEAST} THEN 0 ELSE least({steps}, 1000)::smallint END"


def value_of(number: int) -> float:
    """Return the seconds that stand for all times in a bin: as far from its beginning as from its end."""
    return LEAST if number == 0 else LEAST * GROWTH**number * 2 / (1 + GROWTH)


def percentile(histogram: Mapping[int, int], share: float) -> float | None:
    """Return the time that this share of the jobs did not exceed, in seconds; None without a job."""
    rest = share * sum(histogram.values())
    for number in sorted(histogram):
        rest -= histogram[number]
        if rest <= 1e-9:  # the sum of shares is rounded
            return value_of(number) if histogram else None
    return None
