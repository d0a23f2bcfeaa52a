"""Find the plugins, load each apart, call each apart, and keep what failed with its reason.

pluggy isolates nothing: one implementation that raises ends the whole hook call. So hooks are called here plugin by
plugin, and a plugin that raises is set aside and named instead of taking the suite down.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache
from importlib.metadata import Distribution, EntryPoint, distributions
from typing import TYPE_CHECKING, Any, TypeVar

import pluggy

from verticals_plugins import hookspecs
from verticals_plugins.errors import MissingExtraError, PluginError, UsageError, VerticalsError
from verticals_plugins.markers import PROJECT

if TYPE_CHECKING:
    from verticals_plugins.types import (
        Adapter,
        Baseline,
        Command,
        Head,
        Metric,
        Objective,
        Stem,
        Task,
        Trunk,
    )

T = TypeVar("T")

KINDS = {
    "verticals_tasks": "Task",
    "verticals_adapters": "Adapter",
    "verticals_stems": "Stem",
    "verticals_trunks": "Trunk",
    "verticals_objectives": "Objective",
    "verticals_heads": "Head",
    "verticals_baselines": "Baseline",
    "verticals_metrics": "Metric",
    "verticals_commands": "Command",
}
"""What each hook of registration returns an iterable of."""

GROUP = "verticals"
ONLY = "VERTICALS_PLUGINS"
"""Environment variable: a comma-separated list of the entry points to load; all others are left alone."""


@dataclass
class Plugin:
    """An installed plugin: its entry point's name, distribution, version, and why it is not ready if it is not."""

    name: str
    distribution: str
    version: str
    error: Exception | None = None
    blocked: bool = False

    @property
    def state(self) -> str:
        """``ready``, ``blocked`` by the environment, or ``failed``."""
        return "failed" if self.error else "blocked" if self.blocked else "ready"

    @property
    def where(self) -> str:
        """Entry point and distribution, as errors name them."""
        return f"{self.name} ({self.distribution} {self.version})"


