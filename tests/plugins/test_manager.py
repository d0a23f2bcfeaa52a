"""Plugins are found, loaded and called apart; what fails is named and does no harm."""

from __future__ import annotations

import argparse
from collections.abc import Callable

import pytest

from verticals.commands.plugins import doctor
from verticals_plugins import DataError, MissingExtraError, PluginError, UsageError
from verticals_plugins.manager import ONLY, Plugins, load

Install = Callable[..., None]

GOOD = """
@hookimpl
def verticals_metrics():
    return [Metric(name="good", label="good", larger_is_better=True, score=lambda predictions, weight: 1.0)]
"""


def loaded(*names: str) -> Plugins:
    return load(only=",".join(names))


def test_good_plugin_is_ready_and_its_things_are_found(install: Install) -> None:
    install("nice-plugin", version="1.2", good=GOOD)
    plugins = loaded("good")
    assert plugins.known["good"].state == "ready"
    assert plugins.known["good"].where == "good (nice-plugin 1.2)"
    assert list(plugins.metrics()) == ["good"]


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("raise RuntimeError('no licence')", "no licence"),
        ("import a_module_that_is_not_there", "a_module_that_is_not_there"),
        ("import sys; sys.exit(3)", "SystemExit(3)"),
        ("def broken(:", "invalid syntax"),
        ("VERTICALS_CONTRACT = 99", "contract version 99"),
        ("@hookimpl\ndef verticals_wonders(): return []", "verticals_wonders"),
        ("@hookimpl\ndef verticals_tasks(colour): return []", "colour"),
        ("@hookimpl(wrapper=True)\ndef verticals_tasks():\n    return (yield)", "wraps verticals_tasks"),
    ],
)
def test_plugin_broken_at_import_is_set_aside_with_its_reason(install: Install, source: str, reason: str) -> None:
    install("two-plugins", bad=source, good=GOOD)
    plugins = loaded("bad", "good")
    assert plugins.known["bad"].state == "failed"
    assert reason in str(plugins.known["bad"].error)
    assert list(plugins.metrics()) == ["good"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("raise ValueError('no data')", "no data"),
        ("import sys; sys.exit(1)", "SystemExit(1)"),
        ("return 5", "returned 5"),
        ("return ['a name']", "returned 'a name'"),
        ("return None", "returned None"),
        ("yield from [].nothing", "nothing"),
    ],
)
def test_plugin_broken_at_call_is_set_aside_with_its_reason(install: Install, body: str, reason: str) -> None:
    install("two-plugins", bad=f"@hookimpl\ndef verticals_metrics():\n    {body}", good=GOOD)
    plugins = loaded("bad", "good")
    assert list(plugins.metrics()) == ["good"]
    assert plugins.known["bad"].state == "failed"
    assert reason in str(plugins.known["bad"].error)


def test_plugin_may_hand_its_things_one_by_one(install: Install) -> None:
    install("slow", slow=GOOD.replace("return [", "yield ").replace("1.0)]", "1.0)"))
    assert list(loaded("slow").metrics()) == ["good"]


def test_two_plugins_with_one_name_are_an_error_that_names_both(install: Install) -> None:
    install("one-dist", one=GOOD)
    install("other-dist", version="2.0", other=GOOD)
    with pytest.raises(PluginError, match=r"'good'.*one \(one-dist 1\.0\) and other \(other-dist 2\.0\)"):
        loaded("one", "other").metrics()


def test_two_distributions_with_one_entry_point_are_named(install: Install) -> None:
    install("one-dist", same=GOOD)
    install("other-dist", same=GOOD)
    plugin = loaded("same").known["same"]
    assert plugin.state == "failed"
    assert "one-dist" in str(plugin.error)
    assert "other-dist" in str(plugin.error)


