"""What no document says of the real TikTok, or documents say differently: one switch each; docs/simulator.md lists them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(kw_only=True, slots=True)
class Switches:
    """Behaviour that can be turned. A default is what sources find likeliest; change fields at any time, also by /admin/."""

    # Transport
    unknown_path_code: int = 40007
    wrong_method_as_405: bool = False
    missing_scope_code: int = 40001
    foreign_advertiser_code: int = 40001
    is_sandbox: bool = False

    # How a refused Spark code is worded
    spark_error_code: int = 40002
    is_symbol_in_message: bool = False
    is_number_in_message: bool = False
    unknown_symbol: str | None = None

    # Codes
    allowed_days: tuple[int, ...] = (7, 30, 60, 365)
    is_180_days_allowed: bool = False
    is_code_kept_on_extension: bool = True
    is_deleted_code_regenerated: bool = True
    is_off_refused_in_use: bool = True
    is_deletion_of_code_refused_in_use: bool = True
    is_deletion_of_post_refused_in_use: bool = True

    # Posts and binding
    is_private_refused: bool = True
    is_long_video_refused: bool = True
    is_region_checked: bool = True
    info_refuses_expired: bool = False
    info_checks_post: bool = False
    is_same_code_twice_refused: bool = True
    is_other_advertiser_refused: bool = False
    rebind_needs_new_code: bool = False
    is_unbind_refused_in_use: bool = False
    absent_unbind_code: int = 40002
    revoked_status: str = "REVOKED"
    is_revoked_row_kept: bool = True
    is_music_an_array: bool = False
    do_photo_posts_have_null_video: bool = True
    unreadable_rows: tuple[str, ...] = ()

    # Identities and accounts
    is_page_info_zero_for_accounts: bool = True
    qr_minutes: int = 30

    # Ads (read by the ads, set here so that every switch is in one place)
    do_ads_resume_after_extension: bool = True

    def days(self) -> tuple[int, ...]:
        """The lengths of authorization that a creator may choose."""
        return tuple(sorted({*self.allowed_days, 180})) if self.is_180_days_allowed else self.allowed_days

    # ---- Ads, reports, webhooks and TikTok One: the block of ads.py, delivery.py, reports.py, webhooks.py and tcm.py ----

    # Making ads
    least_campaign_budget: int = 50
    least_ad_group_budget: int = 20
    most_ads: int = 10_000
    is_dark_post_refused_for_existing_posts: bool = True

    # Delivery
    review_minutes: float = 30
    is_every_ad_denied: bool = False
    ads_between_pages: tuple[str, ...] = ()
    do_ads_outlive_unbinding: bool = True

    # Reports
    revision_days: int = 3

    # Webhooks of subscriptions
    webhook_delay_seconds: float = 30
    webhook_duplicates: float = 0.3
    webhook_retry_hours: int = 72

    # TikTok One
    asks_per_video: int = 30
    is_any_length_allowed_for_tcm: bool = False
