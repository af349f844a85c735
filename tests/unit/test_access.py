"""Who may do what, and where: every permission x role x place, and who can see the admin room."""

from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.access import (
    ADMINISTRATOR,
    PERMISSIONS,
    VIEW_CHANNEL,
    Access,
    Caller,
    ChannelFacts,
    Overwrite,
    Role,
    Where,
)

GUILD, OTHER_GUILD = 100, 900
ADMIN_ROOM, ACTION_ROOM, LOBBY, APPROVALS = 1, 2, 3, 4
VIEWER, TRADER, ADMIN, APPROVER, STRANGER, BOT_ROLE = 11, 12, 13, 14, 15, 16
BOT = 500

ACCESS = Access(
    guild_id=GUILD,
    admin_channel_id=ADMIN_ROOM,
    action_channel_ids=frozenset({ACTION_ROOM}),
    desk_channel_ids=frozenset({APPROVALS}),
    viewer=frozenset({VIEWER}),
    trader=frozenset({TRADER}),
    admin=frozenset({ADMIN}),
    approver=frozenset({APPROVER}),
    private_role_ids=frozenset({BOT_ROLE}),
    private_user_ids=frozenset({BOT}),
)
PRIVATE = ChannelFacts(
    channel_id=ADMIN_ROOM,
    guild_id=GUILD,
    role_permissions={GUILD: VIEW_CHANNEL, VIEWER: 0, TRADER: 0, ADMIN: 0, BOT_ROLE: 0},
    overwrites=(
        Overwrite(target_id=GUILD, is_role=True, deny=VIEW_CHANNEL),
        Overwrite(target_id=ADMIN, is_role=True, allow=VIEW_CHANNEL),
        Overwrite(target_id=BOT_ROLE, is_role=True, allow=VIEW_CHANNEL),
        Overwrite(target_id=BOT, is_role=False, allow=VIEW_CHANNEL),
    ),
)
PUBLIC = replace(PRIVATE, overwrites=())


def caller(*role_ids: int, channel: int = LOBBY, **changes: object) -> Caller:
    made = Caller(user_id=7, role_ids=frozenset(role_ids), guild_id=GUILD, channel_id=channel)
    return replace(made, **changes)  # type: ignore[arg-type]


# -- the matrix (X-01, D-14): expectations spelled out per kind of permission -------------------

ROLES = {
    "nobody": (),
    "stranger": (STRANGER,),
    "approver flag alone": (APPROVER,),
    "viewer": (VIEWER,),
    "viewer with flag": (VIEWER, APPROVER),
    "trader": (TRADER,),
    "trader with flag": (TRADER, APPROVER),
    "admin": (ADMIN,),
    "admin with flag": (ADMIN, APPROVER),
    "all": (VIEWER, TRADER, ADMIN, APPROVER, STRANGER),
}
AT_LEAST = {
    Role.VIEWER: {n for n in ROLES if n.startswith(("viewer", "trader", "admin", "all"))},
    Role.TRADER: {n for n in ROLES if n.startswith(("trader", "admin", "all"))},
    Role.ADMIN: {n for n in ROLES if n.startswith(("admin", "all"))},
}
MAY_APPROVE = {"trader with flag", "admin with flag", "all"}
PLACES: dict[str, dict[str, object]] = {
    "lobby": {},
    "action room": {"channel_id": ACTION_ROOM},
    "admin room": {"channel_id": ADMIN_ROOM},
    "no channel": {"channel_id": None},
    "direct message": {"guild_id": None, "is_dm": True},
    "direct message that claims our guild": {"is_dm": True},
    "no guild": {"guild_id": None},
    "other guild": {"guild_id": OTHER_GUILD},
    "other guild, same channel number": {"guild_id": OTHER_GUILD, "channel_id": ADMIN_ROOM},
    "own install": {"is_user_install": True},
    "own install in the admin room": {"is_user_install": True, "channel_id": ADMIN_ROOM},
    "a bot": {"is_bot": True},
    "a bot in the admin room": {"is_bot": True, "channel_id": ADMIN_ROOM},
}
FITS = {
    Where.GUILD: {"lobby", "action room", "admin room", "no channel"},
    Where.ACTIONS: {"action room"},
    Where.ADMIN: {"admin room"},
}
MATRIX = list(product(PERMISSIONS, ROLES, PLACES))


