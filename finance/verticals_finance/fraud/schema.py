"""What fraud detection needs of a table of payments."""

from __future__ import annotations

from verticals_plugins import Category, Id, Number, Schema, Time

LABEL_DELAY_DAYS = 7.0
CATEGORIES = ("terminal", "mcc", "country", "channel", "currency")
"""Optional categories of a payment. The first four are also compared with the card's own habits."""

SCHEMA = Schema(
    id=Id(
        "id",
        aliases=("transaction_id", "tx_id", "txn_id", "trans_num", "payment_id", "tran_id", "uetr"),
        help="the payment",
    ),
    entity=Category(
        "card",
        aliases=(
            "card_id", "customer_id", "customer", "card_number", "account", "account_id", "cc_num", "pan", "iban",
            "debtor_account", "name_orig", "sender_account", "client_id", "user_id", "orig_acct",
            "from_account",
        ),
        help="who pays: a card, an account or a customer",
    ),
    time=Time(
        "time",
        aliases=(
            "tx_datetime", "timestamp", "datetime", "date_time", "transaction_time", "transaction_date", "booked_at",
            "trans_date_trans_time", "event_time", "created_at", "date", "tran_timestamp",
        ),
        required=True,
        help="when the payment was asked for",
    ),
    target=Category(
        "fraud",
        aliases=(
            "tx_fraud", "is_fraud", "isfraud", "label", "class", "fraud_flag", "is_laundering", "is_sar", "chargeback",
        ),
        help="1 = fraud, 0 = genuine, empty = not known",
    ),
    label_time=Time(
        "label_time",
        aliases=("label_known_at", "chargeback_at", "reported_at", "fraud_reported_at", "confirmed_at"),
        help="when it became known whether the payment was fraud",
    ),
    label_delay_days=LABEL_DELAY_DAYS,
    fields=(
        Number(
            "amount",
            aliases=("tx_amount", "amt", "transaction_amt", "transaction_amount", "value", "amount_paid", "base_amt"),
            required=True,
            help="in the currency of the payment; a refund is negative",
        ),
        Category(
            "terminal",
            aliases=(
                "terminal_id", "merchant", "merchant_id", "merchant_name", "payee", "counterparty", "name_dest",
                "beneficiary", "creditor_account", "bene_acct", "to_account", "receiver_account",
                "account_1", "account_2",
            ),
            help="who is paid: a terminal, a merchant or an account",
        ),
        Category("mcc", aliases=("merchant_category", "merchant_category_code", "category"), help="kind of merchant"),
        Category("country", aliases=("country_code", "merchant_country", "merchant_state", "state")),
        Category("channel", aliases=("entry_mode", "pos_entry_mode", "use_chip", "payment_type", "type")),
        Category("currency", aliases=("ccy", "currency_code", "payment_currency")),
    ),
)  # fmt: skip
