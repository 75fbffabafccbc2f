"""Haystack's Agent component."""

import asyncio

from haystack import component
from haystack.components.agents import Agent
from haystack.components.agents.state import State
from haystack.dataclasses import ChatMessage, ToolCall
from haystack.tools import Tool
from interlock import Blocked, ConfigurationError
from interlock.adapters.haystack import guard_generator, guard_tools

from models import INPUT, OUTPUT, Models
from world import Adapter, Contract


@component
class Script:
    """A model that asks for these calls, and then ends."""

    def __init__(self, calls):
        self.calls = calls

    def answer(self, messages):
        if any(m.tool_call_results for m in messages):
            return {"replies": [ChatMessage.from_assistant("done")]}
        asked = [ToolCall(name, args, id=f"call_{i}") for i, (name, args) in enumerate(self.calls)]
        return {"replies": [ChatMessage.from_assistant(tool_calls=asked)]}

    @component.output_types(replies=list[ChatMessage])
    def run(self, messages: list[ChatMessage], tools: list = None):
        return self.answer(messages)

    @component.output_types(replies=list[ChatMessage])
    async def run_async(self, messages: list[ChatMessage], tools: list = None):
        return self.answer(messages)


def made(function, asynchronous):
    names = [n for n in function.__annotations__ if n != "return"]
    kinds = {int: "integer", str: "string"}
    schema = {
        "type": "object",
        "properties": {n: {"type": kinds[function.__annotations__[n]]} for n in names},
        "required": names,
    }
    way = {"async_function": function} if asynchronous else {"function": function}
    return Tool(name=function.__name__, description="does it", parameters=schema, **way)


class Agents(Contract, Adapter):
    raised = Blocked
    ids = False
    guide = "Haystack"

    def names(self, calls):
        return {"model": Script(calls)}

    def play(self, calls, asynchronous=False, guard=True, **options):
        tools = [made(f, asynchronous) for f in self.tools.functions(asynchronous)]
        if guard:
            tools = guard_tools(self.il, tools, **options)
        agent = Agent(chat_generator=Script(calls), tools=tools)
        ask = [ChatMessage.from_user("look after the records")]
        if asynchronous:
            result = asyncio.run(agent.run_async(messages=ask))
        else:
            result = agent.run(messages=ask)
        return [r.result for m in result["messages"] for r in m.tool_call_results]

    def test_a_synchronous_tool_in_an_asynchronous_agent_is_decided_on_once(self):
        tools = guard_tools(self.il, [made(f, False) for f in self.tools.functions(False)])
        agent = Agent(chat_generator=Script([("read_record", {"id": 7})]), tools=tools)
        asyncio.run(agent.run_async(messages=[ChatMessage.from_user("x")]))
        self.assertEqual(self.tools.effects(), ["read 7"])
        self.assertEqual(len(self.checks), 1)

    def test_a_state_is_passed_on_and_not_shown(self):
        got = []

        def note(id: int, state: State) -> str:
            got.append(state.get("colour"))
            return "noted"

        schema = {"type": "object", "properties": {"id": {"type": "integer"}}}
        tools = guard_tools(self.il, [Tool("note", "notes", schema, note)])
        agent = Agent(
            chat_generator=Script([("note", {"id": 1})]),
            tools=tools,
            state_schema={"colour": {"type": str}},
        )
        agent.run(messages=[ChatMessage.from_user("x")], colour="red")
        self.assertEqual(got, ["red"])
        self.assertEqual(self.checks[0][1]["arguments"], {"id": 1})

    def test_what_is_guarded_is_not_written_down(self):
        tools = guard_tools(self.il, [made(self.tools.functions(False)[0], False)])
        with self.assertRaises(ConfigurationError):
            tools[0].to_dict()


@component
class Speaker:
    """A model that answers, and says what it used; or fails."""

    def __init__(self, test, breaks):
        self.model = "script"
        self.test, self.breaks = test, breaks

    def answer(self):
        if self.breaks:
            raise ConnectionError("no model there")
        self.test.answered += 1
        usage = {"prompt_tokens": INPUT, "completion_tokens": OUTPUT}
        return {"replies": [ChatMessage.from_assistant("done", meta={"usage": usage})]}

    @component.output_types(replies=list[ChatMessage])
    def run(self, messages: list[ChatMessage], tools: list = None):
        return self.answer()

    @component.output_types(replies=list[ChatMessage])
    async def run_async(self, messages: list[ChatMessage], tools: list = None):
        return self.answer()


class Generators(Models, Adapter):
    def talk(self, asynchronous, breaks=False, **options):
        agent = Agent(chat_generator=guard_generator(self.il, Speaker(self, breaks), **options))
        ask = {"messages": [ChatMessage.from_user("look after the records")]}
        said = asyncio.run(agent.run_async(**ask)) if asynchronous else agent.run(**ask)
        return said["last_message"].text

    def fails(self, asynchronous):
        return self.talk(asynchronous, breaks=True)


del Adapter, Contract, Models
