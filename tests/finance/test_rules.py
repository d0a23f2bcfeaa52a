"""Rules and lists: read from a file, back-tested before they count, kept in the bundle, applied wherever it scores."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import verticals
from verticals.cli import main
from verticals_finance.fraud.decide import AlertPolicy, decide, tune
from verticals_finance.fraud.examples import Payments
from verticals_finance.fraud.realtime import Payment, RealTimeScorer
from verticals_finance.fraud.rules import Case, read_rules
from verticals_finance.fraud.simulate import simulate
from verticals_plugins import Dataset, Examples, Predictions, UsageError

RULES = """
[lists]
block_cards = ["c1"]
allow_terminals = ["t2"]

[[rules]]
name = "burst"
when = "card_payments_10min >= 3 and amount < 5"
action = "review"

[[rules]]
name = "everything at home"
when = "country == 'DE' and amount < 15"
action = "stop"
"""


@pytest.fixture(scope="module")
def data() -> Dataset:
    return simulate(1, cards=80, terminals=40, days=100)


@pytest.fixture(scope="module")
def examples(data: Dataset) -> Examples:
    return Payments()(data)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "rules.toml"
    path.write_text(RULES)
    return path


def said(examples: Examples, values: np.ndarray) -> Predictions:
    return Predictions(examples, values)


def test_back_test_by_hand(examples: Examples, file: Path) -> None:
    assert examples.truth is not None
    book, fraud = read_rules(file), examples.truth == 1
    case, days = Case.of(examples), examples.frame["day"].nunique()
    alerts = np.zeros(len(examples), dtype=bool)
    alerts[::2] = True
    tested = book.back_test(case, fraud, alerts, case.amount, 5.0, days).set_index("name")
    table = examples.inputs["table"].frame  # type: ignore[attr-defined]
    hit = ((table["card_payments_10min"] >= 3) & (table["amount"] < 5)).to_numpy()
    hit &= (case.card != "c1") & (case.terminal != "t2")
    only = hit & ~alerts
    assert hit.sum() > 5
    assert tested.loc["rule burst", "alerts_per_day"] == pytest.approx(hit.sum() / days)
    assert tested.loc["rule burst", "precision"] == pytest.approx(fraud[hit].mean())
    saved = (case.amount[only & fraud].sum() - 5 * only.sum()) / days
    assert tested.loc["rule burst", "saved_per_day"] == pytest.approx(saved)
    allowed = (case.terminal == "t2") & (case.card != "c1") & alerts
    spared = (5 * allowed.sum() - case.amount[allowed & fraud].sum()) / days
    assert tested.loc["list allow_terminals", "alerts_per_day"] == 0
    assert tested.loc["list allow_terminals", "saved_per_day"] == pytest.approx(spared)


def test_rule_that_lost_money_on_history_is_left_out_and_named(examples: Examples, file: Path) -> None:
    policy = AlertPolicy(rules=str(file), review_cost=0.5)
    predictions = said(examples, np.zeros(len(examples)))
    rule = tune(predictions, policy)
    assert rule.numbers["rule everything at home: saved_per_day"] < 0 <= rule.numbers["rule burst: saved_per_day"]
    found = decide(predictions, policy, rule)
    reasons = set(found.table["reason"])
    assert {"rule burst", "list block_cards", "list allow_terminals"} <= reasons
    assert "rule everything at home" not in reasons
    assert "rule everything at home left out: it lost money on history" in found.headline
    assert (found.table["action"][found.table["card"] == "c1"] == "stop").all()
    assert found.summary["rule burst: precision"] == rule.numbers["rule burst: precision"]
    as_given = AlertPolicy(rules=str(file), review_cost=0.5, rules_must_save=False)
    found = decide(predictions, as_given, tune(predictions, as_given))
    assert "rule everything at home" in set(found.table["reason"])


def test_rules_take_their_share_of_the_budget(examples: Examples, file: Path) -> None:
    values = np.random.default_rng(0).random(len(examples))
    policy = AlertPolicy(rules=str(file), alerts_per_day=4)
    predictions = said(examples, values)
    found = decide(predictions, policy, tune(predictions, policy))
    assert found.summary["decided_by_rules"] > 0
    assert found.summary["alerts_per_day"] == pytest.approx(4, abs=0.05)


def test_policy_keeps_the_content_and_json_is_read_as_toml(file: Path, tmp_path: Path) -> None:
    policy = AlertPolicy(rules=str(file))
    written = tmp_path / "rules.json"
    written.write_text(json.dumps(json.loads(policy.rules)))
    file.unlink()
    assert AlertPolicy(rules=policy.rules) == policy
    assert AlertPolicy(rules=str(written)).book == policy.book


RULE = '[[rules]]\nname = "x"\naction = "review"\nwhen = '


@pytest.mark.parametrize(
    ("text", "match"),
    [
        (RULE + "'amount is high'", "Rule 'x': the condition 'amount is high' is not understood"),
        (RULE + "'amonut > 5'", "payments have no number 'amonut'.*amount"),
        (RULE + "'city == \"Rome\"'", "payments have no category 'city'"),
        (RULE + "'country > \"DE\"'", "compared with a word by >"),
        (RULE + "''", "the condition '' is not understood"),
        (RULE.replace("review", "phone") + "'amount > 5'", "is not understood.*stop, review or pass"),
        (RULE + "'amount > 5'\n" + RULE + "'amount > 6'", "Several rules are called 'x'"),
        ("[lists]\nfriends = []\n", "list 'friends'.*block_cards"),
        ("[lists]\nblock_cards = 'c1'\n", "The list 'block_cards' is 'c1'"),
        ("rule = 5\n", "'rule', which is not understood"),
        ("[[rules]\n", "cannot be read: .*line 1"),
        ('{"rules": [}', "cannot be read: .*line 1"),
    ],
)
def test_rule_that_is_not_understood_is_refused(text: str, match: str, tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(text)
    with pytest.raises(UsageError, match=match):
        AlertPolicy(rules=str(path))


@pytest.mark.parametrize("text", [None, RULE + "'amonut > 5'"], ids=["no file", "unknown column"])
def test_command_line_refuses_rules_before_it_reads_anything(
    text: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, data = tmp_path / "rules.toml", tmp_path / "payments.csv"
    data.write_text("not read\n")
    if text is not None:
        path.write_text(text)
    words = ["run", "finance.fraud", "--data", str(data), "--out", str(tmp_path / "run"), "--rules", str(path)]
    assert main(words) == UsageError.exit_code
    err = capsys.readouterr().err
    assert "cannot be read" in err or "no number 'amonut'" in err
    assert "Traceback" not in err
    assert not (tmp_path / "run").exists()


def test_rules_from_the_command_line_are_reported_kept_and_applied(data: Dataset, file: Path, tmp_path: Path) -> None:
    payments, later, run = tmp_path / "payments.csv", tmp_path / "later.csv", tmp_path / "run"
    data.main.iloc[:-50].to_csv(payments, index=False)
    data.main.iloc[-50:].drop(columns="fraud").assign(card="c1").to_csv(later, index=False)
    words = ["run", "finance.fraud", "--data", str(payments), "--out", str(run), "--rules", str(file), "--quiet"]
    assert main([*words, "--preset", "quick", "--time-limit", "1s", "--threads", "1"]) == 0
    file.unlink()
    metrics = json.loads((run / "metrics.json").read_text())
    assert {"rule burst: saved_per_day", "rule burst: alerts_per_day"} <= set(metrics["decision"])
    assert "block_cards" in metrics["policy"]["rules"]
    assert "## Rules and lists, back-tested" in (run / "report.md").read_text()
    assert "block_cards" in (run / "config.json").read_text()
    out = tmp_path / "out.csv"
    assert main(["predict", str(run), "--data", str(later), "-o", str(out), "--quiet"]) == 0
    assert (pd.read_csv(out)["reason"] == "list block_cards").all()
    scorer = RealTimeScorer(verticals.load(run))
    answer = scorer.score(Payment("new", "c1", "2026-04-20T12:00:00Z", 20.0, "t5", {"country": "DE"}))
    assert (answer.action, answer.reason) == ("stop", "list block_cards")
