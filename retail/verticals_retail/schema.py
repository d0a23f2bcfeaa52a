"""What demand needs of a table: a series, a step, what was sold, and what is known ahead."""

from __future__ import annotations

from verticals_plugins import Category, Number, Schema, Time

DEMAND_SCHEMA = Schema(
    entity=Category(
        "series",
        aliases=(
            "unique_id", "item_id", "id", "sku", "item", "product", "product_id", "article", "material", "store_item",
        ),
        help="what is sold where; several columns: --option series=store,item",
    ),
    time=Time("time", aliases=("ds", "timestamp", "date", "day", "week", "month", "hour", "datetime", "period")),
    target=Number(
        "demand",
        aliases=(
            "y", "target", "value", "units", "sales", "quantity", "qty", "units_sold", "unit_sales", "weekly_sales",
            "num_sold", "volume", "sold",
        ),
        help="what was sold in the step",
    ),
    fields=(
        Number("price", aliases=("sell_price", "unit_price", "sales_price"), known_ahead=True, lower=0),
        Number("promotion", aliases=("promo", "on_promotion", "onpromotion", "deal", "feature"), known_ahead=True),
        Category("event", aliases=("event_name", "event_name_1", "holiday", "is_holiday"), known_ahead=True),
        Number("benefit_day", aliases=("snap",), known_ahead=True),
        Category("store", aliases=("store_id", "store_nbr", "shop", "shop_id", "warehouse", "location")),
        Category("group", aliases=("dept_id", "dept", "department", "category", "cat_id", "family", "brand")),
        Category("sold_out", aliases=("stock_out", "stockout", "out_of_stock"), help="demand was more than sold"),
        Number("on_hand", aliases=("stock", "inventory", "quantity_on_hand", "stock_on_hand"), unit="units"),
        Number("on_order", aliases=("open_po_qty", "open_order", "on_order_qty"), unit="units", lower=0),
        Time("order_due", aliases=("open_po_due", "due", "delivery_date"), help="when what is on order arrives"),
        Number("pack_size", aliases=("size_multiple", "pack", "case_size", "order_multiple"), unit="units", lower=0),
    ),
)  # fmt: skip