def test_environment_blocks_all_others(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    install("two-plugins", good=GOOD, other="raise RuntimeError('was imported')")
    monkeypatch.setenv(ONLY, " good , core")
    plugins = load()
    assert plugins.known["other"].state == "blocked"
    assert plugins.known["other"].error is None
    assert plugins.known["core"].state == "ready"
    assert "good" in plugins.metrics()


def test_without_the_environment_all_are_loaded(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    install("nice-plugin", good=GOOD)
    monkeypatch.delenv(ONLY, raising=False)
    assert load().known["good"].state == "ready"


def test_unknown_name_says_what_is_known_and_what_failed(install: Install) -> None:
    install("two-plugins", bad="raise RuntimeError", good=GOOD)
    with pytest.raises(UsageError, match=r"no task 'bad\.thing'.*bad \(two-plugins 1\.0\).*doctor"):
        loaded("bad", "good").task("bad.thing")


def test_task_of_a_plugin_that_lacks_a_package_says_how_to_install_it(install: Install) -> None:
    source = "@hookimpl\ndef verticals_tasks():\n    need('not_there_at_all', extra='lacking')"
    install("two-plugins", lacking=source, good=GOOD)
    plugins = loaded("lacking", "good")
    assert plugins.tasks() == {}
    with pytest.raises(MissingExtraError, match=r"pip install 'verticals\[lacking\]'"):
        plugins.task("lacking.job")


def test_hook_may_ask_for_fewer_arguments_and_a_failing_one_is_a_warning(install: Install) -> None:
    good = "seen = []\n@hookimpl\ndef verticals_stage_finished(stage):\n    seen.append(stage)"
    bad = "import sys\n@hookimpl\ndef verticals_stage_finished(seconds):\n    sys.exit(str(seconds))"
    install("two-plugins", bad=bad, good=good)
    plugins = loaded("bad", "good")
    warnings = plugins.notify("verticals_stage_finished", task=None, folder=None, stage="fit", seconds=1.5)
    assert plugins.manager.get_plugin("good").seen == ["fit"]
    assert len(warnings) == 1
    assert "bad (two-plugins 1.0) failed in verticals_stage_finished" in warnings[0]


def test_sections_of_all_plugins_are_gathered_without_those_that_fail(install: Install) -> None:
    good = "@hookimpl\ndef verticals_report_sections():\n    return [Section('Owner')]"
    bad = "@hookimpl\ndef verticals_report_sections():\n    yield Section('half')\n    raise ValueError"
    none = "@hookimpl\ndef verticals_report_sections():\n    return None"
    install("plugins", bad=bad, good=good, none=none)
    items, warnings = loaded("bad", "good", "none").gather(
        "verticals_report_sections", task=None, folder=None, metrics={}
    )
    assert [one.title for one in items] == ["Owner"]
    assert len(warnings) == 1


def test_guards_are_threaded_in_order_of_name(install: Install) -> None:
    first = "@hookimpl\ndef verticals_before_predict(frame):\n    return frame + ['first']"
    install("plugins", b=first.replace("first", "second"), a=first)
    assert loaded("a", "b").thread("verticals_before_predict", [], name="frame", task=None) == ["first", "second"]


@pytest.mark.parametrize(
    ("body", "error", "reason"),
    [
        ("raise DataError('a card number')", DataError, "^a card number"),
        ("raise ValueError('broken guard')", PluginError, r"guard \(plugins 1\.0\).*broken guard"),
        ("return None", PluginError, "returned nothing"),
    ],
)
def test_guard_that_fails_lets_nothing_through(
    install: Install, body: str, error: type[Exception], reason: str
) -> None:
    install("plugins", guard=f"@hookimpl\ndef verticals_after_predict(table):\n    {body}")
    with pytest.raises(error, match=reason):
        loaded("guard").thread("verticals_after_predict", [], name="table", task=None)


def test_doctor_names_each_plugin_its_state_and_the_reason(
    install: Install, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = "@hookimpl\ndef verticals_heads():\n    raise ValueError('half a head')"
    install("three", version="0.3", bad=bad, good=GOOD, other=GOOD)
    monkeypatch.setenv(ONLY, "bad,good,ghost")
    code = doctor(argparse.Namespace(json=False))
    lines = {line.split()[2]: line for line in capsys.readouterr().out.splitlines() if line.startswith("three")}
    assert code == PluginError.exit_code
    assert lines["good"].split() == ["three", "0.3", "good", "ready"]
    assert "failed" in lines["bad"]
    assert "half a head" in lines["bad"]
    assert "three_bad.py" in lines["bad"]
    assert "blocked" in lines["other"]


def test_doctor_tells_of_names_that_clash_or_are_not_installed(
    install: Install, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    install("pair", one=GOOD, two=GOOD)
    monkeypatch.setenv(ONLY, "one,two,ghost")
    assert doctor(argparse.Namespace(json=False)) == PluginError.exit_code
    out = capsys.readouterr().out
    assert "Two plugins register 'good'" in out
    assert "'ghost', which is not installed" in out