@dataclass
class Plugins:
    """The loaded plugins; registered things by kind and name."""

    manager: pluggy.PluginManager
    known: dict[str, Plugin] = field(default_factory=dict[str, Plugin])

    # -- registration, one table per hook

    def tasks(self) -> dict[str, Task]:
        """Tasks by name."""
        return self.collect("verticals_tasks")

    def adapters(self) -> dict[str, Adapter]:
        """Adapters by name."""
        return self.collect("verticals_adapters")

    def stems(self) -> dict[str, Stem]:
        """Stems by name."""
        return self.collect("verticals_stems")

    def trunks(self) -> dict[str, Trunk]:
        """Trunks by name."""
        return self.collect("verticals_trunks")

    def objectives(self) -> dict[str, Objective]:
        """Objectives by name."""
        return self.collect("verticals_objectives")

    def heads(self) -> dict[str, Head]:
        """Heads by name."""
        return self.collect("verticals_heads")

    def baselines(self) -> dict[str, Baseline]:
        """Baselines by name."""
        return self.collect("verticals_baselines")

    def metrics(self) -> dict[str, Metric]:
        """Metrics by name."""
        return self.collect("verticals_metrics")

    def commands(self) -> dict[str, Command]:
        """Further commands by name."""
        return self.collect("verticals_commands")

    def task(self, name: str) -> Task:
        """The task called ``name``.

        Raises:
            UsageError: no ready plugin has it; names those there are and the plugins that failed.
            MissingExtraError: the plugin that is called like the first part of ``name`` lacks a package.
        """
        table = self.tasks()
        owner = self.known.get(name.split(".")[0])
        if name not in table and owner and isinstance(owner.error, MissingExtraError):
            raise owner.error
        return find("task", table, name, self)

    # -- calls

    def notify(self, hook: str, **arguments: Any) -> list[str]:
        """Call a life-of-a-run hook on every plugin; return one warning per plugin that raised."""
        warnings: list[str] = []
        for plugin, implementation in self._implementations(hook):
            try:
                implementation(**arguments)
            except (Exception, SystemExit) as err:
                warnings.append(_passed_over(plugin, hook, err))
        return warnings

    def gather(self, hook: str, **arguments: Any) -> tuple[list[Any], list[str]]:
        """Call a hook that returns a sequence on every plugin; return all items, and warnings."""
        items: list[Any] = []
        warnings: list[str] = []
        for plugin, implementation in self._implementations(hook):
            try:
                items += list(implementation(**arguments) or ())
            except (Exception, SystemExit) as err:
                warnings.append(_passed_over(plugin, hook, err))
        return items, warnings

    def thread(self, hook: str, value: Any, *, name: str, **arguments: Any) -> Any:
        """Pass ``value`` (argument ``name``) through every plugin's hook in turn, in the order of the plugins' names.

        Raises:
            VerticalsError: a plugin refuses the value.
            PluginError: a plugin failed; it is not passed over, since a guard that fails must not let data through.
        """
        for plugin, implementation in self._implementations(hook):
            try:
                value = implementation(**{name: value}, **arguments)
            except VerticalsError:
                raise
            except (Exception, SystemExit) as err:
                raise PluginError(f"Plugin {plugin.where} failed in {hook}: {err!r}") from err
            if value is None:
                raise PluginError(f"Plugin {plugin.where} returned nothing from {hook}.", expected=f"A {name}.")
        return value

    def registered(self, plugin: str, hook: str) -> list[Any]:
        """What the one plugin of this name registers in ``hook``; nothing if it fails, is blocked or has no such hook.

        A plugin that fails is set aside from then on, with its error in ``known``.
        """
        return [item for one, items in self._registered(hook) if one.name == plugin for item in items]

    def _registered(self, hook: str) -> Iterator[tuple[Plugin, list[Any]]]:
        for plugin, implementation in self._implementations(hook):
            try:
                yield plugin, _items(plugin, hook, implementation())
            except (Exception, SystemExit) as err:
                plugin.error = _as_error(plugin, err, f"in {hook}")

    def collect(self, hook: str) -> dict[str, Any]:
        """What all plugins register in ``hook``, by name.

        Raises:
            PluginError: two register the same name; names both.
        """
        found: dict[str, Any] = {}
        owner: dict[str, Plugin] = {}
        for plugin, items in self._registered(hook):
            for item in items:
                if item.name in found:
                    raise PluginError(
                        f"Two plugins register {item.name!r} in {hook}: {owner[item.name].where} and {plugin.where}.",
                        todo=f"Uninstall one, or set {ONLY} to the plugins wanted.",
                    )
                found[item.name], owner[item.name] = item, plugin
        return found

    def _implementations(self, hook: str) -> Iterator[tuple[Plugin, Callable[..., Any]]]:
        caller = getattr(self.manager.hook, hook)
        ready = [one for one in caller.get_hookimpls() if self.known[one.plugin_name].state == "ready"]
        for implementation in sorted(ready, key=lambda one: one.plugin_name):
            yield self.known[implementation.plugin_name], _narrow(implementation)


def _passed_over(plugin: Plugin, hook: str, err: BaseException) -> str:
    return f"plugin {plugin.where} failed in {hook} and was passed over: {err!r}"


def _as_error(plugin: Plugin, err: BaseException, when: str) -> Exception:
    """An exception that can be kept: ``SystemExit`` would end the suite where it is raised again."""
    return err if isinstance(err, Exception) else PluginError(f"Plugin {plugin.where} raised {err!r} {when}.")


def _items(plugin: Plugin, hook: str, items: Any) -> list[Any]:
    """What a hook of registration returned, each of the hook's own type.

    Raises:
        PluginError: something else was returned.
    """
    kind = KINDS[hook]
    found = list(items) if hasattr(items, "__iter__") else [items]
    for item in found:
        if type(item).__name__ != kind:
            raise PluginError(
                f"Plugin {plugin.where} returned {item!r} from {hook}.",
                expected=f"An iterable of {kind}, of verticals_plugins.",
            )
    return found


