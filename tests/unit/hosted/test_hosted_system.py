"""A hosted model as a system: order, usage, what is a failure of one answer and what stops everything."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from fake_openai import KEY, FakeOpenAI
from tunewright.core.errors import HostedError
from tunewright.core.hosting import Reply
from tunewright.core.recipe import HostedOptions, TaskOptions
from tunewright.core.records import Example, Prediction, Record
from tunewright.hosted._system import HostedSystem, as_they_come, drawn, unless_all_refused
from tunewright.hosted.openai import Openai
from tunewright.tasks.question_answering import QuestionAnswering

TASK = QuestionAnswering(TaskOptions.model_validate({"name": "question_answering", "instruction": ""}))


def ask(service: FakeOpenAI, questions: list[str], *, model: str = "m", **options: Any) -> list[Prediction]:
    given = {"base_url": service.url, "max_retries": 3} | options
    page = HostedOptions(**given)
    system = HostedSystem("base", Openai("m", page), model, TASK, max_tokens=9, seed=4, concurrency=page.concurrency)
    examples = [TASK.example(Record(str(number), text, "x")) for number, text in enumerate(questions)]
    return list(system.predict(examples))


def test_answers_come_in_order_with_their_usage(service: FakeOpenAI):
    questions = [f"question {number} of many" for number in range(40)]
    answers = ask(service, questions)
    assert [answer.text for answer in answers] == questions
    assert [answer.id for answer in answers] == [str(number) for number in range(40)]
    assert {(answer.prompt_tokens, answer.tokens, answer.finish) for answer in answers} == {(4, 7, "stop")}
    assert all(answer.failure is None and answer.seconds > 0 for answer in answers)
    assert service.most_open <= 4
    body = service.bodies[0][1]
    assert (body["temperature"], body["seed"], body["max_tokens"]) == (0, 4, 9)


@pytest.mark.parametrize("kind", ["429", "500", "503", "lost", "refuse", "cut"])
def test_a_busy_service_is_asked_again(service: FakeOpenAI, kind: str):
    service.fail("POST /chat", kind, kind)
    assert [answer.failure for answer in ask(service, ["one", "two", "three"])] == [None] * 3


def test_what_the_service_refuses_is_a_failure_of_that_answer(service: FakeOpenAI):
    answers = ask(service, ["one", "REFUSE", "FILTER", "four"])
    assert [answer.text for answer in answers] == ["one", "", "", "four"]
    assert answers[1].failure == "refused: I cannot help with that"
    assert "filtered" in str(answers[2].failure)
    assert (answers[2].finish, answers[2].value) == ("error", None)
    assert answers[3].failure is None


def test_requests_that_are_all_refused_alike_are_no_answers(service: FakeOpenAI):
    with pytest.raises(HostedError, match=r"refused the first 10 requests alike: .*filtered"):
        ask(service, ["FILTER"] * 40)
    assert len(service.bodies) < 40
    few = ask(service, ["FILTER"] * 9)
    assert [answer.finish for answer in few] == ["error"] * 9
    late = ask(service, ["FILTER"] * 9 + ["one"] + ["FILTER"] * 20)
    assert [answer.finish for answer in late] == ["error"] * 9 + ["stop"] + ["error"] * 20
    with pytest.raises(HostedError, match="refused the first 10 requests alike"):
        draw(service, ["FILTER"] * 40)
    assert draw(service, ["one", *["FILTER"] * 20]) == ["stop: one", *["error: "] * 20]


def test_refusals_in_other_words_are_those_of_single_requests():
    given = [f"too long by {number} tokens" for number in range(30)]
    assert list(unless_all_refused(iter(given), lambda one: one)) == given
    with pytest.raises(HostedError):
        list(unless_all_refused(iter(["no such option"] * 30), lambda one: one))


def test_one_document_that_is_never_answered_is_its_failure(service: FakeOpenAI):
    service.fail("POST /chat", "500")
    answers = ask(service, ["one", "two"], max_retries=0)
    assert sorted(answer.finish for answer in answers) == ["error", "stop"]
    failed = next(answer for answer in answers if answer.finish == "error")
    assert "fails (500)" in str(failed.failure)
    assert KEY not in str(failed.to_row())


def test_a_service_that_is_down_gives_no_answers(service: FakeOpenAI):
    service.fail("POST /chat", *["503"] * 20)
    with pytest.raises(HostedError, match="fails"):
        ask(service, ["one", "two", "three"], max_retries=1)


def test_a_service_that_goes_down_on_the_way_is_no_wrong_answer(service: FakeOpenAI):
    def last_words(messages: object, model: str) -> str:
        service.fail("POST /chat", *["503"] * 20)
        return "one"

    service.answers = last_words
    with pytest.raises(HostedError, match=r"fails \(503\)"):
        ask(service, ["one", "two", "three"], max_retries=0, concurrency=1)


@pytest.mark.parametrize(("kind", "said"), [("401", "does not accept the key"), ("quota", "no credit")])
def test_a_wrong_key_or_no_credit_stops_everything(service: FakeOpenAI, kind: str, said: str):
    service.fail("POST /chat", kind)
    with pytest.raises(HostedError, match=said):
        ask(service, ["one", "two"], max_retries=0)


def test_a_model_that_is_not_there_stops_everything(service: FakeOpenAI):
    with pytest.raises(HostedError, match="is not there"):
        ask(service, ["one"], model="ft:gone")


def test_a_reply_that_repeats_the_key_is_kept_without_it(service: FakeOpenAI):
    assert ask(service, [f"my key is {KEY}"])[0].text == "my key is …"


def draw(service: FakeOpenAI, texts: list[str], **options: Any) -> list[str]:
    given = {"base_url": service.url, "max_retries": 1} | options
    prompts = [[{"role": "user", "content": text}] for text in texts]
    replies = dict(
        drawn(
            Openai("m", HostedOptions(**given)), "m", prompts, seeds=range(len(texts)),
            max_tokens=9, temperature=0.7, top_p=0.9, concurrency=3,
        )
    )  # fmt: skip
    return [f"{replies[place].finish}: {replies[place].text}" for place in range(len(texts))]


def test_texts_are_drawn_each_with_its_seed(service: FakeOpenAI):
    assert draw(service, ["one", "two", "FILTER", "four"]) == ["stop: one", "stop: two", "error: ", "stop: four"]
    asked = sorted((body["seed"], body["messages"][-1]["content"]) for _, body in service.bodies)
    assert asked == [(0, "one"), (1, "two"), (2, "FILTER"), (3, "four")]
    assert {(body["temperature"], body["top_p"]) for _, body in service.bodies} == {(0.7, 0.9)}


@pytest.mark.parametrize("kind", ["503", "401"])
def test_a_text_that_the_service_fails_at_is_no_draw(service: FakeOpenAI, kind: str):
    service.fail("POST /chat", *[kind] * 9)
    with pytest.raises(HostedError):
        draw(service, ["one", "two"])


def test_nobody_waits_for_the_slowest_and_nobody_runs_too_far_ahead():
    slow, passed = threading.Event(), []

    def ask(number: int) -> int:
        if number == 0:
            assert slow.wait(10)
        passed.append(number)
        return number

    come = []
    for place, _ in as_they_come(ask, range(9), 2):
        come.append(place)
        if len(passed) == 8:
            slow.set()
    assert come == passed == [1, 2, 3, 4, 5, 6, 7, 8, 0]
    passed.clear()
    slow.clear()
    for _ in as_they_come(ask, range(9), 2, ahead=4):
        if len(passed) == 3:
            slow.set()
    assert passed[:4] == [1, 2, 3, 0]


def test_what_is_under_way_when_one_fails_still_comes():
    begun, come = threading.Event(), []

    def ask(number: int) -> int:
        if number == 1:
            assert begun.wait(10)
            raise HostedError("down")
        if number == 2:
            begun.set()
        return number

    with pytest.raises(HostedError, match="down"):
        come.extend(place for place, _ in as_they_come(ask, range(50), 2))
    assert {0, 2} <= set(come)
    assert len(come) < 50


def test_answers_given_before_a_failure_stand(service: FakeOpenAI):
    service.answers = lambda messages, model: (
        (service.fail("POST /chat", *["503"] * 20) if messages[-1]["content"] == "three" else None)
        or messages[-1]["content"]
    )
    page = HostedOptions(base_url=service.url, max_retries=0, concurrency=1)
    system = HostedSystem("base", Openai("m", page), "m", TASK, max_tokens=9, seed=4, concurrency=1)
    texts = ["one", "two", "three", "four", "five"]
    answers = system.predict([TASK.example(Record(text, text, "x")) for text in texts])
    assert [next(answers).text for _ in range(3)] == texts[:3]
    with pytest.raises(HostedError):
        next(answers)


# ---------------------------------------------------------------- the document's fault, or the service's


class Service:
    """Answers each document with its text. before: what happens at a document's first request, by its number.

    asked: numbers in their order. answered: those that were. down: what every request fails by, once it is set.
    """

    def __init__(self, before: Callable[[int], None]):
        self.before = before
        self.asked: list[int] = []
        self.answered: set[int] = set()
        self.down: HostedError | None = None
        self.changed = threading.Condition()

    def generate(self, messages: Any, *, seed: int, **_: Any) -> Reply:
        number = int(messages[-1]["content"])
        again = number in self.asked
        with self.changed:
            self.asked.append(number)
            self.changed.notify_all()
        assert (seed != SEED) == again  # who asks again does not want what a proxy has kept
        if not again:
            self.before(number)
        if self.down is not None:
            raise self.down
        with self.changed:
            self.answered.add(number)
            self.changed.notify_all()
        return Reply(str(number), "stop", 1, 1)

    def go_down(self) -> None:
        with self.changed:
            self.down = FAILS
            self.changed.notify_all()

    def wait_for(self, seen: Callable[[], bool]) -> None:
        with self.changed:
            assert self.changed.wait_for(seen, 60)


SEED = 4
FAILS = HostedError("fails", passing=True)


def examples(*numbers: int) -> list[Example]:
    return [TASK.example(Record(str(number), str(number), "x")) for number in numbers]


def hosted(service: Any, concurrency: int, **options: Any) -> HostedSystem:
    return HostedSystem("base", service, "m", TASK, max_tokens=9, seed=SEED, concurrency=concurrency, **options)


def until_it_fails(answers: Iterator[Prediction]) -> tuple[list[str], HostedError | None]:
    """Ids of what came, and what was raised then."""
    come: list[str] = []
    try:
        for one in answers:
            assert one.failure is None
            come.append(one.id)
    except HostedError as error:
        return come, error
    return come, None


def failed(answers: Iterable[Prediction]) -> dict[int, str | None]:
    """Number → failure, of what came in order and whole."""
    come = list(answers)
    assert [int(one.id) for one in come] == list(range(len(come)))
    return {int(one.id): one.failure for one in come if one.failure is not None}


def test_documents_that_the_service_always_fails_at_are_their_own_failures():
    def before(number: int) -> None:
        if number in (3, 20):
            service.wait_for(lambda: len(service.answered) >= 33)  # all that are asked for before 3 is there
            raise FAILS

    service = Service(before)
    come, ahead = [], []
    for one in hosted(service, 4).predict(examples(*range(128))):
        come.append(one)
        ahead.append(len(service.asked) - len(come))
    assert failed(come) == {3: "fails", 20: "fails"}
    assert sorted(service.asked) == list(range(128))
    assert max(ahead) <= 10 * 4


@pytest.mark.parametrize(
    ("bad", "again"), [((3,), 0), ((3, 4), 1), ((3, 4, 5, 6), 2), ((8, 9), 1), ((9,), 1), ((0, 2, 4, 6, 8), 0)]
)
def test_neighbours_that_the_service_always_fails_at_are_their_own_failures(bad: tuple[int, ...], again: int):
    """One after the other: of two in a row nobody knows whose fault it is before an answered one is asked again."""

    def before(number: int) -> None:
        if number in bad:
            raise FAILS

    service = Service(before)
    assert failed(hosted(service, 1).predict(examples(*range(10)))) == dict.fromkeys(bad, "fails")
    assert len(service.asked) == 10 + again


def test_the_last_documents_fail_beside_each_other():
    def before(number: int) -> None:
        if number > 7:
            service.wait_for(lambda: len(service.asked) >= 11)
            raise FAILS

    service = Service(before)
    assert failed(hosted(service, 4).predict(examples(*range(11)))) == dict.fromkeys((8, 9, 10), "fails")
    assert len(service.asked) == 12


@pytest.mark.parametrize("concurrency", [1, 4])
@pytest.mark.parametrize("last", [40, 21, 20, 19])
def test_an_outage_is_nobodys_failure_and_the_next_run_goes_on(concurrency: int, last: int):
    def before(number: int) -> None:
        if number == 19:
            service.wait_for(lambda: len(service.answered) == 19)
            service.go_down()
        elif number > 19:
            service.wait_for(lambda: service.down is not None)

    service = Service(before)
    come, error = until_it_fails(hosted(service, concurrency).predict(examples(*range(last + 1))))
    assert error is FAILS
    assert come == [str(number) for number in range(19)]
    assert len(service.asked) <= 19 + 3 * concurrency + 1
    service = Service(lambda number: None)
    rest, error = until_it_fails(hosted(service, concurrency).predict(examples(*range(19, last + 1))))
    assert (rest, error) == ([str(number) for number in range(19, last + 1)], None)


@pytest.mark.parametrize("error", [FAILS, HostedError("no credit", status=429)])
def test_what_is_under_way_when_an_outage_is_found_still_comes(error: HostedError):
    found = threading.Event()

    class Failing:
        """Answers 2 once, and 0 when 2 is asked again."""

        def generate(self, messages: Any, *, seed: int, **_: Any) -> Reply:
            number = messages[-1]["content"]
            if number == "2" and seed != SEED:
                found.set()
                raise error
            if number == "0":
                assert found.wait(60)
            elif number == "1":
                assert answered.wait(60)
                raise FAILS
            elif number != "2":
                raise FAILS
            answered.set()
            return Reply(number, "stop", 1, 1)

    answered = threading.Event()
    come, raised = until_it_fails(hosted(Failing(), 3).predict(examples(*range(30))))
    assert (come, raised) == (["0"], error)


@pytest.mark.parametrize("ends", [True, False])
def test_an_answer_that_was_under_way_does_not_show_that_the_service_is_well(ends: bool):
    def before(number: int) -> None:
        if number == 1:
            service.wait_for(lambda: service.answered == {0, 2})
            if ends:
                service.go_down()
            raise FAILS

    service = Service(before)
    answers = hosted(service, 2).predict(examples(*range(3)))
    if ends:
        come, error = until_it_fails(answers)
        assert (come, error) == (["0"], FAILS)
    else:
        assert failed(answers) == {1: "fails"}
    assert len(service.asked) == 4  # one that was answered, again


def test_a_refusal_does_not_show_that_the_service_is_well():
    def before(number: int) -> None:
        if number == 1:
            raise FAILS
        if number > 1:
            raise HostedError(f"filtered: {number}", status=400)

    service = Service(before)
    answers = hosted(service, 1).predict(examples(*range(200)))
    assert [next(answers).failure for _ in range(3)] == [None, "fails", "filtered: 2"]
    assert service.asked == [0, 1, 2, 0]


def test_a_document_alone_is_judged_by_one_that_was_answered_before():
    def before(number: int) -> None:
        if number == 7:
            raise FAILS

    with pytest.raises(HostedError, match="fails"):
        list(hosted(Service(before), 4).predict(examples(7)))
    service = Service(before)
    service.asked.append(3)  # of an earlier process
    (one,) = hosted(service, 4, answered=examples(3)[0]).predict(examples(7))
    assert (one.failure, service.asked) == ("fails", [3, 7, 3])
    system = hosted(Service(before), 4)
    assert [one.failure for part in ((1, 2), (7,)) for one in system.predict(examples(*part))] == [None, None, "fails"]


def test_refusals_in_the_same_words_behind_an_answer_are_those_of_documents():
    def before(number: int) -> None:
        if number:
            raise HostedError("filtered", status=400)

    system = hosted(Service(before), 1)
    parts = [range(1), range(1, 30), range(30, 60)]
    assert failed(one for part in parts for one in system.predict(examples(*part))) == dict.fromkeys(
        range(1, 60), "filtered"
    )
    goes_on = hosted(Service(before), 1, answered=examples(0)[0])
    assert len(list(goes_on.predict(examples(*range(1, 30))))) == 29
    small = hosted(Service(before), 1)
    assert len([*small.predict(examples(*range(1, 5))), *small.predict(examples(*range(5, 9)))]) == 8
    with pytest.raises(HostedError, match="refused the first 10 requests alike"):
        list(small.predict(examples(*range(9, 13))))
