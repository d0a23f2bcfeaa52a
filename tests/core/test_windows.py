"""Window aggregates: batch, stream and a plain loop agree to the last bit, and later rows change nothing."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verticals.data.windows import LIMIT, Event, EventTable, Span, Spread, Stream, Timeline, Want, aggregate, largest

WANTS = (
    Want("count", "count", 7),
    Want("sum", "sum", 7, "amount"),
    Want("mean", "mean", 5, "amount"),
    Want("std", "std", 9, "amount"),
    Want("places", "distinct", 6, "place"),
    Want("gap", "since_last", 20),
    Want("risk", "positive_share", 8),
)

events_strategy = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.integers(0, 30),
        st.integers(-5000, 5000),
        st.integers(0, 3),
        st.integers(0, 1),
        st.one_of(st.none(), st.integers(0, 12)),
    ),
    min_size=1,
    max_size=25,
)


def make(raw):
    return [
        Event(key, time, f"e{i:03d}", {"amount": amount, "place": place}, label, None if d is None else time + d)
        for i, (key, time, amount, place, label, d) in enumerate(raw)
    ]


def to_table(events):
    never = np.iinfo(np.int64).max
    return EventTable(
        key=np.array([e.key for e in events]),
        time=np.array([e.time for e in events]),
        id=np.array([e.id for e in events]),
        columns={c: np.array([e.columns[c] for e in events]) for c in ("amount", "place")},
        label=np.array([e.label for e in events]),
        known=np.array([never if e.known is None else e.known for e in events]),
    )


def by_hand(events, event):
    """The definition, with loops."""
    own = [e for e in events if e.key == event.key and (e.time, e.id) <= (event.time, event.id)]

    def within(width):
        return [e for e in own if e.time > event.time - width]

    amounts = {w: [e.columns["amount"] for e in within(w)] for w in (5, 7, 9)}
    mean = sum(amounts[9]) / len(amounts[9])
    before = [e.time for e in own if e.id != event.id]
    told = [e for e in events if e.key == event.key and e.known is not None]
    told = [e for e in told if event.time - 8 < max(e.known, e.time + 1) <= event.time]
    gap = event.time - max(before) if before else math.nan
    return {
        "count": len(amounts[7]),
        "sum": sum(amounts[7]),
        "mean": sum(amounts[5]) / len(amounts[5]),
        "std": math.sqrt(sum((a - mean) ** 2 for a in amounts[9]) / len(amounts[9])),
        "places": len({e.columns["place"] for e in within(6)}),
        "gap": gap if gap < 20 else math.nan,
        "risk": sum(e.label for e in told) / len(told) if told else math.nan,
    }


def same(a, b):
    return a == b or (math.isnan(a) and math.isnan(b))


@settings(max_examples=150, deadline=None)
@given(events_strategy)
def test_batch_is_what_the_definition_says(raw):
    events = make(raw)
    found = aggregate(to_table(events), WANTS)
    for i, event in enumerate(events):
        for name, value in by_hand(events, event).items():
            if name == "std":
                assert found[name][i] == pytest.approx(value, abs=1e-3)
            else:
                assert same(found[name][i], value), (name, i)


@settings(max_examples=100, deadline=None)
@given(events_strategy, st.randoms(use_true_random=False))
def test_a_stream_in_any_order_ends_with_the_batch_numbers(raw, random):
    events = make(raw)
    arrival = events[:]
    random.shuffle(arrival)
    stream = Stream(WANTS, keep=100)
    for event in arrival:
        stream.push(event)
    found = aggregate(to_table(events), WANTS)
    for i, event in enumerate(events):
        for name, value in stream.read(event).items():
            assert same(value, found[name][i]), (name, i)


@settings(max_examples=100, deadline=None)
@given(events_strategy)
def test_a_stream_in_order_answers_at_once_with_the_batch_numbers(raw):
    events = sorted(make(raw), key=lambda e: (e.time, e.id))
    stream = Stream(WANTS, keep=100)
    answers = [stream.push(event) for event in events]
    found = aggregate(to_table(events), WANTS)
    for i, answer in enumerate(answers):
        assert all(same(value, found[name][i]) for name, value in answer.items())


@settings(max_examples=60, deadline=None)
@given(events_strategy, events_strategy)
def test_later_rows_change_nothing(raw, more):
    events = make(raw)
    extra = [(k, t + 31, a, p, y, d) for k, t, a, p, y, d in more]
    longer = make(raw + extra)
    before, after = aggregate(to_table(events), WANTS), aggregate(to_table(longer), WANTS)
    for name in before:
        np.testing.assert_array_equal(before[name], after[name][: len(events)])


def test_an_event_delivered_twice_and_late_counts_once():
    wants = [Want("count", "count", 3600), Want("sum", "sum", 3600, "amount")]
    first = Event("c1", 39597, "A", {"amount": 50})
    second = Event("c1", 39600, "B", {"amount": 20})
    stream = Stream(wants)
    answer = stream.push(first)
    assert stream.push(second) == {"count": 2.0, "sum": 70.0}
    assert stream.push(first) == answer == {"count": 1.0, "sum": 50.0}
    assert stream.read(second) == {"count": 2.0, "sum": 70.0}
    late = Stream(wants)
    late.push(second)
    late.push(first)
    assert late.read(second) == {"count": 2.0, "sum": 70.0}


def test_an_event_older_than_what_is_kept_is_refused():
    stream = Stream([Want("count", "count", 10)], keep=20)
    stream.push(Event("k", 100, "a"))
    with pytest.raises(ValueError, match="older than the 20"):
        stream.push(Event("k", 80, "b"))


def test_largest_over_spans_matches_a_loop():
    rng = np.random.default_rng(0)
    values = rng.normal(size=200)
    values[rng.random(200) < 0.2] = np.nan
    lo = rng.integers(0, 200, 300)
    hi = np.minimum(lo + rng.integers(0, 70, 300), 200)
    found = largest(values, Span(lo, hi))
    for q in range(300):
        part = values[lo[q] : hi[q]]
        want = np.nan if np.isnan(part).all() else np.nanmax(part)
        assert same(found[q], want)


def test_standard_deviation_of_huge_amounts_is_exact_and_too_huge_ones_are_refused():
    values = np.array([LIMIT - 1, -(LIMIT - 1), 5])
    assert Spread(values).std(Span(np.array([0]), np.array([2])))[0] == pytest.approx(LIMIT - 1)
    with pytest.raises(ValueError, match="2\\*\\*48"):
        Spread(np.array([LIMIT]))


def test_unknown_keys_have_empty_windows():
    line = Timeline(np.array([3, 3]), np.array([1, 2]))
    assert line.window(np.array([9, 1]), np.array([5, 5]), 10).count.tolist() == [0, 0]
