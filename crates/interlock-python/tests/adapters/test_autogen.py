"""AutoGen's AssistantAgent, with tools and with a workbench."""

import asyncio
import json

from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.messages import ToolCallExecutionEvent
from autogen_core import CancellationToken, FunctionCall
from autogen_core.models import ChatCompletionClient, CreateResult, ModelFamily, RequestUsage
from autogen_core.tools import BaseStreamTool, FunctionTool, StaticStreamWorkbench
from interlock import ConfigurationError
from interlock.adapters.autogen import guard_model, guard_tools, guard_workbench
from pydantic import BaseModel

from models import INPUT, OUTPUT, Models
from world import POISON, Adapter, Contract


class Script(ChatCompletionClient):
    """A model that asks for these calls, and then ends."""

    component_type = "model"

    def __init__(self, calls):
        self.calls = calls

    async def create(self, messages, **kwargs):
        if any(type(m).__name__ == "FunctionExecutionResultMessage" for m in messages):
            content, reason = "done", "stop"
        else:
            reason = "function_calls"
            content = [
                FunctionCall(id=f"call_{i}", name=name, arguments=json.dumps(args))
                for i, (name, args) in enumerate(self.calls)
            ]
        usage = RequestUsage(prompt_tokens=0, completion_tokens=0)
        return CreateResult(finish_reason=reason, content=content, usage=usage, cached=False)

    def create_stream(self, messages, **kwargs):
        raise NotImplementedError

    async def close(self):
        pass

    def actual_usage(self):
        return RequestUsage(prompt_tokens=0, completion_tokens=0)

    total_usage = actual_usage

    def count_tokens(self, messages, **kwargs):
        return 0

    remaining_tokens = count_tokens
    capabilities = model_info = {
        "vision": False,
        "function_calling": True,
        "json_output": False,
        "structured_output": False,
        "family": ModelFamily.UNKNOWN,
    }


def run(agent):
    result = asyncio.run(agent.run(task="look after the records"))
    return [
        r.content
        for m in result.messages
        if isinstance(m, ToolCallExecutionEvent)
        for r in m.content
    ]


class Agents(Contract, Adapter):
    guide = "AutoGen"

    def names(self, calls):
        return {"model": Script(calls)}

    def play(self, calls, asynchronous=False, guard=True, **options):
        tools = [FunctionTool(f, f.__doc__) for f in self.tools.functions(asynchronous)]
        if guard:
            tools = guard_tools(self.il, tools, **options)
        return run(AssistantAgent("clerk", Script(calls), tools=tools))

    def test_a_tool_outside_of_a_workbench(self):
        delete = guard_tools(self.il, [self.tools.functions(False)[1]])[0]
        for way in (
            lambda: delete.run_json({"id": 1}, CancellationToken()),
            lambda: delete.run(delete.args_type()(id=1), CancellationToken()),
        ):
            with self.assertRaisesRegex(Exception, "not permitted"):
                asyncio.run(way())
        self.assertEqual(self.tools.effects(), [])

    def test_the_arguments_are_those_that_the_tool_gets(self):
        tool = FunctionTool(self.tools.functions(False)[0], "reads")
        guarded = guard_tools(self.il, [tool])[0]
        asyncio.run(guarded.run_json({"id": "7"}, CancellationToken()))
        self.assertEqual(self.checks[0][1]["arguments"], {"id": 7})

    def test_what_is_guarded_is_not_written_down(self):
        tool = guard_tools(self.il, [self.tools.functions(False)[0]])[0]
        with self.assertRaises(ConfigurationError):
            tool.dump_component()


class Workbenches(Agents):
    raised = ConfigurationError
    refusal = "waits for ever"

    def play(self, calls, asynchronous=False, guard=True, **options):
        tools = [FunctionTool(f, f.__doc__) for f in self.tools.functions(asynchronous)]
        workbench = StaticStreamWorkbench(tools)
        if guard:
            workbench = guard_workbench(self.il, workbench, **options)
        return run(AssistantAgent("clerk", Script(calls), workbench=workbench))


class Id(BaseModel):
    id: int


class Streams(Adapter):
    """Tools that give items before their result."""

    def tool(self, name, last):
        ran = self.tools

        class Stream(BaseStreamTool[Id, str, str]):
            def __init__(self):
                super().__init__(Id, str, name, "streams")

            async def run(self, args, cancellation_token):
                raise NotImplementedError

            async def run_stream(self, args, cancellation_token):
                ran.effect(name, args.id)
                yield "begun"
                yield last

        return Stream()

    def play(self, name, last):
        tools = guard_tools(self.il, [self.tool(name, last)])
        return run(AssistantAgent("clerk", Script([(name, {"id": 7})]), tools=tools))

    def test_an_allowed_stream_runs_once(self):
        self.assertEqual(self.play("watch", "the end"), ["the end"])
        self.assertEqual(self.tools.effects(), ["watch 7"])
        self.assertEqual([status for status, _ in self.reports], ["succeeded"])

    def test_a_blocked_stream_never_runs(self):
        self.assertIn("not permitted", self.play("delete_record", "x")[0])
        self.assertEqual(self.tools.effects(), [])

    def test_a_poisoned_last_item_is_not_handed_on(self):
        self.assertIn("withheld", self.play("watch", POISON)[0])


class Speaker(Script):
    """A model that answers, whole or in pieces, and says what it used; or fails."""

    def __init__(self, test, breaks):
        self._create_args = {"model": "script"}
        self.test, self.breaks = test, breaks

    async def create(self, messages, **kwargs):
        if self.breaks:
            raise ConnectionError("no model there")
        self.test.answered += 1
        usage = RequestUsage(prompt_tokens=INPUT, completion_tokens=OUTPUT)
        return CreateResult(finish_reason="stop", content="done", usage=usage, cached=False)

    async def create_stream(self, messages, **kwargs):
        result = await self.create(messages)
        yield "do"
        yield "ne"
        yield result


class Client(Models, Adapter):
    # Whole and in pieces; both are asynchronous.
    def talk(self, asynchronous, breaks=False, **options):
        client = guard_model(self.il, Speaker(self, breaks), **options)
        agent = AssistantAgent("clerk", model_client=client, model_client_stream=asynchronous)
        return asyncio.run(agent.run(task="look after the records")).messages[-1].content

    def fails(self, asynchronous):
        return self.talk(asynchronous, breaks=True)

    def test_a_stream_that_is_left_early_is_on_record_as_unknown(self):
        client = guard_model(self.il, Speaker(self, False))

        async def leave():
            stream = client.create_stream([])
            async for _ in stream:
                break
            await stream.aclose()

        asyncio.run(leave())
        self.assertEqual([status for status, _ in self.reports], ["unknown"])

    def test_what_is_loaded_again_would_not_be_guarded(self):
        with self.assertRaises(ConfigurationError):
            guard_model(self.il, Speaker(self, False))._to_config()


del Adapter, Contract, Models
