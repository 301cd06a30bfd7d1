"""Presets: the creators that demo mode can imitate."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Platform(StrEnum):
    """A creator's platform; the values of `platform_connections.platform`."""

    INSTAGRAM = "instagram"
    YOUTUBE = "youtube"
    TIKTOK = "tiktok"
    FACEBOOK = "facebook"


class Kind(StrEnum):
    """The form of an interaction; the values of `interactions.kind`."""

    COMMENT = "comment"
    MESSAGE = "message"
    MENTION = "mention"


class Sentiment(StrEnum):
    """The tone of an interaction; the values of `interactions.sentiment`."""

    POSITIVE = "positive"
    NEUTRAL = "neutral"
    NEGATIVE = "negative"


@dataclass(frozen=True, slots=True)
class CreatorAccount:
    """One connection of a preset; `{name}` in the handle is the invented creator's name."""

    platform: Platform
    handle: str
    #: Its share of the interactions, relative to the other accounts.
    share: int


@dataclass(frozen=True, slots=True)
class Profile:
    """A preset's data over the last 90 days, as the built-in generator makes them."""

    label: str
    description: str
    followers: int
    accounts: tuple[CreatorAccount, ...]
    interactions: int
    #: Percent of each kind and of each sentiment; each adds up to 100.
    kinds: Mapping[Kind, int]
    sentiments: Mapping[Sentiment, int]
    #: Traffic of the last day relative to the first, without bursts.
    growth: float
    #: Number of posts in these 90 days with unusually high traffic.
    viral_posts: int


class Preset(StrEnum):
    """The presets, by the name that forms, flags and `users.demo_preset` use."""

    NANO = "nano"
    MICRO = "micro"
    MID_TIER = "mid_tier"
    MACRO = "macro"
    CELEBRITY = "celebrity"

    @property
    def profile(self) -> Profile:
        """Return the preset's data."""
        return PROFILES[self]


def _percent(first: int, second: int) -> tuple[int, int, int]:
    return first, second, 100 - first - second


def _kinds(comments: int, messages: int) -> Mapping[Kind, int]:
    return dict(zip((Kind.COMMENT, Kind.MESSAGE, Kind.MENTION), _percent(comments, messages), strict=True))


def _sentiments(positive: int, neutral: int) -> Mapping[Sentiment, int]:
    return dict(zip(Sentiment, _percent(positive, neutral), strict=True))


_INSTAGRAM = CreatorAccount(Platform.INSTAGRAM, "@{name}", 50)
_TIKTOK = CreatorAccount(Platform.TIKTOK, "@{name}.clips", 30)
_YOUTUBE = CreatorAccount(Platform.YOUTUBE, "@{name}channel", 20)
_FACEBOOK = CreatorAccount(Platform.FACEBOOK, "{name}.page", 10)

PROFILES: Mapping[Preset, Profile] = {
    Preset.NANO: Profile(
        label="Nano Creator",
        description="Just starting out: a small circle that answers nearly everything.",
        followers=1_800,
        accounts=(_INSTAGRAM,),
        interactions=60,
        kinds=_kinds(55, 35),
        sentiments=_sentiments(68, 26),
        growth=2.0,
        viral_posts=1,
    ),
    Preset.MICRO: Profile(
        label="Micro Creator",
        description="A loyal niche, with enough messages to fill an evening.",
        followers=24_000,
        accounts=(_INSTAGRAM, _TIKTOK),
        interactions=400,
        kinds=_kinds(55, 28),
        sentiments=_sentiments(62, 28),
        growth=1.7,
        viral_posts=1,
    ),
    Preset.MID_TIER: Profile(
        label="Mid-Tier Creator",
        description="A full-time creator, for whom reading everything takes a working day.",
        followers=180_000,
        accounts=(_INSTAGRAM, _TIKTOK, _YOUTUBE),
        interactions=2_000,
        kinds=_kinds(58, 24),
        sentiments=_sentiments(56, 30),
        growth=1.5,
        viral_posts=2,
    ),
    Preset.MACRO: Profile(
        label="Macro Creator",
        description="A well-known name, with brands asking and critics watching.",
        followers=850_000,
        accounts=(_INSTAGRAM, _TIKTOK, _YOUTUBE, _FACEBOOK),
        interactions=8_000,
        kinds=_kinds(60, 18),
        sentiments=_sentiments(50, 32),
        growth=1.3,
        viral_posts=3,
    ),
    Preset.CELEBRITY: Profile(
        label="Celebrity",
        description="Famous everywhere: a flood of comments and mentions that no person can read alone.",
        followers=6_400_000,
        accounts=(_INSTAGRAM, _TIKTOK, _YOUTUBE, _FACEBOOK),
        interactions=25_000,
        kinds=_kinds(62, 10),
        sentiments=_sentiments(46, 34),
        growth=1.1,
        viral_posts=4,
    ),
}
