"""Who there is: apps, advertisers, business centers, creators, tokens, and the posts and codes of creators."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

PUBLIC, PRIVATE, FRIENDS = "HESITATE_RECOMMEND", "ONLY_AUTHOR_SEE", "ONLY_FRIEND_SEE"
DELETED, REMOVED_IN_REVIEW, REMOVED, PENDING = "USER_DELETE", "AUDIT_DELETE", "ONLY_USER_PASS", "REVIEW_PENDING"
VIDEO, CAROUSEL = "VIDEO", "CAROUSEL"
AUTH_CODE, TT_USER, BC_AUTH_TT, CUSTOMIZED_USER = "AUTH_CODE", "TT_USER", "BC_AUTH_TT", "CUSTOMIZED_USER"
QUERY_POSTS, AUTHORIZE_POSTS, CREATE_IDENTITY, QUERY_IDENTITY = 690, 691, 692, 693
EVERY_SCOPE = frozenset({QUERY_POSTS, AUTHORIZE_POSTS, CREATE_IDENTITY, QUERY_IDENTITY, 13040000})
SPARK_SCOPE = "biz.spark.auth"


@dataclass(kw_only=True, slots=True)
class App:
    """A developer's app; `secret` is compared, `level` sets its rate limits."""

    app_id: str
    secret: str
    level: str = "basic"


@dataclass(kw_only=True, slots=True)
class Advertiser:
    """An ad account. `own_creator_ids` are TikTok accounts linked to it directly (identities of type TT_USER)."""

    advertiser_id: str
    name: str
    region: str = "FR"
    currency: str = "EUR"
    time_zone: str = "Europe/Paris"
    own_creator_ids: set[str] = field(default_factory=set)


@dataclass(kw_only=True, slots=True)
class Center:
    """A business center, the advertisers inside it, and the accounts that creators granted to it."""

    bc_id: str
    name: str
    advertiser_ids: set[str] = field(default_factory=set)
    grants: dict[str, Grant] = field(default_factory=dict)


@dataclass(kw_only=True, slots=True)
class Grant:
    """A creator's account granted to a center: `can_pull` existing posts, `can_push` new ones; `identity_id` is a UUID."""

    creator_id: str
    identity_id: str
    can_pull: bool = True
    can_push: bool = False
    granted_at: datetime
    advertiser_ids: set[str] = field(default_factory=set)


@dataclass(kw_only=True, slots=True)
class Creator:
    """A TikTok account. `creator_id` is also its asset id in a center and its business id (open id) towards apps."""

    creator_id: str
    handle: str
    display_name: str
    region: str = "FR"
    is_banned: bool = False
    is_political: bool = False
    is_private: bool = False
    ads_only_mode: bool = False


@dataclass(kw_only=True, slots=True)
class Post:
    """A post as its creator left it; `status` is one of tt_video's words. `duration` in seconds, 0 for photos.

    `auth_words`: an `ad_auth_status` that is shown whatever is so, and whether an end is shown with it.
    """

    item_id: str
    creator_id: str
    created_at: datetime
    item_type: str = VIDEO
    text: str = ""
    status: str = PUBLIC
    duration: float = 12.0
    is_story: bool = False
    duet_of: str | None = None
    stitch_of: str | None = None
    is_chain: bool = False
    mentions: tuple[str, ...] = ()
    is_promotable: bool = False
    is_music_missing: bool = False
    is_ads_only: bool = False
    auth_words: tuple[str | None, bool] | None = None
    anchors: list[dict[str, object]] | None = None

    @property
    def originals(self) -> tuple[str, ...]:
        """The posts that this one is made from or mentions."""
        return tuple(each for each in (self.duet_of, self.stitch_of, *self.mentions) if each)


@dataclass(kw_only=True, slots=True)
class Code:
    """A Spark code and its window [start_at, end_at); `days` as last asked for."""

    value: str
    item_id: str
    start_at: datetime
    end_at: datetime
    days: int
    invited_at: datetime
    is_deleted: bool = False


@dataclass(kw_only=True, slots=True)
class Binding:
    """A post bound to an advertiser by a code; what TikTok shows as a row of tt_video/list."""

    advertiser_id: str
    item_id: str
    code: str
    identity_id: str
    bound_at: datetime


@dataclass(kw_only=True, slots=True)
class Identity:
    """The name under which an advertiser may run a creator's posts."""

    identity_id: str
    identity_type: str
    creator_id: str
    bc_id: str | None = None
    can_pull: bool = True
    can_push: bool = False


@dataclass(kw_only=True, slots=True)
class Token:
    """An access token: of an advertiser's consent (advertiser_ids, scopes), or of a TikTok account (business_id)."""

    value: str
    app_id: str
    advertiser_ids: set[str] = field(default_factory=set)
    bc_ids: set[str] = field(default_factory=set)
    scopes: frozenset[int | str] = EVERY_SCOPE
    business_id: str | None = None
    expires_at: datetime | None = None
    is_revoked: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    """What the QR code of a center says, until it ends."""

    bc_id: str
    url: str
    ends_at: datetime


@dataclass(kw_only=True, slots=True)
class Consent:
    """What someone agreed to in the browser; the auth code buys a token once, within an hour."""

    auth_code: str
    app_id: str
    ends_at: datetime
    advertiser_ids: frozenset[str] = frozenset()
    bc_ids: frozenset[str] = frozenset()
    scopes: frozenset[int | str] = EVERY_SCOPE
    business_id: str | None = None
    is_used: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Refresher:
    """A refresh token of a TikTok account."""

    value: str
    app_id: str
    business_id: str
    scopes: frozenset[int | str]
    ends_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One call that the simulator answered; `code` None when nothing was answered."""

    path: str
    method: str
    advertiser_id: str | None
    code: int | None
    at: datetime
