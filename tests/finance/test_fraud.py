"""Fraud: features are as of their moment, memory is exact, decisions keep their budget, formats are read rightly."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import verticals
from verticals.data.table import TABLE
from verticals_finance.adapters import layouts, messages
from verticals_finance.adapters.handbook import HANDBOOK
from verticals_finance.adapters.iso8583 import masked
from verticals_finance.fraud.decide import AlertPolicy, decide, tune
from verticals_finance.fraud.examples import Payments, label_codes
from verticals_finance.fraud.realtime import Payment, RealTimeScorer
from verticals_finance.fraud.schema import SCHEMA
from verticals_finance.fraud.simulate import simulate
from verticals_finance.fraud.task import FRAUD
from verticals_plugins import DataError, Dataset, Examples, Predictions, ReadOptions, UsageError

ADAPTERS = (*layouts.ALL, *messages.ALL)
OPTIONS = ReadOptions(schema=SCHEMA, need_target=False)


@pytest.fixture(scope="module")
def data() -> Dataset:
    return simulate(1, cards=80, terminals=40, days=100)


@pytest.fixture(scope="module")
def examples(data: Dataset) -> Examples:
    return Payments()(data)


def numbers(examples: Examples) -> pd.DataFrame:
    frame = examples.inputs["table"].frame  # type: ignore[attr-defined]
    return frame.select_dtypes("number")


def test_simulator_repeats_itself(data: Dataset) -> None:
    pd.testing.assert_frame_equal(data.main, simulate(1, cards=80, terminals=40, days=100).main)
    assert 0.01 < (data.main["fraud"] == "1").mean() < 0.1


def test_later_payments_change_no_earlier_feature(data: Dataset, examples: Examples) -> None:
    cut = len(data.main) // 2
    early = Payments()(data.with_main(data.main.iloc[:cut].reset_index(drop=True)))
    pd.testing.assert_frame_equal(numbers(examples).iloc[:cut], numbers(early), check_exact=True)


def test_memory_gives_the_numbers_of_the_whole_past(data: Dataset, examples: Examples) -> None:
    cut = len(data.main) * 3 // 4
    old, new = (data.with_main(part.reset_index(drop=True)) for part in (data.main.iloc[:cut], data.main.iloc[cut:]))
    later = Payments()(new, Payments().memory(old))
    pd.testing.assert_frame_equal(numbers(examples).iloc[cut:].reset_index(drop=True), numbers(later), check_exact=True)


def test_label_within_its_delay_is_not_an_input(data: Dataset, examples: Examples) -> None:
    last = data.main["time"].max()
    fresh = data.main["time"] > last - pd.Timedelta(days=7)
    flipped = data.main.assign(fraud=np.where(fresh, "1", data.main["fraud"].astype(str)))
    pd.testing.assert_frame_equal(numbers(examples), numbers(Payments()(data.with_main(flipped))), check_exact=True)


def test_order_of_rows_does_not_matter(data: Dataset, examples: Examples) -> None:
    shuffled = data.main.sample(frac=1, random_state=0)
    again = Payments()(data.with_main(shuffled.reset_index(drop=True)))
    order = pd.Series(np.arange(len(again)), index=again.frame["id"]).loc[examples.frame["id"]].to_numpy()
    pd.testing.assert_frame_equal(numbers(again.take(order)), numbers(examples), check_exact=True)


def said(examples: Examples, values: np.ndarray) -> Predictions:
    return Predictions(examples, values)


def test_threshold_keeps_the_budget_of_alerts(examples: Examples) -> None:
    values = np.random.default_rng(0).random(len(examples))
    policy = AlertPolicy(alerts_per_day=2)
    found = decide(said(examples, values), policy, tune(said(examples, values), policy))
    assert found.summary["alerts_per_day"] == pytest.approx(2, abs=0.05)


def test_false_positive_rate_is_kept(examples: Examples) -> None:
    values = np.random.default_rng(0).random(len(examples))
    policy = AlertPolicy(max_fpr=0.01)
    found = decide(said(examples, values), policy, tune(said(examples, values), policy)).table
    assert examples.truth is not None
    assert (found["action"][examples.truth == 0] != "pass").mean() <= 0.01


def test_costs_alert_only_where_the_loss_exceeds_the_review(examples: Examples) -> None:
    policy = AlertPolicy(use_costs=True, review_cost=10)
    predictions = said(examples, np.full(len(examples), 0.1))
    found = decide(predictions, policy, tune(predictions, policy)).table
    assert (found["amount"][found["action"] != "pass"] > 100).all()
    assert (found["amount"][found["action"] == "pass"] <= 100).all()


def test_money_saved_by_hand(examples: Examples) -> None:
    assert examples.truth is not None
    predictions = said(examples, examples.truth.astype(float))
    rule = tune(predictions, AlertPolicy(use_costs=True))
    found = decide(predictions, AlertPolicy(use_costs=True, review_cost=0), rule)
    frauds = examples.frame["amount"][examples.truth == 1].sum() / examples.frame["day"].nunique()
    assert found.summary["saved_per_day"] == pytest.approx(frauds)
    assert found.summary["lost_per_day"] == 0


def test_money_of_several_currencies_is_told_in_the_headline(data: Dataset) -> None:
    for currencies, told in ((["EUR", "JPY"], True), (["EUR"], False)):
        main = data.main.assign(currency=np.resize(currencies, len(data.main)))
        predictions = said(found := Payments()(data.with_main(main)), np.full(len(found), 0.5))
        headline = decide(predictions, AlertPolicy(), tune(predictions, AlertPolicy())).headline
        assert ("amounts in EUR, JPY were added as they are" in headline) == told


def test_senseless_policy_is_refused() -> None:
    with pytest.raises(UsageError, match="alerts_per_day > 0"):
        AlertPolicy(alerts_per_day=0)


@pytest.mark.parametrize("bad", FRAUD.bad_inputs, ids=lambda bad: bad.name)
def test_documented_bad_input_gives_the_documented_error(bad, tmp_path: Path) -> None:
    with pytest.raises(bad.error, match=bad.match):
        verticals.run(FRAUD, bad.make(tmp_path), out=tmp_path / "run")


# ------------------------------------------------------------------------------------------------------------ formats


def read(path: Path) -> Dataset:
    best = max(ADAPTERS, key=lambda one: one.sniff(path).score)
    return best.read(path, OPTIONS)


def test_tabformer_sample(shared: Callable[[str], Path]) -> None:
    main = read(shared("formats/finance/transactions/tabformer_user0_head2000.csv")).main
    assert len(main) == 2000
    assert main["amount"].sum() == pytest.approx(134_354.75)
    assert (main["amount"] < 0).sum() == 74
    assert main["terminal"].astype(str).str.startswith("-").sum() == 1017
    assert main["time"].min() == pd.Timestamp("2002-09-01 06:21")


def test_paysim_sample(shared: Callable[[str], Path]) -> None:
    found = read(shared("formats/finance/transactions/paysim_head2000.csv"))
    assert found.main["amount"].sum() == pytest.approx(222_136_603.39)
    assert (found.main["fraud"].astype(str) == "1").sum() == 14
    assert any("no calendar" in line for line in found.provenance.ledger.warnings)


def test_amlsim_sample(shared: Callable[[str], Path]) -> None:
    main = read(shared("formats/finance/transactions/amlsim_tx.csv")).main
    assert len(main) == 45
    assert main["amount"].sum() == pytest.approx(6745.69)


def test_pacs008_header_that_disagrees_is_reported(shared: Callable[[str], Path]) -> None:
    found = read(shared("formats/finance/pacs008/pacs.008.001.07.xml"))
    assert found.main["amount"].tolist() == [5000.0]
    assert sum("10000" in line for line in found.provenance.ledger.warnings) == 2


@pytest.mark.parametrize("name", ["cbpr2026_pacs.008.max.xml", "cbpr2025_pacs.008_stp.min.xml"])
def test_pacs008_samples(shared: Callable[[str], Path], name: str) -> None:
    found = read(shared(f"formats/finance/pacs008/{name}")).main
    assert found["amount"].tolist() == [1000.0]
    assert found["currency"].astype(str).tolist() == ["EUR"]
    assert found["id"].iloc[0].startswith("00000000-0000-4000-8")


@pytest.mark.parametrize("name", ["camt053/camt053.v8.xml", "pain001/sepa_pain_001_v3_multiple_pmtinf.xml"])
def test_other_iso20022_messages_are_refused_by_name(shared: Callable[[str], Path], name: str) -> None:
    with pytest.raises(DataError, match=name.split("/")[0][:4]):
        read(shared(f"formats/finance/{name}"))


def test_iso8583_yen_have_no_decimals_and_the_card_is_masked(shared: Callable[[str], Path]) -> None:
    main = read(shared("formats/finance/iso8583/basei_0100-auth-request.hex")).main
    assert main["amount"].tolist() == [5000.0]
    assert main["mcc"].astype(str).tolist() == ["5999"]
    card = str(main["card"].iloc[0])
    assert card.startswith("411111…1111")
    assert "4111111111111111" not in card


def test_hash_of_a_card_number_needs_the_secret() -> None:
    plain, keyed, other = (masked("4111111111111111", salt) for salt in ("", "one", "two"))
    assert len({plain, keyed, other}) == 3
    assert keyed == masked(" 4111111111111111 ", "one")
    assert masked("", "one") == ""


@pytest.mark.parametrize(
    ("name", "why"), [("basei_0420-reversal-advice.hex", "reversal"), ("spec87ascii_0800-network-echo.hex", "network")]
)
def test_messages_that_are_no_payments_are_named(shared: Callable[[str], Path], name: str, why: str) -> None:
    with pytest.raises(DataError, match=why):
        read(shared(f"formats/finance/iso8583/{name}"))


def test_message_with_entities_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.xml"
    path.write_text('<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]><Document><FIToFICstmrCdtTrf/></Document>')
    with pytest.raises(DataError, match="document type"):
        read(path)


def test_handbook_counts(shared: Callable[[str], Path]) -> None:
    folder = shared("finance/fraud_handbook")
    main = HANDBOOK.read(folder, ReadOptions(schema=SCHEMA)).main
    assert len(main) == 1_504_628
    assert (main["fraud"] == "1").sum() == 12_484
    train = main[main["time"].between("2018-07-25", "2018-08-01", inclusive="left")]
    assert (len(train), (train["fraud"] == "1").sum()) == (67_240, 598)


PAYSIM_ROWS = "step,type,amount,nameOrig,oldbalanceOrg,newbalanceOrig,nameDest,oldbalanceDest,newbalanceDest,isFraud\n"


def test_counted_time_that_is_no_number_is_told_as_unreadable(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_text(
        PAYSIM_ROWS + "1,PAYMENT,5.0,C1,0,0,M1,0,0,0\n2,PAYMENT,5.0,C2,0,0,M1,0,0,1\nx,PAYMENT,5,C3,0,0,M1,0,0,0\n"
    )
    found = read(path)
    assert found.main["time"].astype(str).tolist() == ["2017-01-01 01:00:00", "2017-01-01 02:00:00"]
    assert "cannot be read as a time" in next(iter(found.provenance.ledger.dropped))


def test_layout_in_parquet_and_in_a_folder(tmp_path: Path) -> None:
    rows = pd.DataFrame({"TransactionID": [7, 8], "isFraud": [0, 1], "TransactionDT": [0, 90],
                         "TransactionAmt": [1.5, 2], "ProductCD": ["W", None],
                         "card1": [1, 2], "card2": [None, 5.0]})  # fmt: skip
    rows.to_parquet(tmp_path / "train_transaction.parquet")
    found = read(tmp_path / "train_transaction.parquet").main
    assert found["card"].astype(str).tolist() == ["1|", "2|5"]
    assert found["mcc"].isna().tolist() == [False, True]
    (tmp_path / "train_transaction.parquet").unlink()
    rows.to_csv(tmp_path / "train_transaction.csv", index=False)
    rows.drop(columns="isFraud").to_csv(tmp_path / "test_transaction.csv", index=False)
    (tmp_path / "train_identity.csv").write_text("TransactionID,id_01\n7,1\n")
    best = max(ADAPTERS, key=lambda one: one.sniff(tmp_path).score)
    found_in = best.read(tmp_path, ReadOptions(schema=SCHEMA))
    assert found_in.main["fraud"].astype(str).tolist() == ["0", "1"]
    assert "only train_transaction.csv was read" in " ".join(found_in.provenance.ledger.warnings)


def test_damaged_handbook_and_senseless_day_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "transactions.npz"
    arrays = dict.fromkeys(("tx_time_delta", "customer_id", "terminal_id", "amount_cents", "tx_fraud"), np.zeros(3))
    np.savez(path, **arrays)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="first_day"):
        HANDBOOK.read(path, ReadOptions(schema=SCHEMA, options={"first_day": "monday"}))
    np.savez(path, **arrays | {"tx_fraud": np.zeros(2)})  # type: ignore[arg-type]
    with pytest.raises(DataError, match="different shapes"):
        HANDBOOK.read(path, ReadOptions(schema=SCHEMA))
    for wrong in (np.full(3, "x"), np.full(3, np.nan)):
        np.savez(path, **arrays | {"amount_cents": wrong})  # type: ignore[arg-type]
        with pytest.raises(DataError, match="no numbers in amount_cents"):
            HANDBOOK.read(path, ReadOptions(schema=SCHEMA))
    np.savez(path, **dict.fromkeys(arrays, np.zeros(0)))  # type: ignore[arg-type]
    with pytest.raises(DataError, match="no numbers"):
        HANDBOOK.read(path, ReadOptions(schema=SCHEMA))
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(DataError, match="not the handbook"):
        HANDBOOK.read(path, ReadOptions(schema=SCHEMA))


@pytest.mark.parametrize(
    ("words", "right"),
    [
        (["fraud", "not fraud"], [1, 0]), (["non-fraud", "fraud"], [0, 1]), (["genuine", "bogus"], [0, 1]),
        (["fraudulent", "valid"], [1, 0]), (["2", "1"], [1, 0]), (["-1", "1"], [0, 1]), (["No", "Yes"], [0, 1]),
        (["fraud", ""], [1, -1]), (["0", "0"], [0, 0]),
    ],
)  # fmt: skip
def test_word_for_fraud_is_class_one(words: list[str], right: list[int]) -> None:
    assert label_codes(pd.DataFrame({"fraud": words})).tolist() == right


@pytest.mark.parametrize("words", [["A", "B"], ["closed", "open"], ["disputed", ""]])
def test_words_that_do_not_say_what_is_fraud_are_refused(words: list[str]) -> None:
    with pytest.raises(DataError, match="option positive"):
        label_codes(pd.DataFrame({"fraud": words}))


# ---------------------------------------------------------------------------------------------- practitioners' cases


def test_decimal_marks_of_one_statement(tmp_path: Path) -> None:
    """Case O1: comma, point and grouping in one column; what is ambiguous is reported, not guessed."""
    path = tmp_path / "s.csv"
    rows = [
        'a,"            -12.80"',
        'b,"           -200,00"',
        'c,"1,650.00"',
        'd,"2.000,50"',
        'e,"-24,9900"',
        'f,"1,650"',
    ]
    path.write_text("id,amount\n" + "\n".join(rows) + "\n")
    full = tmp_path / "p.csv"
    lines = path.read_text().splitlines()
    full.write_text(
        "card,time,"
        + lines[0]
        + "\n"
        + "\n".join(f"x,2026-01-0{i},{line}" for i, line in enumerate(lines[1:], 1))
        + "\n"
    )
    data = TABLE.read(full, OPTIONS)
    assert dict(zip(data.main["id"], data.main["amount"], strict=True)) == {
        "a": -12.80, "b": -200.0, "c": 1650.0, "d": 2000.5, "e": -24.99,
    }  # fmt: skip
    ledger = data.provenance.ledger
    assert sum(ledger.dropped.values()) == 1
    assert "1650" in next(iter(ledger.dropped))
    assert ledger.where[next(iter(ledger.dropped))][0].startswith("line 7")


def test_redelivered_and_late_event_counts_once() -> None:
    """Case O6: A, B, A again: count 2, sum 70, and the second A is answered as the first."""
    from verticals.data.windows import Event, Stream, Want

    hour = 3600 * 10**9
    stream = Stream([Want("count", "count", hour), Want("sum", "sum", hour, "amount")])
    base = 10 * hour
    a = Event("c1", base - 3 * 10**9, "A", {"amount": 50})
    b = Event("c1", base, "B", {"amount": 20})
    first = stream.push(a)
    after = stream.push(b)
    assert stream.push(a) == first
    assert (after["count"], after["sum"]) == (2.0, 70.0)


# ------------------------------------------------------------------------------------------------- one at a time


@pytest.fixture(scope="module")
def bundle(data: Dataset, tmp_path_factory: pytest.TempPathFactory) -> verticals.Bundle:
    old = data.with_main(data.main.iloc[: len(data.main) * 3 // 4].reset_index(drop=True))
    return verticals.run("finance.fraud", old, out=tmp_path_factory.mktemp("run") / "r", preset="quick").bundle


def stream(data: Dataset, bundle: verticals.Bundle) -> tuple[RealTimeScorer, list[Payment], pd.DataFrame]:
    later = data.main.iloc[len(data.main) * 3 // 4 :].reset_index(drop=True)
    payments = [
        Payment(row.id, row.card, row.time, row.amount, row.terminal, {"country": row.country, "channel": row.channel})
        for row in later.itertuples()
    ]
    return RealTimeScorer(bundle), payments, later


def test_stream_has_the_features_of_the_batch(data: Dataset, bundle: verticals.Bundle) -> None:
    scorer, payments, later = stream(data, bundle)
    batch = numbers(Payments()(data.with_main(later), bundle.past))
    delay = pd.Timedelta(days=7)
    waiting = list(later[["time", "id", "fraud"]].itertuples(index=False))
    for number, payment in enumerate(payments[:250]):
        while waiting and waiting[0].time + delay <= payment.time:
            known = waiting.pop(0)
            scorer.tell(known.id, known.fraud == "1", known.time + delay)
        found = scorer.features(payment)[batch.columns].to_numpy(dtype=np.float32)
        wrong = ~(
            (found == batch.iloc[number].to_numpy()) | (np.isnan(found) & np.isnan(batch.iloc[number].to_numpy()))
        )
        assert not wrong.any(), list(batch.columns[wrong])


def test_second_delivery_is_answered_as_the_first(data: Dataset, bundle: verticals.Bundle) -> None:
    scorer, payments, _ = stream(data, bundle)
    first = scorer.score(payments[0])
    scorer.score(payments[1])
    assert scorer.score(payments[0]) == first
    assert first.action in {"stop", "review", "pass"}
