"""What a table of stops holds."""

from __future__ import annotations

from verticals_plugins import Category, Id, Number, Schema, Text, Time

SCHEMA = Schema(
    id=Id("id", aliases=("stop", "order", "name", "kunde", "customer", "job", "stop_id", "order_id", "alias")),
    entity=Category("day", aliases=("depot_day", "tour_day", "instance", "route_plan")),
    time=Time("time", aliases=("known_at", "ordered_at", "date", "scheduled_for")),
    fields=(
        Number(
            "longitude",
            aliases=(
                "lon",
                "lng",
                "long",
                "laenge",
                "länge",
                "längengrad",
                "laengengrad",
                "geo_lon",
                "gps_lon",
                "stop_lon",
                "longitud",
                "lon_deg",
                "x",
            ),
            lower=-180,
            upper=180,
            unit="°",
        ),
        Number(
            "latitude",
            aliases=("lat", "breite", "breitengrad", "geo_lat", "gps_lat", "stop_lat", "latitud", "lat_deg", "y"),
            lower=-90,
            upper=90,
            unit="°",
        ),
        Number("demand", aliases=("weight", "gewicht", "load", "quantity", "menge", "size"), lower=0),
        Number("service", aliases=("duration", "service_time", "servicezeit"), unit="min", lower=0, upper=480),
        Text("window", aliases=("zeitfenster", "time_window", "opening_hours", "tw")),
        Text("window_start", aliases=("tw_start", "ready_time", "earliest", "von")),
        Text("window_end", aliases=("tw_end", "due_date", "latest", "bis")),
        Category("role", aliases=("type", "kind", "art"), help="depot or stop"),
    ),
)
"""One row a stop (or, with role "depot", a depot) of a depot-day."""
