"""Why: every reason code that a state, a decision or a plan may carry, with its sentence for people."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """A reason code; never free text alone."""

    # Why a state was entered, or why an event moved nothing.
    REQUESTED = "requested"
    ASKED_ANEW = "asked_anew"
    GRANTED = "granted"
    ADOPTED = "adopted"
    RENEWED = "renewed"
    REVIVED = "revived"
    EXTENDED = "extended"
    CORRECTED = "corrected"
    AD_STARTED = "ad_started"
    ANOTHER_AD = "another_ad"
    AD_LOST = "ad_lost"
    LAST_AD_LOST = "last_ad_lost"
    LAST_AD_STOPPED = "last_ad_stopped"
    AD_STOPPED = "ad_stopped"
    PERIOD_ENDED = "period_ended"
    REQUEST_LAPSED = "request_lapsed"
    WITHDRAWN = "withdrawn"
    DECLINED = "declined"
    RENEWAL_DECLINED = "renewal_declined"
    CODE_REFUSED = "code_refused"
    CONDITION_CHANGED = "condition_changed"
    NEED_STATED = "need_stated"
    FACTS_UPDATED = "facts_updated"
    ALREADY_SO = "already_so"
    OLDER_NEWS = "older_news"
    NO_GRANT_YET = "no_grant_yet"
    NOT_KNOWN_YET = "not_known_yet"
    AD_WITHOUT_AUTHORIZATION = "ad_without_authorization"
    EXTENSION_AFTER_REVOCATION = "extension_after_revocation"
    ASKED = "asked"
    NO_LONGER_DUE = "no_longer_due"
    RENEWED_MEANWHILE = "renewed_meanwhile"
    ANOTHER_PERIOD = "another_period"
    LATER_ASK = "later_ask"
    ANOTHER_CREATOR = "another_creator"
    JUST_ASKED = "just_asked"
    SUGGESTED = "suggested"
    SUGGESTED_TOO_LATE = "suggested_too_late"
    CREATOR_TOLD = "creator_told"
    LINK_WANTED = "link_wanted"
    LOOK_WANTED = "look_wanted"
    WAITING_FOR_TIKTOK = "waiting_for_tiktok"
    NO_CODE_FOUND = "no_code_found"
    CODE_IN_HAND = "code_in_hand"
    UNREADABLE = "unreadable"
    LOOK_CALLED_FOR = "look_called_for"
    NOTHING_TO_LOOK_AT = "nothing_to_look_at"
    UNBINDING = "unbinding"
    NOT_UNBOUND = "not_unbound"
    # Why the next action is what it is.
    UNANSWERED_REQUEST = "unanswered_request"
    RENEWAL_NEEDED = "renewal_needed"
    RENEWAL_SUGGESTED = "renewal_suggested"
    BEFORE_HOLIDAY = "before_holiday"
    LADDER_CLIMBED = "ladder_climbed"
    NO_AD_NEEDS_IT = "no_ad_needs_it"
    COVERED = "covered"
    CONTRACT_ENDS_FIRST = "contract_ends_first"
    CREATOR_DECLINED = "creator_declined"
    POST_REMOVED = "post_removed"
    NO_END_DATE = "no_end_date"
    TOO_LATE_TO_ASK = "too_late_to_ask"
    LAPSED_UNANSWERED = "lapsed_unanswered"
    IS_REVOKED = "is_revoked"


SENTENCES: dict[Reason, str] = {
    Reason.REQUESTED: "the authorization was requested",
    Reason.ASKED_ANEW: "it had ended and was requested anew",
    Reason.GRANTED: "the creator granted it",
    Reason.ADOPTED: "a grant arrived that nobody had requested here, so it was adopted",
    Reason.RENEWED: "a newer grant lasts longer than the one before",
    Reason.REVIVED: "a newer grant or an extension brought it back",
    Reason.EXTENDED: "the creator extended the code",
    Reason.CORRECTED: "TikTok shows an earlier end than was told",
    Reason.AD_STARTED: "an ad that uses it delivers",
    Reason.ANOTHER_AD: "a further ad uses it",
    Reason.AD_LOST: "TikTok stopped an ad, since what it shows is not authorized",
    Reason.LAST_AD_LOST: "TikTok stopped the last ad that used it, since what it shows is not authorized",
    Reason.LAST_AD_STOPPED: "the last ad that used it stopped",
    Reason.AD_STOPPED: "an ad stopped",
    Reason.PERIOD_ENDED: "its period is over",
    Reason.REQUEST_LAPSED: "the request stayed unanswered for too long",
    Reason.WITHDRAWN: "it was withdrawn",
    Reason.DECLINED: "the creator declined",
    Reason.RENEWAL_DECLINED: "the creator declined to renew; the present period goes on",
    Reason.CODE_REFUSED: "TikTok refused a code; nothing else changed by it",
    Reason.CONDITION_CHANGED: "the condition of the post changed",
    Reason.NEED_STATED: "somebody said until when it is needed",
    Reason.FACTS_UPDATED: "facts of the request were updated",
    Reason.ALREADY_SO: "this was known already",
    Reason.OLDER_NEWS: "something newer is known already",
    Reason.NO_GRANT_YET: "no grant is known yet; the event waits for it",
    Reason.NOT_KNOWN_YET: "the authorization is not known yet; the event waits for it",
    Reason.AD_WITHOUT_AUTHORIZATION: "an ad started although the authorization had ended; a person should look",
    Reason.EXTENSION_AFTER_REVOCATION: "an extension came after a revocation; a person should look",
    Reason.ASKED: "a renewal request to the creator is owed",
    Reason.NO_LONGER_DUE: "the renewal was no longer due when its turn came",
    Reason.RENEWED_MEANWHILE: "the period was extended",
    Reason.ANOTHER_PERIOD: "another period, which ends earlier, took its place",
    Reason.JUST_ASKED: "a message that went just before asked for it already",
    Reason.ANOTHER_CREATOR: "it belongs to another creator by now, who is asked next time",
    Reason.LATER_ASK: "a later ask takes its place",
    Reason.SUGGESTED: "somebody suggested when to ask for the renewal",
    Reason.SUGGESTED_TOO_LATE: "no running period ends after the suggested instant, or one was followed already",
    Reason.LINK_WANTED: "the creator wants a fresh link to their page; at most one an hour is sent",
    Reason.LOOK_WANTED: "somebody waits for what TikTok shows of it; it is looked at",
    Reason.CREATOR_TOLD: "a fact of the creator was noted",
    Reason.WAITING_FOR_TIKTOK: "waiting for TikTok to confirm the code",
    Reason.NO_CODE_FOUND: "no Spark code was found in the text; a person should look",
    Reason.CODE_IN_HAND: "this very code is being checked already",
    Reason.LOOK_CALLED_FOR: "TikTok hinted that something changed; it is looked at",
    Reason.NOTHING_TO_LOOK_AT: "TikTok hinted at something that no connected advertiser has",
    Reason.UNBINDING: "the post is to be unbound at TikTok",
    Reason.NOT_UNBOUND: "only what has ended is unbound; nothing was done",
    Reason.UNREADABLE: "the stored event cannot be read; a person should look",
    Reason.UNANSWERED_REQUEST: "the request lapses when nobody answers",
    Reason.RENEWAL_NEEDED: "something that needs the authorization runs on after its end",
    Reason.RENEWAL_SUGGESTED: "it needs a renewal, and somebody suggested to ask around then",
    Reason.BEFORE_HOLIDAY: "it needs a renewal, and the creator will be away until it ends, so the ask comes before that",
    Reason.LADDER_CLIMBED: "no further request is planned before the end",
    Reason.NO_AD_NEEDS_IT: "no running ad and no stated need depends on it",
    Reason.COVERED: "every flight and every stated need ends before the authorization does",
    Reason.CONTRACT_ENDS_FIRST: "the contract ends before the authorization does",
    Reason.CREATOR_DECLINED: "the creator declined to renew",
    Reason.POST_REMOVED: "the post was removed, so extending it cannot help",
    Reason.NO_END_DATE: "this kind of access has no end date",
    Reason.TOO_LATE_TO_ASK: "it ended too long ago to ask for an extension",
    Reason.LAPSED_UNANSWERED: "the request lapsed; a new request or a grant starts it again",
    Reason.IS_REVOKED: "it is revoked; only a grant that begins later revives it",
}


def sentence(code: str) -> str:
    """The sentence of a reason code; an unknown code (of a newer version) speaks for itself."""
    return SENTENCES[Reason(code)] if code in Reason.__members__.values() else code
