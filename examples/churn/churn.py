"""Trains a churn model on the retail example and scores customers online, with the same features both times.

    npm start                                                    # in another terminal
    pip install -r examples/churn/requirements.txt
    python examples/churn/churn.py .assay http://127.0.0.1:4000

A customer has "churned" at a day when no order of it lies in the four days after: the sample holds thirteen days, so this shows the way, not
a model to be used. Labels of training days lie before those of the test day; the features of each row were known at its own time.
"""

import json
import sys
from datetime import date, timedelta
from pathlib import Path
from urllib.request import Request, urlopen

import pyarrow as pa
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "clients" / "python"))
from assay_features import FeatureClient  # noqa: E402

SERVICE = "churn_v1"
HORIZON = timedelta(days=4)
TRAIN = [date(2010, 12, 3), date(2010, 12, 4), date(2010, 12, 5)]
TEST = date(2010, 12, 9)


def metric_query(url, token, query):
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    with urlopen(Request(f"{url}/api/v2/query", json.dumps(query).encode(), headers)) as answer:
        return json.load(answer)["rows"]


def orders_by_day(url, token):
    """Customer and day of every order: what labels are made of."""
    rows = metric_query(url, token, {
        "measures": ["retail.orders"],
        "dimensions": ["retail.customer_id"],
        "time": [{"dimension": "retail.sold_at", "granularity": "day"}],
        "where": {"and": [{"member": "retail.customer_id", "op": "isNotNull"}, {"member": "retail.is_return", "op": "eq", "values": [False]}]},
    })
    return [(customer, date.fromisoformat(day)) for customer, day, _ in rows]


def labels(orders, day):
    """One row for each customer with an order before `day`; churned: none in the days that follow."""
    known = sorted({customer for customer, at in orders if at < day})
    back = {customer for customer, at in orders if day <= at < day + HORIZON}
    return [{"customer_id": c, "event_time": f"{day}T00:00:00Z", "churned": c not in back} for c in known]


def matrix(table, names):
    """Features as numbers; the model takes missing ones as they are."""
    columns = [table[name].cast(pa.float64()).to_numpy(zero_copy_only=False) for name in names]
    return list(zip(*columns))


def main(home, url):
    token = json.loads((Path(home) / "demo-tokens.json").read_text())["admin"]
    client = FeatureClient(url, token)
    schema, fingerprint = client.service(SERVICE)
    names = [field.name for field in schema if not pa.types.is_string(field.type)]
    orders = orders_by_day(url, token)

    train = client.historical(SERVICE, [row for day in TRAIN for row in labels(orders, day)], fingerprint).read_all()
    test = client.historical(SERVICE, labels(orders, TEST), fingerprint).read_all()
    model = HistGradientBoostingClassifier(max_depth=3, random_state=0)
    model.fit(matrix(train, names), train["churned"].to_pylist())
    auc = roc_auc_score(test["churned"].to_pylist(), model.predict_proba(matrix(test, names))[:, 1])
    print(f"trained on {train.num_rows} rows, {len(names)} features; AUC on {test.num_rows} rows of {TEST}: {auc:.3f}")

    customers = sorted({customer for customer, _ in orders})[:20]
    served, made = client.online(SERVICE, [{"customer_id": c} for c in customers], fingerprint=fingerprint)
    scores = model.predict_proba([[float("nan") if row[n] is None else float(row[n]) for n in names] for row in served])[:, 1]
    for row, score in sorted(zip(served, scores), key=lambda pair: -pair[1])[:5]:
        print(f"{row['customer_id']}  churn {score:.2f}  spent {row['customer_orders.spend_30d']} in 30 days")

    # what was served is what training sees at that instant
    spine = [{"customer_id": c, "event_time": made["asOf"]} for c in customers]
    history = client.historical(SERVICE, spine, fingerprint).read_all().to_pylist()
    text = lambda value: None if value is None else str(value)  # noqa: E731
    assert [[text(r[n]) for n in names] for r in history] == [[text(r[n]) for n in names] for r in served]
    print(f"scored {len(served)} customers online as of {made['asOf']}; their features equal history's")


if __name__ == "__main__":
    main(*sys.argv[1:])
