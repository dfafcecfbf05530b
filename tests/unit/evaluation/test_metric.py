"""The metrics, on sentences small enough to compute by hand."""

from __future__ import annotations

import math

import pytest

from worker.evaluation.metric import (
    GleuScorer,
    count_covered,
    find_facts,
    line_words,
    lower_case_words,
    measure_distances,
    normalised_words,
    shingle_overlap,
)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("“We\u2019re open,” she said…", '"We\'re open," she said...'),
        ("a long—very long—day", "a long-very long-day"),
        ("soft\u00adly\u200b now", "softly now"),
        ("``quoted''", '"quoted"'),
        ("two\u00a0  spaces", "two spaces"),
        ("\uff11\uff12 files", "12 files"),
    ],
)
def test_typography_does_not_make_another_sentence(first: str, second: str) -> None:
    assert normalised_words(first) == normalised_words(second)


@pytest.mark.parametrize(
    ("first", "second"),
    [("the Mayor", "the mayor"), ("Stop, go", "Stop go"), ("1.5 metres", "15 metres")],
)
def test_case_marks_and_numbers_make_another_sentence(first: str, second: str) -> None:
    assert normalised_words(first) != normalised_words(second)


def test_marks_stand_apart_and_inner_ones_do_not() -> None:
    assert normalised_words("Don't pay 1,250.50, well-off man!!") == (
        *("Don't", "pay", "1,250.50", ",", "well", "-", "off", "man", "!!"),
    )


def test_a_hostile_line_is_split_in_linear_time() -> None:
    assert len(normalised_words("a'" * 200_000)) == 2
    assert len(normalised_words("1," * 200_000)) == 2


def test_distances_count_word_edits_to_each_version() -> None:
    distances = measure_distances(
        "the cat sit down", "the cat sat down", ["the cat sat down", "a cat sat down"]
    )
    assert distances == (1.5, 0.5)
    assert distances.saved == 1.0


def test_distances_are_to_the_five_versions_nearest_to_source_or_output() -> None:
    distant = [f"{number} w x y z" for number in range(9)]
    close = ["a b c d e", "a b c d f", "a b c g e", "h b c d i", "h b c d j"]
    distances = measure_distances("a b c d e", "h b c d i", [*distant, *close])
    assert distances == ((0 + 1 + 1 + 2 + 2) / 5, (2 + 2 + 3 + 0 + 1) / 5)


def test_a_version_near_one_side_is_taken_before_one_halfway_to_both() -> None:
    halfway = [f"a b x y {number}" for number in range(5)]
    distances = measure_distances("a b c d e", "v w x y z", [*halfway, "v w x y z"])
    assert distances == ((5 + 4 * 3) / 5, (0 + 4 * 3) / 5)


def test_versions_that_differ_in_typography_only_count_once() -> None:
    versions = ["it\u2019s a day", "it's a day", "it was a day off"]
    assert measure_distances("it's a day", "it's a day", versions) == (1.5, 1.5)


def test_distances_need_a_version() -> None:
    with pytest.raises(ValueError, match="without a version"):
        measure_distances("a", "b", [])


def test_gleu_of_the_only_reference_is_100() -> None:
    scorer = GleuScorer()
    scorer.add("he go to his school", ["he goes to his school"], ["he goes to his school"])
    assert scorer.scores() == pytest.approx([100.0])


def test_gleu_subtracts_what_was_wrongly_kept() -> None:
    # Of the source's 6, 5, 4, 3 n-grams 5, 4, 3, 2 are in the reference; the others ("town", and
    # one of each longer order) were kept from the source, so they are subtracted.
    scorer = GleuScorer(outputs=2)
    source, wanted = "they walk to the old town", "they walk to the old city"
    scorer.add(source, [source, "they walk to the old place"], [wanted])
    kept = math.prod([4 / 6, 3 / 5, 2 / 4, 1 / 3]) ** 0.25
    moved = math.prod([5 / 6, 4 / 5, 3 / 4, 2 / 3]) ** 0.25
    assert scorer.scores() == pytest.approx([100 * kept, 100 * moved])