def _narrow(implementation: pluggy.HookImpl) -> Callable[..., Any]:
    """Let an implementation ask for fewer arguments than the hook has, as pluggy does."""

    def call(**arguments: Any) -> Any:
        return implementation.function(**{name: arguments[name] for name in implementation.argnames})

    return call


def find(kind: str, table: dict[str, T], name: str, plugins: Plugins | None = None) -> T:
    """Look ``name`` up among the registered things of a kind.

    Raises:
        UsageError: it is not there; names what is.
    """
    if name in table:
        return table[name]
    failed = [p.where for p in plugins.known.values() if p.error] if plugins else []
    close = get_close_matches(name, table, 1)
    raise UsageError(
        f"There is no {kind} {name!r}." + (f" Did you mean {close[0]!r}?" if close else ""),
        expected=f"Known: {', '.join(sorted(table)) or 'none'}.",
        todo=f"Not loaded because they failed: {', '.join(failed)}; see `verticals doctor`." if failed else "",
    )


def load(group: str = GROUP, *, only: str | None = None) -> Plugins:
    """Load every installed plugin of ``group``; a plugin that fails is kept in ``known`` with its error.

    ``only`` (default: the environment variable ``VERTICALS_PLUGINS``) names the entry points to load, by comma.
    """
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(hookspecs)
    plugins = Plugins(manager)
    wanted = os.environ.get(ONLY) if only is None else only
    allowed = None if wanted is None else {name.strip() for name in wanted.split(",") if name.strip()}
    for point, distribution in _entry_points(group):
        plugin = Plugin(point.name, distribution.metadata["Name"], distribution.version)
        if point.name in plugins.known:
            first = plugins.known[point.name]
            if first.blocked:
                continue
            first.error = PluginError(
                f"Two distributions have an entry point {point.name!r}: {first.where} and {plugin.where}.",
                todo="Uninstall one of them.",
            )
            continue
        plugins.known[point.name] = plugin
        plugin.blocked = allowed is not None and point.name not in allowed
        if not plugin.blocked:
            _register(manager, point, plugin)
    return plugins


def _register(manager: pluggy.PluginManager, point: EntryPoint, plugin: Plugin) -> None:
    try:
        module = point.load()
        version = getattr(module, "VERTICALS_CONTRACT", hookspecs.VERSION)
        if version != hookspecs.VERSION:
            raise PluginError(
                f"Plugin {plugin.where} was written for contract version {version}.",
                expected=f"This is version {hookspecs.VERSION}.",
                todo="Install a version of the plugin that fits.",
            )
        manager.register(module, name=point.name)
        manager.check_pending()
        _refuse_wrappers(manager, module, plugin)
    except (Exception, SystemExit) as err:
        if manager.has_plugin(point.name):
            manager.unregister(name=point.name)
        plugin.error = _as_error(plugin, err, "at import")


def _refuse_wrappers(manager: pluggy.PluginManager, module: Any, plugin: Plugin) -> None:
    for caller in manager.get_hookcallers(module) or ():
        for one in caller.get_hookimpls():
            if one.plugin is module and (one.wrapper or one.hookwrapper):
                raise PluginError(
                    f"Plugin {plugin.where} wraps {caller.name}.",
                    expected="Hooks are called plugin by plugin, so there is nothing to wrap.",
                )


def _entry_points(group: str) -> list[tuple[EntryPoint, Distribution]]:
    seen: dict[tuple[str, str], tuple[EntryPoint, Distribution]] = {}
    for distribution in distributions():
        for point in distribution.entry_points:
            if point.group == group:
                seen.setdefault((point.name, distribution.metadata["Name"]), (point, distribution))
    return [seen[key] for key in sorted(seen)]


@cache
def installed() -> Plugins:
    """The plugins of this process, loaded once."""
    return load()
