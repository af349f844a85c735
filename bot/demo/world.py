"""The demo's server: rooms, roles and people, and the configuration that fits it."""

from typing import Any

from bot.sandbox.world import (
    ChannelSpec,
    GuildSpec,
    OverwriteSpec,
    RoleSpec,
    UserSpec,
    World,
)

GUILD = 700_000_000_000_000_000
VIEWER, TRADER, APPROVER, ADMIN = (GUILD + n for n in (1, 2, 3, 4))
OPTIONS_ROOM, FUTURES_ROOM, STOCKS_ROOM = (GUILD + n for n in (11, 12, 13))
TRADE_ALERTS, ALL_MESSAGES, APPROVALS, ORDERS, ACTIVITY, ACTIONS, ADMIN_ROOM = (
    GUILD + n for n in (21, 22, 23, 24, 25, 26, 27)
)
RHEA, NINJA, MIKE, STRANGER, TOM, ANN, ADA, VIC = (
    GUILD + n for n in (101, 102, 103, 104, 105, 106, 107, 108)
)
TOKEN = "sandbox-token"  # noqa: S105 - opens nothing but the sandbox

DEMO_RISK: dict[str, Any] = {
    # A made-up market never closes, and a demo has no morning: the rest is as in config.yaml.
    "entry_window": {"stock": None, "option": None, "future": None, "crypto": None},
    "trades_per_day": {"max_trades": 50, "max_per_symbol": 5},
    "cooldown": {"after_exit_min": 1},
    "correlation": {"max_correlation": 0.9},  # everything made up here moves much alike
}


def world() -> World:
    """A small trading server: three alert rooms, the desk's channels, traders and strangers."""
    private = (
        OverwriteSpec(target="@everyone", deny=("view_channel",)),
        OverwriteSpec(target="Admin", allow=("view_channel",)),
    )
    guild = GuildSpec(
        id=GUILD,
        name="TradeStream Demo",
        owner="ada",
        roles=(
            RoleSpec(id=VIEWER, name="Viewer", color=0x3498DB),
            RoleSpec(id=TRADER, name="Trader", color=0x2ECC71, hoist=True),
            RoleSpec(id=APPROVER, name="Approver", color=0xF1C40F, mentionable=True),
            RoleSpec(id=ADMIN, name="Admin", color=0xE91E63, hoist=True),
        ),
        channels=(
            ChannelSpec(id=GUILD + 10, name="Alert rooms", kind="category"),
            ChannelSpec(id=OPTIONS_ROOM, name="options-room", category="Alert rooms"),
            ChannelSpec(id=FUTURES_ROOM, name="futures-room", category="Alert rooms"),
            ChannelSpec(id=STOCKS_ROOM, name="stocks-room", category="Alert rooms"),
            ChannelSpec(id=GUILD + 20, name="Desk", kind="category"),
            ChannelSpec(id=TRADE_ALERTS, name="trade-alerts", category="Desk"),
            ChannelSpec(id=APPROVALS, name="approvals", category="Desk"),
            ChannelSpec(id=ORDERS, name="orders", category="Desk"),
            ChannelSpec(id=ACTIVITY, name="activity", category="Desk"),
            ChannelSpec(id=ACTIONS, name="actions", category="Desk"),
            ChannelSpec(id=ALL_MESSAGES, name="all-messages", category="Desk"),
            ChannelSpec(id=ADMIN_ROOM, name="admin", category="Desk", overwrites=private),
        ),
    )
    return World(
        guilds=(guild,),
        users=(
            UserSpec(id=RHEA, name="rhea", display_name="Rhea · options"),
            UserSpec(id=NINJA, name="ninja", display_name="Futures Ninja"),
            UserSpec(id=MIKE, name="mike", display_name="Mike · swings"),
            UserSpec(id=STRANGER, name="stranger", display_name="Rhea · options"),
            UserSpec(id=TOM, name="tom", display_name="Tom", roles=("Trader", "Approver")),
            UserSpec(id=ANN, name="ann", display_name="Ann", roles=("Trader", "Approver")),
            UserSpec(id=ADA, name="ada", display_name="Ada", roles=("Admin", "Approver")),
            UserSpec(id=VIC, name="vic", display_name="Vic", roles=("Viewer",)),
        ),
        operator="tom",
    )


def settings(api_base: str, gateway_url: str) -> dict[str, Any]:
    """Configuration for this world; shaped like config.yaml, to be laid over it."""
    room: dict[str, Any] = {"guild_id": GUILD, "webhook_ids": []}
    return {
        "test_mode": True,
        "discord": {
            "guild_id": GUILD,
            "api_base": api_base,
            "gateway_url": gateway_url,
            "guild_ready_timeout_s": 0.05,
            "disclaimer": False,
            "channels": {
                "trade_alerts": TRADE_ALERTS,
                "all_messages": ALL_MESSAGES,
                "approvals": APPROVALS,
                "orders": ORDERS,
                "activity": ACTIVITY,
                "reports": ACTIVITY,
                "admin": ADMIN_ROOM,
                "actions": [ACTIONS],
            },
            "roles": {
                "viewer": [VIEWER],
                "trader": [TRADER],
                "admin": [ADMIN],
                "approver": [APPROVER],
            },
        },
        "sources": {
            "options": {
                **room,
                "name": "Options room",
                "channel_id": OPTIONS_ROOM,
                "author_ids": [RHEA],
                "parser": "options",
                "handling": "approve",
                "default_stop": {"percent": 50},
            },
            "futures": {
                **room,
                "name": "Futures room",
                "channel_id": FUTURES_ROOM,
                "author_ids": [NINJA],
                "parser": "futures",
                "handling": "auto",
                "always_has_stop": True,
                "size_map": {"A": 1, "B": 2, "C": 3},
                "symbol_map": {"ES": "MES"},
                "chase_limit_pct": 0.25,
                "ask_limit_pct": 1,
                "targets": [
                    {"points": 7, "fraction": 0.5, "then_stop": "entry"},
                    {"points": 12, "fraction": 0.5},
                ],
            },
            "stocks": {
                **room,
                "name": "Stocks room",
                "channel_id": STOCKS_ROOM,
                "author_ids": [MIKE],
                "parser": "stocks",
                "handling": "approve",
                "default_stop": {"percent": 3},
                "chase_limit_pct": 1,
                "ask_limit_pct": 3,
            },
        },
    }
