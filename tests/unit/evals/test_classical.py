"""Words alone: what is chosen is told by the words beside it, what is copied is looked up."""

from __future__ import annotations

from tunewright.core.contracts import System
from tunewright.core.records import Example, Record
from tunewright.evals.classical import Classical

SCHEMA = {
    "type": "object",
    "properties": {
        "intent": {"enum": ["play", "weather"]},
        "slots": {
            "type": "object",
            "properties": {
                "artist": {"type": "string"},
                "city": {"type": "string"},
                "days": {"type": "array", "items": {"type": "string"}},
                "loud": {"enum": ["yes"]},
            },
        },
    },
    "required": ["intent", "slots"],
}
ARTISTS, CITIES = ("Asha Menon", "Kabir Rao", "May"), ("Pune", "New Delhi", "Agra")


def example(number: int, text: str, target: dict) -> Example:
    return Example(Record(str(number), text, target), (), schema=SCHEMA)


def train() -> list[Example]:
    made = []
    for n in range(30):
        artist, city, loud = ARTISTS[n % 3], CITIES[n % 3], n % 2
        target = {"intent": "play", "slots": {"artist": artist, **({"loud": "yes"} if loud else {})}}
        made.append(example(n, f"play a song by {artist}{' loudly' if loud else ''}", target))
        target = {"intent": "weather", "slots": {"city": city, "days": ["monday", "friday"]}}
        made.append(example(100 + n, f"will it rain in {city} on monday or friday in May", target))
    return made


def said(text: str, fitted: Classical | None = None):
    [found] = (fitted or Classical(train())).predict([example(0, text, {})])
    return found.value


def test_it_is_a_system() -> None:
    assert isinstance(Classical(train()), System)


def test_what_it_has_seen_it_finds_again() -> None:
    assert said("Play a song by ASHA MENON") == {"intent": "play", "slots": {"artist": "ASHA MENON"}}
    assert said("a loudly song by Kabir Rao") == {"intent": "play", "slots": {"artist": "Kabir Rao", "loud": "yes"}}
    assert said("rain on friday, Pune") == {"intent": "weather", "slots": {"city": "Pune", "days": ["friday"]}}


def test_the_longest_phrase_is_taken_and_only_where_training_marked_it() -> None:
    assert said("rain in New Delhi")["slots"] == {"city": "New Delhi"}
    # "May" stood in thirty forecasts unmarked, and ten times for an artist: less than half.
    assert said("play May") == {"intent": "play", "slots": {}}


def test_keys_go_with_what_is_chosen() -> None:
    """A city in a request for music is none that training has seen there."""
    assert said("play a song in Pune") == {"intent": "play", "slots": {}}


def test_what_it_has_never_seen_it_does_not_find() -> None:
    assert said("play a song by Somebody New") == {"intent": "play", "slots": {}}
    other = Example(Record("1", "text", doc_type="another"), (), schema=SCHEMA)
    assert [found.value for found in Classical(train()).predict([other])] == [{}]
