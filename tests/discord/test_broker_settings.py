"""/broker settings: a form in front of the settings, at the real TopStepX adapter and its venue."""

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from bot.config import adapters
from bot.sandbox import modals
from engine import registry
from engine.brokers import Adapter
from engine.brokers.paper import PaperSettings
from engine.clock import SystemClock
from engine.domain.desk import Who
from engine.domain.errors import UserError
from tests.conformance.broker_bench import MemoryVault
from tests.discord.kit import desk, plain
from tests.venues.topstepx import TopstepxVenue

ADMIN = Who(user_id=1, name="Ada", may_admin=True)
ATTENDED = "brokers.topstepx.attended_min"


@pytest.fixture
async def venue() -> AsyncIterator[TopstepxVenue]:
    terms = PaperSettings(start_cash_usd={"41001": Decimal(100_000)}, latency_ms=0)
    made = TopstepxVenue(SystemClock(), MemoryVault(), terms)
    await made.start()
    yield made
    await made.stop()
    assert made.log.violations == []


@pytest.fixture
def there(venue: TopstepxVenue, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setenv("TS_TOPSTEPX_USER", venue.user)
    monkeypatch.setenv("TS_TOPSTEPX_KEY", venue.key)
    monkeypatch.setenv("TS_ACCOUNT_COMBINE", "41001")
    hub = f"{venue.ws_url}/hubs/user"
    topstepx = {"own_machine": True, "rest_url": venue.url, "user_hub_url": hub}
    return {
        "accounts": {"combine": {"broker": "topstepx"}},
        "brokers": {"topstepx": topstepx},
    }


def boxes(opened: Any) -> dict[str, str]:
    """What the form asks, and what stands there."""
    return {f["custom_id"]: f.get("value", "") for _, f in modals.fields(opened.modal)}


def attended(it: Any) -> Any:
    return it.app.desk.brokers["topstepx"].attended_left_s


async def test_a_form_says_what_is_wrong_keeps_what_was_typed_and_is_in_force_at_once(
    tmp_path, monkeypatch, there, venue
):
    async with desk(tmp_path, monkeypatch, **there) as it:
        await it.until(lambda: not it.app.desk.gate("topstepx"))
        old = it.app.desk.brokers["topstepx"]
        opened = await it.slash("ada", "admin", "broker settings", broker="topstepx")
        assert opened.modal is not None, opened.text
        assert boxes(opened) == {"live_data": "false", "attended_min": ""}
        wrong = it.user("ada").submit(opened, {"live_data": "perhaps", "attended_min": "٣"})
        said = await it.answer(wrong)
        assert "live_data: must be true or false (got perhaps)" in said
        assert "attended_min: write figures in plain digits such as 3 or 0.25 (got ٣)" in said
        assert "Nothing was changed; what you typed is kept." in said
        assert "brokers." not in said
        sci = await it.answer(it.user("ada").submit(opened, {"attended_min": "1e9"}))
        assert "attended_min: write figures in plain digits" in sci
        assert it.app.settings.number == 0
        again = await it.user("ada").click(wrong.reply, "Try again").acked()
        assert boxes(again) == {"live_data": "perhaps", "attended_min": "٣"}, "typed once"
        used = it.user("ada").submit(again, {"live_data": "false", "attended_min": "30"})
        asked = await it.until(
            lambda: next((m for m in (*used.followups, used.original) if m and m.labels), None)
        )
        assert "attended_min" in plain(asked)
        assert "null → 30" in plain(asked)
        assert attended(it) is None, "not before it is confirmed"
        await it.user("ada").click(asked, "Change").acked()
        await it.until(lambda: "Version 1 is in force" in plain(asked))
        assert "🔑 Renewed. topstepx: books agree" in plain(asked)
        assert it.app.desk.brokers["topstepx"] is not old
        assert attended(it) == 0, "entries wait until somebody is there"
        assert venue.n_open_hubs == 1, "the old connection was left"
        (changed,) = await it.events("settings.changed")
        assert changed.data["changed"] == f"{ATTENDED}: null → 30"
        assert changed.actor.startswith("user:")
    async with desk(tmp_path, monkeypatch, **there) as it:
        assert it.app.settings.number == 1
        assert attended(it) == 0, "and after a restart"
        refused = await it.slash("tom", "orders", "broker settings", broker="topstepx")
        assert refused.text.startswith("⛔")
        with pytest.raises(UserError, match=r"attended_min: needs a second admin"):
            await it.app.settings.apply(ADMIN, {ATTENDED: None}, "nobody is here")
        elsewhere = {"brokers.topstepx.rest_url": "http://127.0.0.1:9"}
        with pytest.raises(UserError, match=r"rest_url: stands in config.yaml"):
            await it.app.settings.apply(ADMIN, elsewhere, "")
        with pytest.raises(UserError, match=r"topstepx: stands in config.yaml"):
            await it.app.settings.apply(ADMIN, {"brokers.topstepx": {"attended_min": 3}}, "")


async def test_the_old_connection_and_the_old_terms_stay_when_the_new_ones_do_not_log_in(
    tmp_path, monkeypatch, there, venue
):
    async with desk(tmp_path, monkeypatch, **there) as it:
        await it.until(lambda: not it.app.desk.gate("topstepx"))
        old = it.app.desk.brokers["topstepx"]
        monkeypatch.setenv("TS_TOPSTEPX_KEY", "another-key-987654321")
        with pytest.raises(UserError, match=r"The connection as it was stays in use") as refused:
            await it.app.settings.apply(ADMIN, {ATTENDED: 30}, "a try")
        assert "987654321" not in str(refused.value)
        assert it.app.desk.brokers["topstepx"] is old
        assert attended(it) is None
        assert it.app.settings.number == 0
        assert not await it.events("settings.changed")
        assert not it.app.desk.gate("topstepx"), "entries go on there"


async def test_the_paper_broker_follows_without_a_login_and_others_say_that_nothing_is_offered(
    tmp_path, monkeypatch
):
    async with desk(tmp_path, monkeypatch) as it:
        opened = await it.slash("ada", "admin", "broker settings", broker="paper")
        typed = boxes(opened)
        assert len(typed) == 5
        used = it.user("ada").submit(opened, typed | {"fee_per_option_contract_usd": "0.50"})
        asked = await it.until(
            lambda: next((m for m in (*used.followups, used.original) if m and m.labels), None)
        )
        await it.user("ada").click(asked, "Change").acked()
        await it.until(lambda: "Version 1 is in force" in plain(asked))
        paper = it.app.desk.brokers["paper"]
        assert paper._settings.fee_per_option_contract_usd == Decimal("0.50")
        assert paper._exchange.settings is paper._settings
        back = await it.slash("ada", "admin", "settings rollback", version=0)
        await it.user("ada").click(back.reply, "Change").acked()
        await it.until(lambda: "Version 2 is in force" in plain(back.reply))
        assert paper._settings.fee_per_option_contract_usd == Decimal("0.65")
        monkeypatch.setattr(adapters, "offered", lambda settings: {})
        none = await it.slash("ada", "admin", "broker settings", broker="paper")
        assert "paper has nothing to change while the desk runs" in none.text


@pytest.mark.parametrize("name", sorted(registry.names("engine.brokers")))
def test_no_form_offers_an_address_a_side_a_promise_or_a_secret(name: str) -> None:
    """An address that was typed by mistake would be handed our keys."""
    kind: type[Adapter] | None = adapters.broker_kind(name)
    if kind is None:
        return
    offered = adapters.offered(kind.Settings())
    never = {"environment", "own_machine", "callback", *kind.secrets}
    never |= {key for key, _ in adapters.addresses(kind.Settings())}
    assert not never & set(offered)
    assert len(offered) <= 5
    assert all(len(said) <= 100 for said in offered.values()), "Discord's limit"
