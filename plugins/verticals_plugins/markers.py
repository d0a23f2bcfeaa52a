"""The two pluggy markers of the project."""

import pluggy

PROJECT = "verticals"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)
