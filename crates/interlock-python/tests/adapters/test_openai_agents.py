"""The loop of the OpenAI Agents SDK."""

import asyncio
import json

from agents import Agent, Model, ModelResponse, RunConfig, Runner, Usage, function_tool
from agents import WebSearchTool, set_tracing_disabled
from agents.exceptions import UserError
from interlock import Blocked, ConfigurationError
from interlock.adapters.openai_agents import guard_agent, guard_tools, model_hooks
from openai.types.responses import (
    ResponseFunctionToolCall,
    ResponseOutputMessage,
    ResponseOutputText,
)

from models import INPUT, OUTPUT, Models
from world import Adapter, Contract

set_tracing_disabled(True)


class Script(Model):
    """A model that asks for these calls, and then ends."""

    def __init__(self, calls):
        self.calls = calls

    async def get_response(self, *args, **kwargs):
        given = kwargs.get("input", args[1] if len(args) > 1 else None)
        if isinstance(given, list) and any(i.get("type") == "function_call_output" for i in given):
            text = ResponseOutputText(text="done", type="output_text", annotations=[])
            output = [
                ResponseOutputMessage(
                    id="m", content=[text], role="assistant", status="completed", type="message"
                )
            ]
        else:
            output = [
                ResponseFunctionToolCall(
                    name=name, arguments=json.dumps(args), call_id=f"call_{i}", type="function_call"
                )
                for i, (name, args) in enumerate(self.calls)
            ]
        return ModelResponse(output=output, usage=Usage(), response_id=None)

    def stream_response(self, *args, **kwargs):
        raise NotImplementedError


class Runs(Contract, Adapter):
    raised = Blocked
    # The tool itself turns its error into an answer.
    failure = "succeeded"
    guide = "OpenAI Agents SDK"

    def names(self, calls):
        return {"model": Script(calls)}

    def play(self, calls, asynchronous=False, guard=True, **options):
        tools = [function_tool(f) for f in self.tools.functions(asynchronous)]
        agent = Agent("clerk", model=Script(calls), tools=tools)
        if guard:
            agent = guard_agent(self.il, agent, **options)
        ask = "look after the records"
        config = RunConfig(group_id="thread-1", tracing_disabled=True)
        try:
            if asynchronous:
                result = asyncio.run(Runner.run(agent, ask, run_config=config))
            else:
                result = Runner.run_sync(agent, ask, run_config=config)
        except UserError as error:
            # Another error of the SDK would hide what a test is about.
            self.assertIsNotNone(error.__cause__)
            raise error.__cause__
        return [i.output for i in result.new_items if i.type == "tool_call_output_item"]

    def test_who_and_where_go_into_the_decision(self):
        self.play([("read_record", {"id": 7})])
        (_, asked, _) = self.checks[0]
        self.assertTrue(asked["session"].startswith("thread-1:bot-"))
        self.assertEqual(asked["context"]["prompt"], "look after the records")
        self.assertIn("call_0", asked["idempotency_key"])

    def test_what_runs_elsewhere_is_refused(self):
        with self.assertRaises(ConfigurationError):
            guard_tools(self.il, [WebSearchTool()])


class Speaker(Model):
    """A model that answers, and says what it used; or fails."""

    model = "script"

    def __init__(self, test, breaks):
        self.test, self.breaks = test, breaks

    async def get_response(self, *args, **kwargs):
        if self.breaks:
            raise ConnectionError("no model there")
        self.test.answered += 1
        text = ResponseOutputText(annotations=[], text="done", type="output_text")
        message = ResponseOutputMessage(
            id="m", content=[text], role="assistant", status="completed", type="message"
        )
        used = Usage(requests=1, input_tokens=INPUT, output_tokens=OUTPUT, total_tokens=INPUT + OUTPUT)
        return ModelResponse(output=[message], usage=used, response_id=None)

    def stream_response(self, *args, **kwargs):
        raise NotImplementedError


class Hooks(Models, Adapter):
    ways = (True,)
    # The framework has no hook for it: without an outcome it counts as unknown.
    failures = []

    def talk(self, asynchronous, breaks=False, **options):
        agent = Agent(name="clerk", model=Speaker(self, breaks))
        hooks = model_hooks(self.il, **options)
        return asyncio.run(Runner.run(agent, "look after the records", hooks=hooks)).final_output

    def fails(self, asynchronous):
        return self.talk(asynchronous, breaks=True)


del Adapter, Contract, Models
