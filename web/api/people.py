"""People and programs: who may sign in and as what, one-time links for them, and API tokens."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from domain.people import Role, Scope
from infra import api_tokens, invitations, people
from infra.api_tokens import MOST_DAYS
from infra.database import snapshot
from infra.people import Change, PeopleError
from web.api.calls import Asks, Operation, Write, Writes
from web.api.paging import Page, page
from web.api.problems import invalid, missing
from web.api.shapes import Asked, Number, Shape, Word


class PersonShown(Shape):
    """Somebody who may sign in, or could until `disabled_at`."""

    id: int
    email: str
    name: str | None
    role: Role
    created_at: datetime
    disabled_at: datetime | None
    signed_in_at: datetime | None


class Inviting(Asked):
    """For an address that is known the link sets a new password, and the role stays as it is."""

    email: Word
    role: Role


class InvitationShown(Shape):
    """A one-time link that is open, without the link. `email`: none where it is good for any address."""

    id: int
    email: str | None
    role: Role
    created_at: datetime
    expires_at: datetime


class InvitationWithdrawn(Shape):
    """A one-time link that lets nobody in any more."""

    id: int
    email: str | None


class Invitation(Shape):
    """A one-time link, told this once; it works for 24 hours."""

    id: int
    link: str


class NewRole(Asked):
    """The role from the next click on."""

    role: Role


class TokenShown(Shape):
    """A token by its name and its last characters. `made_by`: whose role bounds what it may."""

    id: int
    name: str
    last: str
    scopes: list[Scope]
    made_by: str | None
    created_at: datetime
    expires_at: datetime | None
    used_at: datetime | None
    revoked_at: datetime | None


class NewToken(Asked):
    """A token that is to be made; without `days` it works until it is revoked."""

    name: Word
    scopes: list[Scope] = Field(min_length=1, max_length=len(Scope))
    days: int | None = Field(None, ge=1, le=MOST_DAYS)


class TokenRevoked(Shape):
    """A token that works no more."""

    id: int
    name: str


class Made(Shape):
    """A token, told this once. `id`: by which it is revoked."""

    id: int
    token: str


def listed(call: Asks) -> Page[PersonShown]:
    """Everybody, who may sign in first."""
    with snapshot(call.desk.engine) as connection:
        found = people.listed(connection)
    return page(call, map(PersonShown.model_validate, found), after=None)


def invite(write: Writes, new: Inviting) -> Invitation:
    """Makes a one-time link, which is in this answer only."""
    try:
        email = people.address(new.email)
    except PeopleError as error:
        raise invalid(str(error), field="email", remedy="Send one plain address.") from None
    # By the machine's clock, as the door counts that judges it.
    now = write.desk.wall.now()
    secret = invitations.make(write.connection, role=new.role, email=email, actor=write.actor, now=now)
    link = f"{write.desk.settings.public_url}/welcome/{secret}"
    return Invitation(id=invitations.number_of(write.connection, secret), link=link)


def invitations_open(call: Asks) -> Page[InvitationShown]:
    """The one-time links that are open, what ends next first; by the machine's clock, also in a simulation."""
    with snapshot(call.desk.engine) as connection:
        found = invitations.listed(connection, now=call.desk.wall.now())
    return page(call, map(InvitationShown.model_validate, found), after=None)


def withdraw(write: Writes, number: Number) -> InvitationWithdrawn:
    """A one-time link that is open lets nobody in any more."""
    try:
        now = write.desk.wall.now()
        email = invitations.withdraw(write.connection, number, actor=write.actor, now=now)
    except PeopleError:
        raise missing("There is no open invitation of this number.") from None
    return InvitationWithdrawn(id=number, email=email)


def change_role(write: Writes, number: Number, new: NewRole) -> PersonShown:
    """Gives somebody another role."""
    return _changed(write, number, lambda connection, **by: people.change_role(connection, role=new.role, **by))


def disable(write: Writes, number: Number) -> PersonShown:
    """Signs somebody out everywhere; the tokens that they made stop working."""
    return _changed(write, number, people.disable)


def enable(write: Writes, number: Number) -> PersonShown:
    """Lets somebody sign in again."""
    return _changed(write, number, people.enable)


def tokens(call: Asks) -> Page[TokenShown]:
    """The tokens, those that work first."""
    with snapshot(call.desk.engine) as connection:
        found = api_tokens.listed(connection)
    return page(call, [_token(each) for each in found], after=None)


def make_token(write: Writes, new: NewToken) -> Made:
    """Makes a token, which is in this answer only. It may have no scope that the calling token has not, and the role of who
    made that one bounds it too.
    """
    if beyond := set(new.scopes) - write.token.scopes:
        detail = f"A token gives only what it may do itself, and this one may not {', '.join(sorted(beyond))}."
        raise invalid(detail, field="scopes", remedy="Leave that out, or use a token that has it.")
    secret = api_tokens.make(
        write.connection,
        name=new.name,
        scopes=set(new.scopes),
        user_id=write.token.user_id,
        days=new.days,
        actor=write.actor,
        now=write.now,
    )
    return Made(id=api_tokens.number_of(write.connection, secret), token=secret)


def revoke_token(write: Writes, number: Number) -> TokenRevoked:
    """It works no more."""
    try:
        name = api_tokens.revoke(write.connection, number, actor=write.actor, now=write.now)
    except PeopleError:
        raise missing("There is no token of this number.") from None
    return TokenRevoked(id=number, name=name)


def own(call: Asks) -> TokenShown:
    """The token that calls, and what it may do at this moment."""
    return _token(call.token)


def _changed(write: Write, number: int, change: Change) -> PersonShown:
    if people.by_id(write.connection, number) is None:
        raise missing("There is nobody of this number.")
    change(write.connection, user_id=number, actor=write.actor, now=write.now)
    return PersonShown.model_validate(people.by_id(write.connection, number))


def _token(token: api_tokens.ApiToken) -> TokenShown:
    return TokenShown(
        id=token.id,
        name=token.name,
        last=token.last,
        scopes=sorted(token.scopes),
        made_by=token.made_by,
        created_at=token.created_at,
        expires_at=token.expires_at,
        used_at=token.used_at,
        revoked_at=token.revoked_at,
    )


OPERATIONS = (
    Operation(path="/people", handler=listed, scope=Scope.ADMIN),
    Operation(path="/people/invitations", handler=invitations_open, scope=Scope.ADMIN),
    Operation(path="/people/invitations", handler=invite, scope=Scope.ADMIN, method="POST", status=201),
    Operation(path="/people/invitations/{number}/withdraw", handler=withdraw, scope=Scope.ADMIN, method="POST"),
    Operation(path="/people/{number}/role", handler=change_role, scope=Scope.ADMIN, method="POST"),
    Operation(path="/people/{number}/disable", handler=disable, scope=Scope.ADMIN, method="POST"),
    Operation(path="/people/{number}/enable", handler=enable, scope=Scope.ADMIN, method="POST"),
    Operation(path="/tokens", handler=tokens, scope=Scope.ADMIN),
    Operation(path="/tokens", handler=make_token, scope=Scope.ADMIN, method="POST", status=201),
    Operation(path="/tokens/own", handler=own),
    Operation(path="/tokens/{number}/revoke", handler=revoke_token, scope=Scope.ADMIN, method="POST"),
)
