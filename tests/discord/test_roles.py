"""/roles: Discord's own roles, and where a person's orders go."""

from engine.flows.limits import links
from tests.discord.kit import desk, plain


async def agree(it, used, label):
    await it.user("ada").click(used.reply, label).acked()


async def test_roles_are_granted_and_revoked_in_discord_itself(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch) as it:
        listed = plain((await it.slash("ada", "admin", "roles", action="list")).reply)
        assert "trader" in listed
        used = await it.slash("ada", "admin", "roles", action="grant", user="vic", role="trader")
        await agree(it, used, "Grant")
        await it.until(lambda: "trader granted" in plain(used.reply))
        trader = it.app.config.discord.roles.trader
        home = it.sandbox.channel("admin").guild
        vic = home.members[it.user("vic").user.id]
        assert set(vic.roles) & trader
        used = await it.slash("ada", "admin", "roles", action="revoke", user="vic", role="trader")
        await agree(it, used, "Revoke")
        await it.until(lambda: not set(vic.roles) & trader)
        assert [e.data["role"] for e in await it.events("roles.granted")] == ["trader"]


async def test_a_linked_persons_orders_go_to_his_account(tmp_path, monkeypatch):
    accounts = {"main": {"broker": "paper"}, "second": {"broker": "paper"}}
    async with desk(tmp_path, monkeypatch, accounts=accounts) as it:
        tom = it.user("tom").user.id
        wrong = await it.slash("ada", "admin", "roles", action="link", user="tom", account="x")
        assert "account: must be one of main, second" in wrong.text
        used = await it.slash("ada", "admin", "roles", action="link", user="tom", account="second")
        await agree(it, used, "Change")
        await it.until(lambda: links.account_of(it.app.desk, tom) == "second")
        menu = it.user("ada").context("admin", "Show linked account", "tom")
        await menu.replied()
        assert "second" in menu.text
        assert menu.ephemeral
        refused = it.user("tom").context("actions", "Show linked account", "vic")
        await refused.replied()
        assert refused.text.startswith("⛔")
        used = await it.slash("ada", "admin", "roles", action="link", user="tom")
        await agree(it, used, "Change")
        await it.until(lambda: links.account_of(it.app.desk, tom) == "")
