"""The tool runner of the Anthropic SDK, against a server that speaks the Messages API."""

import asyncio
import http.server
import json
import threading

from anthropic import Anthropic, AsyncAnthropic, beta_async_tool, beta_tool
from anthropic.lib.tools import ToolError
from interlock import ConfigurationError
from interlock.adapters.anthropic import guard_tools, model_middleware

from models import INPUT, OUTPUT, Models
from world import Adapter, Contract


class Messages(http.server.BaseHTTPRequestHandler):
    """Asks for the server's calls first, and ends when their results are there."""

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        results = [
            block
            for message in body["messages"]
            if isinstance(message["content"], list)
            for block in message["content"]
            if block.get("type") == "tool_result"
        ]
        if results:
            self.server.results = results
            content, reason = [{"type": "text", "text": "done"}], "end_turn"
        else:
            reason = "tool_use"
            content = [
                {"type": "tool_use", "id": f"toolu_{i}", "name": name, "input": args}
                for i, (name, args) in enumerate(self.server.calls)
            ]
        answer = {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": body["model"],
            "content": content,
            "stop_reason": reason,
            "stop_sequence": None,
            "usage": {"input_tokens": 1, "output_tokens": 1},
        }
        raw = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *args):
        pass


class Runner(Contract, Adapter):
    ids = False
    guide = "Anthropic SDK"

    def names(self, calls):
        self.server.calls, self.server.results = calls, []
        return {"model": "claude-script", "key": "none", "address": self.address()}

    def address(self):
        return f"http://127.0.0.1:{self.server.server_port}"

    def setUp(self):
        super().setUp()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Messages)
        thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)

    def play(self, calls, asynchronous=False, guard=True, **options):
        self.server.calls, self.server.results = calls, []
        made = beta_async_tool if asynchronous else beta_tool
        tools = [made(f) for f in self.tools.functions(asynchronous)]
        if guard:
            tools = guard_tools(self.il, tools, **options)
        client = {
            "api_key": "none",
            "base_url": self.address(),
            "max_retries": 0,
        }
        ask = {
            "model": "claude-script",
            "max_tokens": 100,
            "tools": tools,
            "messages": [{"role": "user", "content": "look after the records"}],
        }

        async def run():
            async with AsyncAnthropic(**client) as anthropic:
                await anthropic.beta.messages.tool_runner(**ask).until_done()

        if asynchronous:
            asyncio.run(run())
        else:
            with Anthropic(**client) as anthropic:
                anthropic.beta.messages.tool_runner(**ask).until_done()
        return [_text(r["content"]) for r in self.server.results]

    def test_a_refusal_is_an_error_on_the_wire(self):
        for asynchronous in self.both():
            self.play([("delete_record", {"id": 7})], asynchronous)
            self.assertTrue(self.server.results[0]["is_error"])
            self.assertEqual(self.server.results[0]["tool_use_id"], "toolu_0")

    def test_called_like_the_function(self):
        read, delete, *_ = guard_tools(self.il, self.tools.functions(False))
        self.assertEqual(read(1), "record 1")
        with self.assertRaisesRegex(ToolError, "not permitted"):
            delete(id=1)
        self.assertEqual(self.tools.effects(), ["read 1"])
        self.assertEqual(len(self.checks), 2)

    def test_what_runs_elsewhere_is_refused(self):
        with self.assertRaises(ConfigurationError):
            guard_tools(self.il, [{"type": "web_search_20250305", "name": "web_search"}])


def _text(content):
    return content if isinstance(content, str) else "".join(b.get("text", "") for b in content)


class Speaks(http.server.BaseHTTPRequestHandler):
    """Answers, and says what it used; or fails."""

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        answer = {"type": "error", "error": {"type": "api_error", "message": "no model there"}}
        status = 500
        if not self.server.breaks:
            self.server.answered += 1
            status = 200
            answer = {
                "id": "msg_1",
                "type": "message",
                "role": "assistant",
                "model": body["model"],
                "content": [{"type": "text", "text": "done"}],
                "stop_reason": "end_turn",
                "stop_sequence": None,
                "usage": {"input_tokens": INPUT, "output_tokens": OUTPUT},
            }
        raw = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *args):
        pass


class Requests(Models, Adapter):
    def setUp(self):
        super().setUp()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Speaks)
        self.server.answered = 0
        thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)

    @property
    def answered(self):
        return self.server.answered

    def talk(self, asynchronous, breaks=False, **options):
        self.server.breaks = breaks
        options = {
            "base_url": f"http://127.0.0.1:{self.server.server_port}",
            "api_key": "none",
            "max_retries": 0,
            "middleware": [model_middleware(self.il, **options)],
        }
        asked = {
            "model": "script",
            "max_tokens": 10,
            "messages": [{"role": "user", "content": "look after the records"}],
        }

        async def create():
            async with AsyncAnthropic(**options) as client:
                return await client.messages.create(**asked)

        if asynchronous:
            return asyncio.run(create()).content[0].text
        with Anthropic(**options) as client:
            self.assertEqual(client.beta.messages.create(**asked).content[0].text, "done")
            self.reports.clear()
            self.checks.clear()
            return client.messages.create(**asked).content[0].text

    def fails(self, asynchronous):
        return self.talk(asynchronous, breaks=True)


del Adapter, Contract, Models
