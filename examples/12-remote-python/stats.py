import json, statistics, sys

numbers = {"name": "numbers", "required": True, "schema": {"type": "array", "items": {"type": "number"}, "minItems": 1}}
median = {"name": "median", "schema": {"type": "number"}}
method = {"name": "stats/median", "params": [numbers], "result": median, "x-gleitzeit-effects": "reads"}
document = {"openrpc": "1.3.2", "info": {"title": "stats", "version": "1"}, "methods": [method]}
for line in sys.stdin:
    call = json.loads(line)
    result = document if call["method"] == "rpc.discover" else statistics.median(call["params"]["numbers"])
    print(json.dumps({"jsonrpc": "2.0", "id": call["id"], "result": result}), flush=True)