def test_every_permission_role_and_place_is_judged_as_the_table_says() -> None:
    wrong = []
    for name, role, place in MATRIX:
        permission = PERMISSIONS[name]
        may = (
            role in AT_LEAST[permission.role]
            and place in FITS[permission.where]
            and (role in MAY_APPROVE or not permission.approves)
        )
        refused = ACCESS.refusal(caller(*ROLES[role], **PLACES[place]), name, PRIVATE)  # type: ignore[arg-type]
        if (refused is None) is not may:
            wrong.append((name, role, place, refused))
        if refused is not None and not refused.text.endswith("Nothing was done."):
            wrong.append((name, role, place, refused))
    assert wrong == []
    assert len(MATRIX) > 10_000


def test_what_is_not_on_the_list_nobody_may_do() -> None:
    for name in ("", "resume", "approve", "positions ", "POSITIONS", "alerts"):
        refused = ACCESS.refusal(caller(*ROLES["all"], channel=ADMIN_ROOM), name, PRIVATE)
        assert refused is not None
        assert refused.code == "access.unknown"


def test_an_unconfigured_desk_lets_nobody_in() -> None:
    desk = Access(guild_id=None, admin_channel_id=None)
    for name, role in product(PERMISSIONS, ROLES):
        assert desk.refusal(caller(*ROLES[role], channel=ADMIN_ROOM), name, PRIVATE) is not None
        dm = caller(*ROLES[role], guild_id=None)
        assert desk.refusal(dm, name, PRIVATE) is not None


@given(
    role_ids=st.frozensets(st.integers(1, 30)),
    guild_id=st.none() | st.sampled_from([GUILD, OTHER_GUILD]),
    channel_id=st.none() | st.sampled_from([ADMIN_ROOM, ACTION_ROOM, LOBBY]),
    name=st.sampled_from(sorted(PERMISSIONS)),
)
def test_a_further_role_never_takes_a_right_away(
    role_ids: frozenset[int], guild_id: int | None, channel_id: int | None, name: str
) -> None:
    asked = Caller(user_id=7, role_ids=role_ids, guild_id=guild_id, channel_id=channel_id)
    if ACCESS.refusal(asked, name, PRIVATE) is None:
        more = replace(asked, role_ids=role_ids | {ADMIN, APPROVER})
        assert ACCESS.refusal(more, name, PRIVATE) is None


@pytest.mark.parametrize(
    ("who", "name", "code"),
    [
        (caller(TRADER, guild_id=None, is_dm=True), "positions", "access.dm"),
        (caller(TRADER, guild_id=OTHER_GUILD), "positions", "access.other_guild"),
        (caller(TRADER, is_user_install=True), "positions", "access.user_install"),
        (caller(ADMIN, is_bot=True), "positions", "access.bot"),
        (caller(VIEWER), "positions", "access.role"),
        (caller(TRADER), "press approve", "access.approver"),
        (caller(TRADER), "#buy", "access.channel"),
        (caller(ADMIN), "resume-trading", "access.channel"),
        (caller(TRADER, channel=ADMIN_ROOM), "resume-trading", "access.role"),
    ],
)
def test_a_refusal_says_which_rule_it_was(who: Caller, name: str, code: str) -> None:
    refused = ACCESS.refusal(who, name, PRIVATE)
    assert refused is not None
    assert refused.code == code


def test_a_role_taken_away_between_proposal_and_click_counts_at_the_click() -> None:
    proposer = caller(TRADER, APPROVER)
    assert ACCESS.refusal(proposer, "press approve") is None
    refused = ACCESS.refusal(replace(proposer, role_ids=frozenset({APPROVER})), "press approve")
    assert refused is not None
    assert refused.code == "access.role"


