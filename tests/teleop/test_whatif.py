"""The page "what happens if" asks the real machine: people, time, causes, and rubbish."""

from __future__ import annotations

import asyncio
import random

import msgspec
import pytest
from aiohttp.test_utils import TestClient, TestServer

from safety.limits import DEFAULT
from safety.states import Cause, Contact, Instrument, State
from teleop.config import Network
from teleop.gateway.listen import open_listener
from teleop.whatif.messages import Action, Answer, Conditions, Question, QuestionError, Remembered
from teleop.whatif.model import answer
from teleop.whatif.server import application


class Page:
    """Keeps the memory between questions, as the page does."""

    def __init__(self) -> None:
        self.memory = Remembered()
        self.ask()

    def ask(self, action: Action = Action.WAIT, **more: object) -> Answer:
        question = Question(memory=self.memory, action=action, **more)  # type: ignore[arg-type]
        said = answer(question, DEFAULT)
        self.memory = said.memory
        return said

    def drive(self) -> Page:
        self.ask(Action.ALLOW)
        self.ask(Action.PRESS)
        assert self.memory.state == "ACTIVE"
        return self


def test_set_up_climbs_and_both_people_start_motion() -> None:
    page = Page()
    assert page.memory.state == "QUALIFIED"
    assert page.ask(Action.PRESS).memory.state == "QUALIFIED", "nobody allowed motion"
    page.ask(Action.RELEASE)
    armed = page.ask(Action.ALLOW)
    assert (armed.memory.state, armed.permit, armed.step) == ("ARMED", "REGULATE", "HOLD_DEADMAN")
    moving = page.ask(Action.PRESS)
    assert (moving.memory.state, moving.permit, moving.brake) == ("ACTIVE", "OPERATE", False)


def test_a_lost_link_holds_and_ends_in_a_safe_stop_when_it_stays() -> None:
    page = Page().drive()
    held = page.ask(causes=["COMMAND_AGE"], contact="SKIN", force_n=8.0)
    assert (held.memory.state, held.permit, held.f_max_n) == ("HOLD", "REGULATE", 5.0)
    stopped = page.ask(causes=["COMMAND_AGE"], contact="SKIN", wait_ms=1100.0)
    assert stopped.memory.state == "SAFE_STOP", "the budget of one second is used up"
    assert stopped.memory.first_out == "COMMAND_AGE"
    page.ask(Action.RELEASE)
    assert page.ask(Action.ALLOW).memory.state == "SAFE_STOP", "not acknowledged"
    page.ask(Action.ACKNOWLEDGE)
    assert page.ask(Action.ALLOW).memory.state == "ARMED"


def test_a_late_loop_slows_down_and_recovers_by_itself() -> None:
    page = Page().drive()
    slow = page.ask(late=True)
    assert slow.memory.state == "DEGRADED"
    assert slow.v_max_m_s == pytest.approx(0.025)
    assert page.ask(wait_ms=2100.0).memory.state == "ACTIVE"


def test_the_emergency_stop_cuts_power_until_both_people_give_it_back() -> None:
    page = Page().drive()
    cut = page.ask(Action.EMERGENCY)
    assert (cut.memory.state, cut.memory.power_cut, cut.brake) == ("ESTOP", True, True)
    page.ask(Action.RELEASE)
    assert page.ask(Action.ALLOW).memory.power_cut
    page.ask(Action.ACKNOWLEDGE)
    back = page.ask(Action.ALLOW)
    assert (back.memory.state, back.memory.power_cut) == ("SAFE_STOP", False)


def test_who_may_not_is_refused() -> None:
    page = Page().drive()
    assert page.ask(Action.ALLOW).refused, "not while moving"
    assert page.ask(Action.GIVE_ARM).refused, "nobody guides it by hand"


@pytest.mark.parametrize("cause", [c.name for c in Cause if c])
def test_every_cause_can_be_asked_about_and_none_lets_the_arm_go_on(cause: str) -> None:
    said = Page().drive().ask(causes=[cause])
    goes_on = cause in ("HOLD_TOO_LONG", "LINK_LOST")
    assert (said.memory.state == "ACTIVE") == goes_on
    assert (said.permit == "OPERATE") == goes_on


def test_a_name_that_does_not_exist_is_an_error_of_the_question() -> None:
    for question in (Question(causes=["NO_SUCH"]), Question(contact="AIR")):
        with pytest.raises(QuestionError):
            answer(question, DEFAULT)


def test_a_thousand_made_up_memories_are_answered_and_stay_in_range() -> None:
    rng = random.Random(4)
    causes = [c.name for c in Cause]
    for _ in range(1000):
        memory = Remembered(
            state=rng.choice(list(State)).name,
            since_ms=rng.uniform(0, 3.6e6),
            first_out=rng.choice(causes),
            latched=rng.sample(causes, 3),
            acknowledged=rng.random() < 0.5,
            short_holds_ms=[rng.uniform(0, 3.6e6)] * rng.randrange(17),
            local_from=rng.choice(list(State)).name,
            consent=rng.random() < 0.5,
            deadman=rng.random() < 0.5,
            power_cut=rng.random() < 0.5,
            link_budget_used_ms=rng.uniform(0, 3.6e6),
            last_force_n=rng.uniform(0, 100),
        )
        question = Question(
            memory=memory,
            conditions=Conditions(*(rng.random() < 0.7 for _ in range(6))),
            causes=rng.sample(causes, rng.randrange(3)),
            contact=rng.choice(list(Contact)).name,
            instrument=rng.choice(list(Instrument)).name,
            action=rng.choice(list(Action)),
            wait_ms=rng.choice([0.0, 1.0, 3.6e6]),
        )
        again = msgspec.json.decode(msgspec.json.encode(answer(question, DEFAULT)), type=Answer)
        assert again.v_max_m_s <= 0.1
        assert (again.permit == "NONE") == again.brake


RUBBISH = [
    b"", b"[]", b"{", b'"x"', b"null", b'{"memory":{"state":5}}', b'{"wait_ms":-1}', b"\xff\xfe",
    b'{"wait_ms":1e99}', b'{"force_n":NaN}', b'{"unknown":1}', b'{"action":"fly"}',
    b'{"causes":["' + b"A" * 40 + b'"]}', b'{"memory":{"state":"NOWHERE"}}',
]  # fmt: skip


def test_the_server_refuses_rubbish_long_questions_and_a_flood() -> None:
    async def run() -> None:
        listener = open_listener(Network(port=0))
        port = listener.port
        listener.close()
        server = TestServer(application(listener, DEFAULT), host="127.0.0.1", port=port)
        async with TestClient(server) as client:
            page = await client.get("/whatif")
            assert page.status == 200
            for body in RUBBISH:
                reply = await client.post("/whatif/ask", data=body)
                assert reply.status == 400, body
            long = await client.post("/whatif/ask", data=b" " * 5000)
            assert long.status == 413
            flood = [(await client.post("/whatif/ask", data=b"{}")).status for _ in range(60)]
            assert flood.count(429) > 0
            assert set(flood) <= {200, 429}

    asyncio.run(run())
