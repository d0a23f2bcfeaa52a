"""Find the plugins, load each apart, call each apart, and keep what failed with its reason.

pluggy isolates nothing: one implementation that raises ends the whole hook call. So hooks are called here plugin by
plugin, and a plugin that raises is set aside and named instead of taking the suite down.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import Distribution, EntryPoint, distributions
from typing import TYPE_CHECKING, Any, TypeVar

import pluggy

from verticals_plugins import hookspecs
from verticals_plugins.errors import MissingExtraError, PluginError, UsageError
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
        return self._collect("verticals_tasks")

    def adapters(self) -> dict[str, Adapter]:
        """Adapters by name."""
        return self._collect("verticals_adapters")

    def stems(self) -> dict[str, Stem]:
        """Stems by name."""
        return self._collect("verticals_stems")

    def trunks(self) -> dict[str, Trunk]:
        """Trunks by name."""
        return self._collect("verticals_trunks")

    def objectives(self) -> dict[str, Objective]:
        """Objectives by name."""
        return self._collect("verticals_objectives")

    def heads(self) -> dict[str, Head]:
        """Heads by name."""
        return self._collect("verticals_heads")

    def baselines(self) -> dict[str, Baseline]:
        """Baselines by name."""
        return self._collect("verticals_baselines")

    def metrics(self) -> dict[str, Metric]:
        """Metrics by name."""
        return self._collect("verticals_metrics")

    def commands(self) -> dict[str, Command]:
        """Further commands by name."""
        return self._collect("verticals_commands")

    def task(self, name: str) -> Task:
        """The task called ``name``.

        Raises:
            UsageError: no ready plugin has it; names the near ones and the plugins that failed.
        """
        return find("task", self.tasks(), name, self)

    # -- calls

    def notify(self, hook: str, **arguments: Any) -> list[str]:
        """Call a life-of-a-run hook on every plugin; return one warning per plugin that raised."""
        warnings: list[str] = []
        for plugin, implementation in self._implementations(hook):
            try:
                implementation(**arguments)
            except Exception as err:
                warnings.append(f"plugin {plugin.where} failed in {hook} and was passed over: {err!r}")
        return warnings

    def gather(self, hook: str, **arguments: Any) -> tuple[list[Any], list[str]]:
        """Call a hook that returns a sequence on every plugin; return all items, and warnings."""
        items: list[Any] = []
        warnings: list[str] = []
        for plugin, implementation in self._implementations(hook):
            try:
                items.extend(implementation(**arguments) or ())
            except Exception as err:
                warnings.append(f"plugin {plugin.where} failed in {hook} and was passed over: {err!r}")
        return items, warnings

    def thread(self, hook: str, value: Any, *, name: str, **arguments: Any) -> Any:
        """Pass ``value`` (argument ``name``) through every plugin's hook in turn. Errors are not passed over: a guard
        that fails must not let data through."""
        for plugin, implementation in self._implementations(hook):
            value = implementation(**{name: value}, **arguments)
            if value is None:
                raise PluginError(f"Plugin {plugin.where} returned nothing from {hook}.", expected=f"A {name}.")
        return value

    def _collect(self, hook: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        owner: dict[str, Plugin] = {}
        for plugin, implementation in self._implementations(hook):
            try:
                items = list(implementation())
            except MissingExtraError:
                raise
            except Exception as err:
                plugin.error = err
                continue
            for item in items:
                if item.name in found:
                    raise PluginError(
                        f"Two plugins register {item.name!r} in {hook}: "
                        f"{owner[item.name].where} and {plugin.where}.",
                        todo=f"Uninstall one, or set {ONLY} to the plugins wanted.",
                    )
                found[item.name], owner[item.name] = item, plugin
        return found

    def _implementations(self, hook: str) -> Iterator[tuple[Plugin, Callable[..., Any]]]:
        caller = getattr(self.manager.hook, hook)
        ready = [one for one in caller.get_hookimpls() if self.known[one.plugin_name].state == "ready"]
        for implementation in sorted(ready, key=lambda one: one.plugin_name):
            yield self.known[implementation.plugin_name], _narrow(implementation)


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
    raise UsageError(
        f"There is no {kind} {name!r}.",
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
    except BaseException as err:
        if isinstance(err, KeyboardInterrupt):
            raise
        if manager.has_plugin(point.name):
            manager.unregister(name=point.name)
        plugin.error = err if isinstance(err, Exception) else PluginError(f"{plugin.where} raised {err!r} at import.")


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