def test_only_the_asker_or_an_admin_answers_a_question() -> None:
    asked = {"name": "press confirm", "asked_by": 7}
    assert ACCESS.press_refusal(caller(TRADER), **asked) is None
    assert ACCESS.press_refusal(caller(ADMIN, user_id=8), **asked) is None
    refused = ACCESS.press_refusal(caller(TRADER, user_id=8), **asked)
    assert refused is not None
    assert refused.code == "access.not_yours"
    lapsed = ACCESS.press_refusal(caller(), **asked)
    assert lapsed is not None
    assert lapsed.code == "access.role"


# -- the admin room ----------------------------------------------------------------------


def test_admin_commands_stop_when_the_admin_room_becomes_public() -> None:
    admin = caller(ADMIN, channel=ADMIN_ROOM)
    assert ACCESS.refusal(admin, "resume-trading", PRIVATE) is None
    for facts in (PUBLIC, None):
        refused = ACCESS.refusal(admin, "resume-trading", facts)
        assert refused is not None
        assert refused.code == "access.public"
        assert "not private" in refused.text


EVERYONE_HIDDEN = PRIVATE.overwrites[0]


@pytest.mark.parametrize(
    ("facts", "exposed"),
    [
        (PRIVATE, ()),
        (PUBLIC, ("@everyone can see it",)),
        (None, ("nobody knows who can see it",)),
        (replace(PRIVATE, channel_id=LOBBY), ("it is not the configured channel",)),
        (replace(PRIVATE, guild_id=OTHER_GUILD), ("it is not the configured channel",)),
        (
            replace(
                PRIVATE,
                overwrites=(
                    *PRIVATE.overwrites,
                    Overwrite(target_id=VIEWER, is_role=True, allow=VIEW_CHANNEL),
                ),
            ),
            (f"role {VIEWER} can see it",),
        ),
        (
            replace(
                PRIVATE,
                overwrites=(
                    *PRIVATE.overwrites,
                    Overwrite(target_id=66, is_role=False, allow=VIEW_CHANNEL),
                ),
            ),
            ("member 66 can see it",),
        ),
        (
            replace(
                PRIVATE,
                overwrites=(
                    *PRIVATE.overwrites,
                    Overwrite(target_id=66, is_role=False, deny=VIEW_CHANNEL),
                ),
            ),
            (),
        ),
        # nothing denied to @everyone here, but @everyone sees no channel of this server
        (replace(PRIVATE, role_permissions={GUILD: 0}, overwrites=()), ()),
        (
            replace(PRIVATE, role_permissions={GUILD: 0, TRADER: VIEW_CHANNEL}, overwrites=()),
            (f"role {TRADER} can see it",),
        ),
        # the server's administrators see every room: nobody can hide it from them
        (
            replace(PRIVATE, role_permissions={GUILD: VIEW_CHANNEL, 77: ADMINISTRATOR}),
            (),
        ),
        (
            replace(PRIVATE, role_permissions={GUILD: ADMINISTRATOR}),
            ("@everyone can see it",),
        ),
        # what @everyone may do is not known: counts as seeing
        (replace(PRIVATE, role_permissions={}, overwrites=()), ("@everyone can see it",)),
        (
            replace(PRIVATE, overwrites=(replace(EVERYONE_HIDDEN, allow=VIEW_CHANNEL),)),
            ("@everyone can see it",),
        ),
    ],
)
def test_who_can_see_the_admin_room(facts: ChannelFacts | None, exposed: tuple[str, ...]) -> None:
    assert ACCESS.exposure(facts) == exposed


# -- D-15: private figures ---------------------------------------------------------------------


def test_account_figures_are_shown_to_all_in_the_desks_rooms_only() -> None:
    assert ACCESS.answers_privately("positions", LOBBY)
    assert ACCESS.answers_privately("positions", None)
    assert not ACCESS.answers_privately("positions", APPROVALS)
    assert not ACCESS.answers_privately("market-status", LOBBY)
    assert ACCESS.answers_privately("settings view", ADMIN_ROOM)
    assert ACCESS.answers_privately("no such thing", APPROVALS)
