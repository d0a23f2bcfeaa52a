"""A small VRPLIB problem that tests change."""

from __future__ import annotations

SMALL = """NAME : small
TYPE : CVRP
DIMENSION : 4
CAPACITY : 5
EDGE_WEIGHT_TYPE : EUC_2D
NODE_COORD_SECTION
1 0 0
2 3 4
3 0 10
4 6 8
DEMAND_SECTION
1 0
2 1
3 2
4 3
DEPOT_SECTION
1
-1
EOF
"""
