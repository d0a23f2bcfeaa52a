"""What verticals-energy registers. Imports stand inside the hooks, so that ``verticals list`` stays fast."""

from verticals_plugins import hookimpl


@hookimpl
def verticals_tasks():
    from verticals_energy.load import LOAD

    return [LOAD]


@hookimpl
def verticals_adapters():
    from verticals_energy.transparency import TOTAL_LOAD_CSV

    return [TOTAL_LOAD_CSV]
