"""Asks Feast for the point-in-time joins that features.test.ts asks of this service; prints them as JSON.

Needs `pip install feast` (0.67.0 made answers.json; the install takes a minute and a half and 600 MB). The entity rows are those of Feast's own
documentation of point-in-time joins: a driver's statistics, a time to live of two hours. Rows that tie, come late, lie on the edge of the
time to live or are of nobody are added.
"""

import json
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

import pandas as pd
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig
from feast.types import Int64, String
from feast.value_type import ValueType

data = json.loads((Path(__file__).parent / "drivers.json").read_text())
home = Path(tempfile.mkdtemp())
stats = pd.DataFrame(data["stats"])
for column in ("event_timestamp", "created"):
    stats[column] = pd.to_datetime(stats[column], utc=True)
stats.to_parquet(home / "stats.parquet")
rows = pd.DataFrame(data["rows"])
rows["event_timestamp"] = pd.to_datetime(rows["event_timestamp"], utc=True)

driver = Entity(name="driver", join_keys=["driver_id"], value_type=ValueType.STRING)
source = FileSource(path=str(home / "stats.parquet"), timestamp_field="event_timestamp", created_timestamp_column="created")
view = FeatureView(
    name="driver_stats",
    entities=[driver],
    ttl=timedelta(hours=2),
    schema=[Field(name="trips_today", dtype=Int64), Field(name="state", dtype=String)],
    source=source,
)
store = FeatureStore(config=RepoConfig(project="drivers", provider="local", registry=str(home / "registry.db"), entity_key_serialization_version=3))
store.apply([driver, view])
found = store.get_historical_features(entity_df=rows, features=["driver_stats:trips_today", "driver_stats:state"]).to_df()
found = found.sort_values("row")
answers = [
    [int(r["row"]), None if pd.isna(r["trips_today"]) else str(int(r["trips_today"])), None if pd.isna(r["state"]) else r["state"]]
    for _, r in found.iterrows()
]
json.dump(answers, sys.stdout)
