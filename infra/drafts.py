"""Short texts to a creator, in the creator's language: one for the other channel, one that a person pastes into a chat."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, urlsplit

LOCALES = ("en", "fr", "es", "de")
LONGEST_NAME = 60
NO_MARKUP = str.maketrans("<>`", "‹›'")

_HELLO = {"en": "Hello", "fr": "Bonjour", "es": "Hola", "de": "Hallo"}
# Placeholders: hello, post, days, link, brand.
_SHORT = {
    "en": "{hello}! Please extend the ad authorization of your TikTok post {post} by {days} days. How, in a minute: {link}",
    "fr": "{hello} ! Merci de prolonger de {days} jours l’autorisation publicitaire de votre post TikTok {post}. "
    "En une minute : {link}",
    "es": "{hello}: amplía {days} días, por favor, la autorización publicitaria de tu publicación de TikTok {post}. "
    "En un minuto: {link}",
    "de": "{hello}! Bitte verlängern Sie die Werbefreigabe Ihres TikTok-Posts {post} um {days} Tage. "
    "So geht es, in einer Minute: {link}",
}
_SHORT_MANY = {
    "en": "{hello}! {count} of your TikTok posts need their ad authorization extended. How, in a minute: {link}",
    "fr": "{hello} ! L’autorisation publicitaire de {count} de vos posts TikTok est à prolonger. En une minute : {link}",
    "es": "{hello}: hay que ampliar la autorización publicitaria de {count} de tus publicaciones de TikTok. "
    "En un minuto: {link}",
    "de": "{hello}! Die Werbefreigabe von {count} Ihrer TikTok-Posts muss verlängert werden. "
    "So geht es, in einer Minute: {link}",
}
_BY_MAIL = {
    "en": "in the mail that you have from us",
    "fr": "dans le mail que vous avez reçu de nous",
    "es": "en el correo que tienes de nosotros",
    "de": "in der E-Mail, die Sie von uns haben",
}
_DRAFT = {
    "en": "{hello}, could you please extend the ad authorization of your post by {days} days? {post}\n"
    "In the TikTok app: open the post, ••• > Ad settings > Ad authorization > Extend > {days} days. Thank you!",
    "fr": "{hello}, pourriez-vous prolonger de {days} jours l’autorisation publicitaire de votre post ? {post}\n"
    "Dans l’app TikTok : ouvrez le post, ••• > Paramètres de publicité > Autorisation de publicité > Prolonger > "
    "{days} jours. Merci !",
    "es": "{hello}, ¿puedes ampliar {days} días la autorización publicitaria de tu publicación? {post}\n"
    "En la app de TikTok: abre la publicación, ••• > Ajustes de anuncios > Autorización de anuncios > Ampliar > "
    "{days} días. ¡Gracias!",
    "de": "{hello}, könnten Sie bitte die Werbefreigabe Ihres Posts um {days} Tage verlängern? {post}\n"
    "In der TikTok-App: Post öffnen, ••• > Anzeigeneinstellungen > Anzeigenautorisierung > Verlängern > {days} Tage. "
    "Vielen Dank!",
}
# Nothing was granted yet.
_FIRST = {
    "en": "{hello}, could you please authorize your post for ads, for {days} days? {post}\n"
    "In the TikTok app: open the post, ••• > Ad settings > Ad authorization > {days} days, and send us the code. Thank you!",
    "fr": "{hello}, pourriez-vous autoriser votre post pour la publicité, pour {days} jours ? {post}\n"
    "Dans l’app TikTok : ouvrez le post, ••• > Paramètres de publicité > Autorisation de publicité > {days} jours, "
    "et envoyez-nous le code. Merci !",
    "es": "{hello}, ¿puedes autorizar tu publicación para anuncios, durante {days} días? {post}\n"
    "En la app de TikTok: abre la publicación, ••• > Ajustes de anuncios > Autorización de anuncios > {days} días, "
    "y envíanos el código. ¡Gracias!",
    "de": "{hello}, könnten Sie bitte Ihren Post für Werbung freigeben, für {days} Tage? {post}\n"
    "In der TikTok-App: Post öffnen, ••• > Anzeigeneinstellungen > Anzeigenautorisierung > {days} Tage, "
    "und senden Sie uns den Code. Vielen Dank!",
}
# The post is gone, or the creator said no: nothing to extend, but something to talk about.
_TALK = {
    "en": "{hello}, about the ad with your post {post}: could we talk about how to go on?",
    "fr": "{hello}, au sujet de la publicité avec votre post {post} : pourrions-nous parler de la suite ?",
    "es": "{hello}, sobre el anuncio con tu publicación {post}: ¿podemos hablar de cómo seguir?",
    "de": "{hello}, es geht um die Anzeige mit Ihrem Post {post}: Können wir darüber sprechen, wie es weitergeht?",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """What a text is about: whose post, in which language, and by how many days it is to be extended; or for how many it
    is to be authorized, where that `is_first`.
    """

    handle: str | None
    name: str | None
    locale: str | None
    item_id: str | None
    item_url: str | None
    days: int
    is_first: bool = False


def short(subjects: list[Subject], *, link: str | None) -> str:
    """The text for the other channel: one post by name, several by their number."""
    first = subjects[0]
    language = language_of(first.locale)
    words = {"hello": _hello(first, language), "link": link or _BY_MAIL[language]}
    if len(subjects) > 1:
        return _SHORT_MANY[language].format(count=len(subjects), **words)
    return _SHORT[language].format(post=post_of(first), days=first.days, **words)


def draft(subject: Subject, *, may_extend: bool = True, link: str | None = None) -> str:
    """What the account owner pastes into a chat; without `may_extend` it asks for a talk and for nothing else."""
    language = language_of(subject.locale)
    text = (_FIRST if subject.is_first else _DRAFT) if may_extend else _TALK
    written = text[language].format(hello=_hello(subject, language), post=post_of(subject), days=subject.days)
    return f"{written}\n{link}" if link and may_extend else written


def language_of(locale: str | None) -> str:
    """One of LOCALES; English for what there is no text for."""
    language = (locale or "").strip().lower()[:2]
    return language if language in LOCALES else LOCALES[0]


def post_of(subject: Subject) -> str:
    """The post's address; an item's number where nobody knows whose it is."""
    url = subject.item_url or ""
    if urlsplit(url).scheme == "https" and plain(url) == url and " " not in url:
        return url
    if subject.handle and subject.item_id:
        return f"https://www.tiktok.com/@{quote(subject.handle)}/video/{quote(subject.item_id)}"
    return subject.item_id or f"@{subject.handle or ''}"


def plain(text: str) -> str:
    """Free text from outside, on one line, what chats read as markup replaced by what looks like it."""
    return " ".join("".join(c if c.isprintable() else " " for c in text.translate(NO_MARKUP)).split())


def _hello(subject: Subject, language: str) -> str:
    name = plain(subject.name or "")[:LONGEST_NAME]
    return f"{_HELLO[language]} {name}".strip()
