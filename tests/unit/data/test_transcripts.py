"""CHAT transcripts: what every code becomes, whose words they are, where labels come from, what is set aside."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunewright.core.errors import DataError
from tunewright.core.recipe import CodeOptions, DataOptions, Recipe, TranscriptOptions
from tunewright.data import split
from tunewright.data.read import read
from tunewright.data.read._chat import DEEPEST, Broken, said
from tunewright.data.read.cha import KINDS
from tunewright.data.sources import changed, load, named_sets

STYLES = ("keep", "words", "drop")


def styles(every, **own):
    return {kind: own.get(kind, every) for kind in KINDS}


def written(line, every, **own):
    return said(line, styles(every, **own))[0]


# codes

CODES = [
    # kind, as CHAT writes it, in words, dropped
    ("pauses", "the (.) boy .", "the ... boy.", "the boy."),
    ("pauses", "the (..) boy .", "the ... boy.", "the boy."),
    ("pauses", "the (...) boy .", "the ... boy.", "the boy."),
    ("pauses", "the (1.5) boy .", "the ... boy.", "the boy."),
    ("pauses", "the (2.) boy .", "the ... boy.", "the boy."),
    ("pauses", "the (1:05.3) boy .", "the ... boy.", "the boy."),
    ("fillers", "&-um a boy .", "um a boy.", "a boy."),
    ("fillers", "&-you_know a boy .", "you know a boy.", "a boy."),
    ("fillers", "&uh a boy .", "uh a boy.", "a boy."),
    ("fragments", "a &+fr boy .", "a fr boy.", "a boy."),
    ("fragments", "a &~gub boy .", "a gub boy.", "a boy."),
    ("fragments", "a &fr boy .", "a fr boy.", "a boy."),
    ("repetitions", "<the boy> [/] the boy .", "the boy the boy.", "the boy."),
    ("repetitions", "the [/] the boy .", "the the boy.", "the boy."),
    ("repetitions", "no [x 3] .", "no no no.", "no."),
    ("repetitions", "a ↫b-b↫boy .", "a b-b-boy.", "a boy."),
    ("retracings", "<the boy> [//] the girl .", "the boy the girl.", "the girl."),
    ("retracings", "<the boy> [/-] the girl .", "the boy the girl.", "the girl."),
    ("reformulations", "<it was> [///] I saw .", "it was I saw.", "I saw."),
    ("unintelligible", "a xxx boy .", "a [unintelligible] boy.", "a boy."),
    ("unintelligible", "a yyy boy .", "a [unintelligible] boy.", "a boy."),
    ("unintelligible", "www .", "[unintelligible].", "."),
    ("endings", "and the +...", "and the...", "and the."),
    ("endings", "and the +..?", "and the...?", "and the?"),
    ("endings", "and the +/.", "and the—", "and the."),
    ("endings", "and the +//?", "and the—?", "and the?"),
    ("endings", 'and then +"/.', "and then.", "and then."),
    ("events", "a boy &=laughs .", "a boy [laughs].", "a boy."),
    ("events", "a boy &=clears:throat .", "a boy [clears throat].", "a boy."),
    ("events", "<a boy> [=! whispers] .", "a boy [whispers].", "a boy."),
    ("replacements", "gonna [: going to] fall .", "gonna fall.", "going to fall."),
    ("replacements", "he [:: she] falls .", "he falls.", "she falls."),
    ("shortenings", "(be)cause he falls .", "cause he falls.", "because he falls."),
    ("shortenings", "runnin(g) .", "runnin.", "running."),
    ("errors", "the sink [* p:w] .", "the sink.", "the sink."),
    ("marks", "the boy [?] .", "the boy.", "the boy."),
    ("marks", "the boy [= Tom] .", "the boy.", "the boy."),
    ("marks", "<the boy> [>] .", "the boy.", "the boy."),
    ("marks", "the boy . [+ gram]", "the boy.", "the boy."),
    ("marks", "[- spa] el chico .", "el chico.", "el chico."),
    ("marks", "goo@o ba:d ice+cream .", "goo bad ice cream.", "goo bad ice cream."),
    ("marks", "he 0is falling .", "he falling.", "he falling."),
    ("marks", "+< the boy .", "the boy.", "the boy."),
    ("marks", "the boy &*INV:mhm falls .", "the boy falls.", "the boy falls."),
    ("marks", "mom ‡ look .", "mom, look.", "mom, look."),
]


@pytest.mark.parametrize(("kind", "line", "words", "dropped"), CODES)
def test_a_code_is_kept_said_or_dropped_and_counted_whatever_is_done(kind, line, words, dropped):
    assert written(line, "keep") == line
    assert written(line, "words") == words
    assert written(line, "drop") == dropped
    for style in STYLES:
        counts = said(line, styles(style))[1]
        assert set(counts) == {kind}
        assert counts == said(line, styles("keep"))[1]


@pytest.mark.parametrize(("kind", "line", "words", "dropped"), CODES)
def test_each_kind_is_set_alone(kind, line, words, dropped):
    def close(text):
        return re.sub(r" ([.?])(?!\S)", r"\1", text)

    assert close(written(line, "words", **{kind: "keep"})) == close(line)
    assert close(written(line, "keep", **{kind: "words"})) == words or kind == "endings" or "‡" in line


def test_every_kind_of_the_recipe_has_a_case():
    assert {kind for kind, *_ in CODES} == set(KINDS)
    assert set(CodeOptions.model_fields) == {"all", *KINDS}


def test_codes_in_codes():
    line = "<the [/] the &-um boy> [//] <the (.) girl> [/] the girl goed [: went] [*] [/] went +..."
    assert written(line, "keep") == line
    assert written(line, "words") == "the the um boy the ... girl the girl goed went..."
    assert written(line, "drop") == "the girl went."
    counts = said(line, styles("drop"))[1]
    assert counts == {
        "repetitions": 3, "fillers": 1, "retracings": 1, "pauses": 1, "replacements": 1, "errors": 1, "endings": 1
    }  # fmt: skip
    assert written(line, "keep", fillers="drop", pauses="drop", replacements="drop") == (
        "<the [/] the boy> [//] <the girl> [/] the girl went [*] [/] went +..."
    )


def test_a_kept_code_never_follows_nothing_and_several_words_keep_their_brackets():
    assert written("&-um [/] &-um a boy .", "keep", fillers="drop") == "a boy ."
    assert written("gonna [: going to] [/] going to .", "keep", replacements="drop") == "<going to> [/] going to ."


def test_time_marks_and_control_characters_go_always():
    line = "the \x02\x01boy\x02\x02 falls . \x15100_2000\x15"
    assert written(line, "keep") == "the boy falls ."


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("<the boy [/] the boy .", "a '<' that does not close"),
        ("the boy> [/] the boy .", "a '>' that closes nothing"),
        ("the [/ the boy .", r"a '\[' that does not close"),
        ("the /] the boy .", r"a '\]' that does not open"),
        ("[/] the boy .", "follows nothing"),
        ("<[//] the> boy .", "follows nothing"),
        ("the boy . \x15100_200", "a time mark that does not close"),
        ("<" * (DEEPEST + 1) + "a" + ">" * (DEEPEST + 1), "deep"),
    ],
)
def test_what_is_no_chat_is_refused(line, reason):
    with pytest.raises(Broken, match=reason):
        said(line, styles("words"))


WORD = st.text("abcdefgh", min_size=1, max_size=6).filter(lambda word: not re.fullmatch("x+|y+|w+", word))
SPOKEN = st.one_of(
    WORD.map(lambda w: (w, w, w)),
    WORD.map(lambda w: (f"&-{w}", w, "")),
    WORD.map(lambda w: (f"&+{w}", w, "")),
    st.sampled_from(["(.)", "(..)", "(1.5)"]).map(lambda p: (p, "...", "")),
    st.just(("xxx", "[unintelligible]", "")),
    WORD.map(lambda w: (f"&={w}", f"[{w}]", "")),
    st.tuples(WORD, WORD).map(lambda two: (f"{two[0]} [: {two[1]}]", two[0], two[1])),
)


def group_of(parts):
    """Parts (CHAT, words, dropped) as one: a repeated or retraced group."""
    chat, words, _ = (" ".join(filter(None, each)) for each in zip(*parts, strict=True))
    return st.sampled_from(["[/]", "[//]", "[///]"]).map(lambda code: (f"<{chat}> {code}", words, ""))


UTTERANCE = st.lists(
    st.recursive(SPOKEN, lambda inner: st.lists(inner, min_size=1, max_size=3).flatmap(group_of), max_leaves=6),
    min_size=1,
    max_size=8,
)


@given(UTTERANCE)
@settings(max_examples=150, deadline=None)
def test_what_was_put_together_is_read_back(parts):
    chat, words, dropped = (" ".join(filter(None, each)) for each in zip(*parts, strict=True))
    assert written(f"{chat} .", "keep") == f"{chat} ."
    assert written(f"{chat} .", "words") == f"{words}."
    assert written(f"{chat} .", "drop") == f"{dropped}."
    assert said(chat, styles("keep"))[1] == said(chat, styles("drop"))[1]


@given(st.text(st.sampled_from("ab <>[]/&+-=:.()0x*\x15@↫ "), max_size=40))
@settings(max_examples=300, deadline=None)
def test_any_line_is_read_or_refused_and_nothing_else(line):
    for style in STYLES:
        try:
            text, _ = said(line, styles(style))
        except Broken:
            continue
        assert not set("\x08\x15") & set(text)


# files

HEAD = """@UTF8
@Begin
@Languages:\teng
@Participants:\tPAR Participant, INV Investigator
@ID:\teng|Pitt|PAR|{age};|female|{group}||Participant|27||
@ID:\teng|Pitt|INV|||||Investigator|||
"""
TALK = """*INV:\twhat do you see ?
*PAR:\t&-um a boy .
%mor:\tdet|a n|boy .
*PAR:\the is
\tfalling .
*INV:\tmhm .
*PAR:\tyes he is .
"""


def cha(path, group="Control", talk=TALK, head=HEAD, tail="@End\n", age=70, encoding="utf-8", end="\n", mark=""):
    path.parent.mkdir(parents=True, exist_ok=True)
    text = mark + head.format(group=group, age=age) + talk + tail
    path.write_bytes(text.replace("\n", end).encode(encoding))
    return path


def options(**page):
    return TranscriptOptions.model_validate(page)


def test_a_participants_words_with_label_and_what_the_header_says(tmp_path):
    reading = read(cha(tmp_path / "001-2.cha"))
    (record,) = reading
    assert reading.rejected == []
    assert reading.layout == "labelled"
    assert (record.text, record.target, record.group) == ("um a boy. he is falling. yes he is.", "Control", "001")
    assert (record.id, record.language) == ("001-2", "en")
    assert record.provenance == {
        "file": "001-2.cha", "line": 8, "speaker": "PAR", "age": "70;", "sex": "female", "group": "Control",
        "education": "27", "codes": {"fillers": 1},
    }  # fmt: skip
    notes = " | ".join(reading.notes())
    assert "1 transcripts of 1 participants (1 by file), by participant" in notes
    assert "1 fillers (words)" in notes
    assert "not read: INV 2" in notes


def test_turns_and_the_whole_transcript(tmp_path):
    file = cha(tmp_path / "001-0.cha")
    turns = list(read(file, transcripts=options(unit="turn")))
    assert [(r.id, r.text, r.provenance["line"]) for r in turns] == [
        ("001-0-001", "um a boy. he is falling.", 8),
        ("001-0-002", "yes he is.", 13),
    ]
    (whole,) = read(file, transcripts=options(unit="transcript"))
    assert whole.text.splitlines() == [
        "INV: what do you see?",
        "PAR: um a boy. he is falling.",
        "INV: mhm.",
        "PAR: yes he is.",
    ]
    assert (whole.target, whole.group) == ("Control", "001")


def test_short_records_are_set_aside_and_sounds_are_no_words(tmp_path):
    talk = "*PAR:\t&=laughs .\n*INV:\tgo on .\n*PAR:\ta boy fell .\n*INV:\tmhm .\n*PAR:\txxx yes .\n"
    reading = read(cha(tmp_path / "1.cha", talk=talk), transcripts=options(unit="turn", minimum_words=2))
    assert [record.text for record in reading] == ["a boy fell."]
    assert [(one.line, "minimum_words" in one.reason) for one in reading.rejected] == [(7, True), (11, True)]


@pytest.mark.parametrize("style", STYLES)
def test_codes_are_written_as_the_recipe_says(tmp_path, style):
    (record,) = read(cha(tmp_path / "1.cha"), transcripts=options(codes={"all": "drop", "fillers": style}))
    assert record.text.startswith({"keep": "&-um a boy.", "words": "um a boy.", "drop": "a boy."}[style])


def test_visits_of_one_person_are_one_group_and_other_patterns_can_be_said(tmp_path):
    for name in ("001-0", "001-2", "002-0"):
        cha(tmp_path / f"{name}.cha")
    assert [r.group for r in read(tmp_path)] == ["001", "001", "002"]
    cha(tmp_path / "b" / "adler01a.cha")
    cha(tmp_path / "b" / "adler01b.cha")
    assert {r.group for r in read(tmp_path / "b", transcripts=options(visit="[a-z]$"))} == {"adler01"}
    assert [r.group for r in read(tmp_path, transcripts=options(participant="folder"))][-2:] == ["b", "b"]


def test_a_name_among_the_participants_is_who_it_is(tmp_path):
    head = "@UTF8\n@Begin\n@Languages:\teng\n@Participants:\tCHI Eve Target_Child, MOT Sue Mother\n"
    for name in ("010600a", "020304"):
        cha(tmp_path / f"{name}.cha", head=head, talk="*MOT:\thi .\n*CHI:\tmore cookie .\n")
    found = list(read(tmp_path, transcripts=options(label="none")))
    assert [(r.group, r.text, r.target) for r in found] == [("Eve", "more cookie.", None)] * 2
    by_file = read(tmp_path, transcripts=options(label="none", participant="file"))
    assert [r.group for r in by_file] == ["010600a", "020304"]


def test_a_name_that_says_only_what_one_is_does_not_make_one_person_of_all(tmp_path):
    for name in ("1-0", "2-0"):
        cha(tmp_path / f"{name}.cha", head=HEAD.replace("PAR Participant,", "PAR Patient Participant,"))
    assert [r.group for r in read(tmp_path)] == ["1", "2"]


def test_speakers_can_be_named_by_code_or_role(tmp_path):
    file = cha(tmp_path / "1.cha")
    for who in ("INV", "Investigator"):
        (record,) = read(file, transcripts=options(speakers=[who], label="none"))
        assert record.text == "what do you see? mhm."
    both = list(read(file, transcripts=options(speakers=["PAR", "INV"], label="none")))
    assert [(r.id, r.group) for r in both] == [("1:PAR", "1:PAR"), ("1:INV", "1:INV")]
    reading = read(file, transcripts=options(speakers=["MOT"]))
    assert list(reading) == []
    assert "nobody under study; speakers: PAR (Participant), INV (Investigator)" in reading.rejected[0].reason


# labels


def pitt(tmp_path):
    for folder, names in {"Control": ("002-0", "003-0"), "Dementia": ("001-0", "001-2")}.items():
        for name in names:
            cha(tmp_path / folder / "cookie" / f"{name}.cha", group="" if folder == "Control" else "ProbableAD")
    return tmp_path


def test_labels_from_folders(tmp_path):
    found = list(read(pitt(tmp_path), transcripts=options(label="folder")))
    assert [(r.id, r.target) for r in found] == [
        ("Control/cookie/002-0", "Control"),
        ("Control/cookie/003-0", "Control"),
        ("Dementia/cookie/001-0", "Dementia"),
        ("Dementia/cookie/001-2", "Dementia"),
    ]
    with pytest.raises(DataError, match="do not lie in several folders"):
        read(tmp_path / "Control", transcripts=options(label="folder"))


def test_folders_named_after_splits_are_splits_and_no_labels(tmp_path):
    for place in ("train/cc/1", "train/cd/2", "test/cc/3"):
        cha(tmp_path / f"{place}.cha")
    found = load(str(tmp_path), DataOptions(transcripts={"label": "folder"}))
    assert [(r.split, r.target) for r in found.records] == [("test", "cc"), ("train", "cc"), ("train", "cd")]


def test_without_a_group_the_transcript_is_set_aside_with_the_option_named(tmp_path):
    reading = read(pitt(tmp_path))
    assert [r.target for r in reading] == ["ProbableAD"] * 2
    assert {one.file for one in reading.rejected} == {"Control/cookie/002-0.cha", "Control/cookie/003-0.cha"}
    assert "data.transcripts.label is 'group'" in reading.rejected[0].reason


def test_labels_from_a_table_beside_the_transcripts(tmp_path):
    pitt(tmp_path)
    (tmp_path / "dx.csv").write_text("participant,label\n001,AD\n002,HC\n")
    found = load(str(tmp_path), DataOptions(transcripts={"label": "dx.csv"}))
    assert [(r.group, r.target) for r in found.records] == [("002", "HC"), ("001", "AD"), ("001", "AD")]
    assert [one.file for one in found.rejected] == ["Control/cookie/003-0.cha"]
    assert "dx.csv" in found.sha256
    (tmp_path / "dx.csv").write_text("file,label\nDementia/cookie/001-0.cha,AD\n001-2,MCI\n")
    assert [r.target for r in load(str(tmp_path), DataOptions(transcripts={"label": "dx.csv"})).records] == [
        "AD",
        "MCI",
    ]


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        (None, "no such table"),
        ("who,label\n001,AD\n", "without what has it"),
        ("file,diagnosis\n001,AD\n", "without a label"),
        ("file,label\n001,AD\n001,HC\n", "gives '001' two labels, AD and HC"),
    ],
)
def test_a_table_that_gives_no_clear_label_is_refused(tmp_path, table, reason):
    cha(tmp_path / "001.cha")
    if table is not None:
        (tmp_path / "dx.csv").write_text(table)
    with pytest.raises(DataError, match=reason):
        load(str(tmp_path), DataOptions(transcripts={"label": "dx.csv"}))


@pytest.mark.parametrize(
    "wrong", [{"label": "diagnosis"}, {"visit": "("}, {"codes": {"pause": "keep"}}, {"unit": "word"}]
)
def test_a_recipe_with_a_wrong_page_is_refused(wrong):
    with pytest.raises(ValueError, match="data"):
        Recipe.model_validate({"data": {"transcripts": wrong}})


# what is set aside


@pytest.mark.parametrize(("end", "mark"), [("\r\n", ""), ("\r", ""), ("\n", "\ufeff"), ("\r\n", "\ufeff")])
def test_line_ends_and_byte_order_marks_change_nothing(tmp_path, end, mark):
    reading = read(cha(tmp_path / "1.cha", end=end, mark=mark))
    (record,) = reading
    assert reading.rejected == []
    assert record.text == "um a boy. he is falling. yes he is."


FAULTS = [
    ("*PAR:\tone <two [/] three .\n", 7, "a '<' that does not close"),
    ("*MOT:\thello .\n", 7, "the speaker 'MOT' is in neither @Participants nor @ID"),
    ("*PAR\thello .\n", 7, "without ':'"),
    ("*PAR:\n", 7, "says nothing"),
    ("something else\n\tgoing on\n", 7, "neither a header"),
    ("@ID:\teng|Pitt|PAR\n", 7, "@ID has 3 fields of 10"),
]


@pytest.mark.parametrize(("line", "number", "reason"), FAULTS)
def test_a_faulty_line_is_set_aside_alone(tmp_path, line, number, reason):
    reading = read(cha(tmp_path / "1.cha", talk=line + TALK))
    (record,) = reading
    assert record.text == "um a boy. he is falling. yes he is."
    assert record.provenance["faults"] == 1
    (rejected,) = reading.rejected
    assert rejected.line == number
    assert reason in rejected.reason
    assert rejected.file == "1.cha"


def test_a_continuation_of_nothing_is_told(tmp_path):
    reading = read(cha(tmp_path / "1.cha", head="\tlost\n" + HEAD))
    assert len(list(reading)) == 1
    assert [(one.line, one.reason) for one in reading.rejected] == [(1, "a continuation of nothing")]


def test_bytes_that_are_not_utf8_cost_their_utterance_only(tmp_path):
    talk = "*PAR:\tun garçon\n\tet une fille .\n*PAR:\tyes .\n*PAR:\tand then\n\tl'été .\n"
    reading = read(cha(tmp_path / "1.cha", talk=talk, encoding="latin-1"))
    assert [record.text for record in reading] == ["yes."]
    assert [one.line for one in reading.rejected] == [7, 11]
    assert "byte 0xE7" in reading.rejected[0].reason


def test_another_encoding_is_one_file_set_aside(tmp_path):
    cha(tmp_path / "1.cha", encoding="utf-16")
    cha(tmp_path / "2.cha")
    reading = read(tmp_path)
    assert [record.id for record in reading] == ["2"]
    assert [(one.file, "UTF-16" in one.reason) for one in reading.rejected] == [("1.cha", True)]
    with pytest.raises(DataError, match="UTF-16"):
        list(read(tmp_path / "1.cha"))


def test_what_is_missing_or_too_much_is_told_and_the_rest_is_read(tmp_path):
    cut = read(cha(tmp_path / "1.cha", tail=""))
    assert len(list(cut)) == 1
    assert [(one.line, one.reason) for one in cut.rejected] == [(13, "no @End: the file may be cut off here")]
    twice = read(cha(tmp_path / "2.cha", tail="@End\n@Begin\n*PAR:\thello .\n@End\n"))
    assert [record.text for record in twice] == ["um a boy. he is falling. yes he is."]
    assert [(one.line, "one transcript a file" in one.reason) for one in twice.rejected] == [(15, True)]
    bare = read(cha(tmp_path / "3.cha", head="@Begin\n"), transcripts=options(label="none"))
    assert [record.text for record in bare] == ["um a boy. he is falling. yes he is."]
    assert "no @Participants and no @ID" in bare.rejected[0].reason
    beginless = read(cha(tmp_path / "4.cha", head=HEAD.replace("@Begin\n", "")))
    assert len(list(beginless)) == 1
    assert "no @Begin" in beginless.rejected[0].reason


def test_a_file_of_something_else_has_no_record(tmp_path):
    (tmp_path / "1.cha").write_text("Dear reader,\nthis is a letter.\n")
    with pytest.raises(DataError, match="none of"):
        load(str(tmp_path / "1.cha"))


# folders


def test_a_folder_of_transcripts_is_found_by_name_and_hashed_file_by_file(tmp_path):
    pitt(tmp_path / "sets" / "mine")
    cha(tmp_path / "sets" / "mine" / "Control" / "._002-0.cha")
    assert named_sets(tmp_path / "sets") == ["mine"]
    found = load("mine", DataOptions(transcripts={"label": "folder"}), folder=tmp_path / "sets")
    assert (found.kind, len(found.records), found.schemas) == ("set", 4, {})
    assert "Dementia/cookie/001-2.cha" in found.sha256
    assert len(found.sha256) == 4
    assert changed("mine", found.sha256, tmp_path / "sets") == []
    file = cha(tmp_path / "sets" / "mine" / "Dementia" / "cookie" / "001-2.cha", age=71)
    assert changed("mine", found.sha256, tmp_path / "sets") == [file]


def test_data_named_so_goes_before_transcripts(tmp_path):
    cha(tmp_path / "1.cha")
    (tmp_path / "data.jsonl").write_text('{"text": "a", "label": "b"}\n')
    found = load(str(tmp_path))
    assert [record.text for record in found.records] == ["a"]
    assert any("not read beside data.jsonl: 1.cha" in note for note in found.notes)


def test_the_sample_has_every_kind_of_code_and_keeps_a_person_on_one_side():
    found = load("speech_transcripts", DataOptions(crossing_groups="refuse"), sample=True)
    assert found.rejected == []
    met = {kind for record in found.records for kind in record.provenance["codes"]}
    assert met == set(KINDS)
    assert len({record.group for record in found.records}) == 10
    assert {record.target for record in found.records} == {"Control", "Impaired"}
    parts = split.split(found.records, DataOptions(crossing_groups="refuse"))
    assert split.crossing({"train": parts.train, "validation": parts.validation, "test": parts.test}) == {}
