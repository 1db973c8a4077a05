"""Orders of the shop: the till's JSON export."""
import json
from pathlib import Path

source = Path(__file__).parent.parent / "sources" / "shop.json"
print(json.dumps([{"source": "shop", **order} for order in json.loads(source.read_text())]))