def test_gleu_penalises_short_outputs_and_averages_references() -> None:
    scorer = GleuScorer()
    scorer.add("a b c d", ["a b c d"], ["a b c d e f", "a b c d e f g h"])
    assert scorer.scores() == pytest.approx([100 * math.exp(1 - 7 / 4)])


def test_gleu_folds_typography() -> None:
    scorer = GleuScorer()
    scorer.add("it\u2019s now a day", ["it\u2019s now a day"], ["it's now a day"])
    assert scorer.scores() == pytest.approx([100.0])


def test_gleu_without_a_match_is_0_and_without_a_reference_an_error() -> None:
    scorer = GleuScorer()
    scorer.add("a b c d e", ["a b c d e"], ["v w x y z"])
    assert scorer.scores() == [0.0]
    with pytest.raises(ValueError, match="reference"):
        scorer.add("a", ["a"], [])


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("It cost 1,000 euros.", {"1000"}),
        ("Some twenty-five ships, two of them new.", {"25", "2"}),
        ("Thirty-one ships", {"31"}),
        ("On the 3rd day, the third ship", {"3"}),
        ("Hundreds of people, half of them young, paid 1.5 million", {"hundred", "half", "1.5"}),
        ("Room 007", {"7"}),
        ("One of them came first.", set()),
    ],
)
def test_numbers_are_values(text: str, numbers: set[str]) -> None:
    assert find_facts(text).numbers - {"million"} == numbers


@pytest.mark.parametrize(
    ("before", "after", "missing"),
    [
        ("The mayor of Bremen came.", "The mayor came.", {"bremen"}),
        ("Yesterday the mayor came.", "The mayor came yesterday.", set()),
        ("the polish mayor came", "the Polish mayor came", set()),
        ("Bremen's mayor came.", "The mayor of Bremen came.", set()),
        ("He came. Bremen was cold.", "He came. It was cold.", {"bremen"}),
        ("The U.S. mayor came.", "The US mayor came.", set()),
        ("The US mayor told them.", "The mayor told us.", {"US"}),
        ("He paid 40 euros.", "He paid 14 euros.", {"40"}),
        ("He paid two euros.", "He paid 2 euros.", set()),
    ],
)
def test_a_fact_is_missing_if_the_other_text_lacks_it(
    before: str, after: str, missing: set[str]
) -> None:
    assert find_facts(before).missing_in(find_facts(after)) == missing


def test_a_common_word_with_a_positional_capital_is_no_name() -> None:
    common = lower_case_words(["they were growing in heavy rain", "he drains it"])
    assert find_facts("Growing fast, he came.").names == {"growing"}
    assert find_facts("Growing fast, he came.", common).names == set()
    assert find_facts('He said: "Growing is good"', common).names == set()
    assert find_facts("Then, Growing came by", common).names == {"growing"}


def test_in_a_headline_only_uncommon_words_are_names() -> None:
    common = lower_case_words(["heavy rain drains it"])
    assert find_facts("Heavy Rain Drains Bremen", common).names == {"bremen"}
    assert find_facts("The company Heavy Rain came late", common).names == {"heavy", "rain"}


def test_shingles_are_counted_as_often_as_they_occur() -> None:
    assert shingle_overlap("a b c d e", "a b c d, a b c d") == (1, 2, 5)
    assert shingle_overlap("one two", "one two") == (1, 1, 1)
    assert shingle_overlap("", "one two") == (0, 0, 1)


@pytest.mark.parametrize(
    ("line", "others", "count"),
    [
        ("Menu", ["Menu"], 1),
        ("Menu", ["The menu is long today"], 0),
        ("The menu is long", ["Today, the menu is long."], 1),
        ("The menu is lo", ["Today, the menu is long."], 0),
        ("The menu is long. It is a good one.", ["the menu is long", "It is a good one"], 1),
        ("The menu is long. Subscribe to our letter now", ["the menu is long"], 0),
        ("The menu is long", [], 0),
    ],
)
def test_a_line_is_found_equal_contained_or_composed(
    line: str, others: list[str], count: int
) -> None:
    assert count_covered(line_words([line]), line_words(others)) == count


def test_lines_without_a_word_do_not_count() -> None:
    assert line_words(["***", "", " Good \u2013 Day! "]) == [("good", "day")]
