# An MCP server in another language: the diary of a lighthouse, a page a day.
import json, sys
PAGES = {
    "monday": "Fog until ten. Three ships passed, one of them without a light.",
    "tuesday": "Wind from the north-west. The lamp was cleaned, eleven ships passed.",
}
INPUT = {"type": "object", "properties": {"day": {"enum": list(PAGES)}}, "required": ["day"]}
OUTPUT = {"type": "object", "properties": {"day": {"type": "string"}, "text": {"type": "string"}}, "required": ["day", "text"]}
TOOLS = [{"name": "page", "description": "A page of the diary", "inputSchema": INPUT, "outputSchema": OUTPUT, "annotations": {"readOnlyHint": True}}]

def answer(method, params):
    if method == "initialize":
        return {"protocolVersion": params["protocolVersion"], "capabilities": {"tools": {}}, "serverInfo": {"name": "diary", "version": "1"}}
    if method == "tools/call":
        page = {"day": params["arguments"]["day"], "text": PAGES[params["arguments"]["day"]]}
        return {"content": [{"type": "text", "text": page["text"]}], "structuredContent": page}
    return {"tools": TOOLS} if method == "tools/list" else {}

for line in sys.stdin:
    message = json.loads(line)
    if "id" in message:
        print(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": answer(message["method"], message.get("params"))}), flush=True)
