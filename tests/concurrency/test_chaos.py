"""Worker, broker and database are killed at random moments: nothing is lost, nothing happens twice; without the inbox it does."""

from dataclasses import replace
from typing import Any

import pytest

from infra.chaos.killing import KINDS, draw_kills
from infra.chaos.ledger import Found, audit
from infra.chaos.options import ChaosOptions
from infra.chaos.run import run_chaos
from infra.chaos.stream import Case, End, Stream, draw_stream
from infra.chaos.traffic import HeardEvent
from infra.chaos.unguarded import forget_what_is_unique

SMALL = ChaosOptions(orders=250, kills=6, seed=3, minutes=8)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.xdist_group("chaos")
class TestRuns:
    def test_a_run_with_six_kills_loses_and_doubles_nothing(self) -> None:
        outcome = run_chaos(SMALL)
        assert outcome.violations == ()
        figures = outcome.figures
        assert figures["kills"] == 6
        assert [figures[f"kills_{kind}"] for kind in KINDS] == [2, 2, 2]
        assert all(int(figures[f"restarts_{kind}"]) >= 2 for kind in KINDS)
        assert figures["orders"] == 250
        assert figures["copies"] == 12
        assert int(figures["events"]) > 450
        recorded, unknown = int(figures["invitations_recorded"]), int(figures["invitations_unknown"])
        asked = sum(case.needs_citizen and case.end is End.OPEN for case in draw_stream(SMALL).cases)
        assert recorded + unknown >= asked
        # Four jobs of each killed worker, and of both workers whenever their database was killed.
        assert unknown <= 4 * (2 + 2 * 2), "at most what was in hand when something was killed"

    def test_workers_that_forget_what_they_did_double_orders_and_are_found_out(self) -> None:
        options = ChaosOptions(orders=60, kills=1, seed=3, minutes=8, duplicated=0.2, guarded=False)
        figures = run_chaos(options, disturb=forget_what_is_unique).figures
        assert int(figures["doubled_orders"]) > 0
        assert int(figures["doubled_steps"]) > 0
        assert int(figures["doubled_invitations"]) > 0


class TestDrawing:
    def test_the_same_seed_sends_the_same_bytes_and_kills_the_same(self) -> None:
        assert draw_stream(SMALL) == draw_stream(SMALL)
        assert draw_stream(SMALL) != draw_stream(replace(SMALL, seed=4))
        assert draw_kills(50, 1) == draw_kills(50, 1)
        assert draw_kills(50, 1) != draw_kills(50, 2)

    def test_the_shares_are_those_that_were_asked_for(self) -> None:
        stream = draw_stream(ChaosOptions(orders=1000, seed=1))
        broken = sum(case.end in {End.REJECTED, End.QUARANTINED} for case in stream.cases)
        changed = [case for case in stream.cases if len(case.message_ids) > 1]
        assert (broken, len(changed), stream.copies) == (30, 50, 50)
        sent = [message.message_id for message in stream.messages]
        for case in changed:
            places = [sent.index(name) for name in case.message_ids]
            assert places == sorted(places), case.what
        assert len(sent) == 1000 + sum(len(case.message_ids) - 1 for case in changed) + 50

    def test_kills_are_spread_over_the_work_and_over_all_three(self) -> None:
        kills = draw_kills(50, 1)
        assert [kill.at for kill in kills] == sorted(kill.at for kill in kills)
        assert {kind: sum(kill.kind == kind for kill in kills) for kind in KINDS} == {
            "worker": 17,
            "broker": 17,
            "database": 16,
        }
        assert kills[0].at < 0.2
        assert kills[-1].at > 0.8

    @pytest.mark.parametrize(("name", "value"), [("orders", 9), ("kills", -1), ("workers", 0), ("broken", 0.4)])
    def test_what_cannot_be_run_is_refused_in_a_sentence(self, name: str, value: float) -> None:
        with pytest.raises(ValueError, match=f"--{name} must be between"):
            ChaosOptions(**{name: value})  # type: ignore[arg-type]


def _order(name: str, **changes: Any) -> dict[str, Any]:
    return {"id": name, "external_id": name, "status": "contacting", "notes": "", "reject_reason": "", **changes}


def _event(name: str, order: str, seq: int, status: str) -> dict[str, Any]:
    return {
        "id": name,
        "external_id": order,
        "seq": seq,
        "status": status,
        "type": "org.doorstep.work-order.state-changed.v1",
    }


CASES = (
    Case("A", "plain", End.OPEN, ("m1",), needs_citizen=True, notes="as sent"),
    Case("B", "cut off", End.QUARANTINED, ("m2",), needs_citizen=True),
)
STREAM = Stream((), CASES, distinct=2, copies=0)
GOOD = Found(
    orders={"A": [_order("A", notes="as sent")]},
    steps={"A": [{"after": "received"}, {"after": "contacting"}]},
    told={"A": [_event("e1", "A", 1, "received"), _event("e2", "A", 2, "contacting")]},
    invitations={"A": [{"status": "sent", "recorded": 1}]},
    quarantined={"m2": [{"reason": "It is cut off."}]},
    inbox=2,
    heard=(HeardEvent("e1", "A", "01", "received"), HeardEvent("e2", "A", "02", "contacting")),
)


class TestLedger:
    def test_a_good_end_has_no_violation(self) -> None:
        assert audit(STREAM, GOOD).violations == []

    @pytest.mark.parametrize(
        ("figure", "changes"),
        [
            ("lost", {"orders": {}}),
            ("lost", {"orders": {"A": [_order("A", notes="as sent", status="received")]}}),
            ("lost", {"orders": {"A": [_order("A", notes="older")]}}),
            ("lost", {"quarantined": {}}),
            ("lost", {"quarantined": {"m2": [{"reason": ""}]}}),
            ("invented", {"orders": {**GOOD.orders, "B": [_order("B")]}}),
            ("doubled_orders", {"orders": {"A": [_order("A", notes="as sent"), _order("A", notes="as sent")]}}),
            ("doubled_steps", {"steps": {"A": [*GOOD.steps["A"], {"after": "contacting"}]}}),
            ("doubled_quarantine", {"quarantined": {"m2": [{"reason": "cut"}, {"reason": "cut"}]}}),
            ("inbox_differs", {"inbox": 3}),
            (
                "doubled_invitations",
                {"invitations": {"A": [*GOOD.invitations["A"], {"status": "sent", "recorded": 1}]}},
            ),
            ("doubled_invitations", {"invitations": {"A": [{"status": "sent", "recorded": 2}]}}),
            ("missing_invitations", {"invitations": {}}),
            ("unasked_invitations", {"invitations": {**GOOD.invitations, "B": [{"status": "sent", "recorded": 1}]}}),
            ("events_missing", {"heard": GOOD.heard[:1]}),
            ("events_invented", {"heard": (*GOOD.heard, HeardEvent("e9", "A", "09", "ready"))}),
            ("events_disordered", {"told": {"A": list(reversed(GOOD.told["A"]))}}),
            ("events_disordered", {"told": {}}),
        ],
    )
    def test_each_rule_that_is_broken_is_found(self, figure: str, changes: dict[str, Any]) -> None:
        ledger = audit(STREAM, replace(GOOD, **changes))
        assert ledger.figures[figure] == 1
        assert ledger.violations

    def test_an_event_heard_again_or_late_is_counted_and_no_fault(self) -> None:
        first, second = GOOD.heard
        ledger = audit(STREAM, replace(GOOD, heard=(second, first, second)))
        assert ledger.violations == []
        assert (ledger.figures["events_heard_again"], ledger.figures["orders_heard_late"]) == (1, 1)
