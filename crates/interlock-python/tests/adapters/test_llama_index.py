"""LlamaIndex's FunctionAgent."""

import asyncio

from interlock import Blocked
from interlock.adapters.llama_index import guard_llm, guard_tools
from llama_index.core.agent.workflow import FunctionAgent, ToolCallResult
from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    LLMMetadata,
    MessageRole,
    ToolCallBlock,
)
from llama_index.core.llms.mock import MockFunctionCallingLLM
from llama_index.core.tools import FunctionTool
from llama_index.core.workflow import Context

from models import INPUT, OUTPUT, Models
from world import Adapter, Contract


def script(calls):
    def answer(messages, **kwargs):
        if any(m.role == MessageRole.TOOL for m in messages):
            return ChatMessage(role="assistant", content="done")
        blocks = [
            ToolCallBlock(tool_call_id=f"call_{i}", tool_name=name, tool_kwargs=args)
            for i, (name, args) in enumerate(calls)
        ]
        return ChatMessage(role="assistant", blocks=blocks)

    return MockFunctionCallingLLM(response_generator=answer, is_chat_model=True)


async def run(calls, tools):
    agent = FunctionAgent(name="clerk", tools=tools, llm=script(calls), streaming=False)
    handler = agent.run("look after the records")
    said = []
    async for event in handler.stream_events():
        if isinstance(event, ToolCallResult):
            said.append(event.tool_output.content)
    await handler
    return said


class Agents(Contract, Adapter):
    ids = False
    guide = "LlamaIndex"

    def names(self, calls):
        return {"model": script(calls)}

    def play(self, calls, asynchronous=False, guard=True, **options):
        functions = self.tools.functions(asynchronous)
        if asynchronous:
            tools = [FunctionTool.from_defaults(async_fn=f) for f in functions]
        else:
            tools = [FunctionTool.from_defaults(f) for f in functions]
        if guard:
            tools = guard_tools(self.il, tools, **options)
        return asyncio.run(run(calls, tools))

    def test_called_without_an_agent(self):
        read, delete, *_ = guard_tools(self.il, self.tools.functions(False))
        self.assertEqual(read(id=1).content, "record 1")
        self.assertEqual(read.call(2).content, "record 2")
        self.assertEqual(self.checks[1][1]["arguments"], {"id": 2})
        output = delete(id=1)
        self.assertTrue(output.is_error)
        self.assertIsInstance(output.exception, Blocked)
        delete = guard_tools(self.il, [self.tools.functions(False)[1]], on_block="raise")[0]
        with self.assertRaises(Blocked):
            delete(id=1)
        self.assertEqual(self.tools.effects(), ["read 1", "read 2"])

    def test_a_context_is_passed_on_and_not_shown(self):
        got = []

        async def note(ctx: Context, id: int, much: int = 3) -> str:
            """Notes."""
            got.append((type(ctx).__name__, id, much))
            return "noted"

        said = asyncio.run(run([("note", {"id": 1})], guard_tools(self.il, [note])))
        self.assertEqual(said, ["noted"])
        self.assertEqual(got[0][1:], (1, 3))
        self.assertEqual(self.checks[0][1]["arguments"], {"id": 1, "much": 3})


class Speaker(MockFunctionCallingLLM):
    """A model that answers, and says what it used; or fails."""

    test: object = None
    breaks: bool = False

    @property
    def metadata(self):
        return LLMMetadata(
            model_name="script", is_chat_model=True, is_function_calling_model=True
        )

    def chat(self, messages, **kwargs):
        if self.breaks:
            raise ConnectionError("no model there")
        self.test.answered += 1
        used = {"prompt_tokens": INPUT, "completion_tokens": OUTPUT}
        return ChatResponse(
            message=ChatMessage(role="assistant", content="done"), raw={"usage": used}
        )

    async def achat(self, messages, **kwargs):
        return self.chat(messages, **kwargs)

    def stream_chat(self, messages, **kwargs):
        def items():
            yield self.chat(messages)

        return items()

    async def astream_chat(self, messages, **kwargs):
        async def items():
            yield self.chat(messages)

        return items()


class Answers(Models, Adapter):
    # An agent that asks for whole answers, and one that streams them.
    def talk(self, asynchronous, breaks=False, **options):
        llm = guard_llm(self.il, Speaker(test=self, breaks=breaks), **options)

        async def talked():
            agent = FunctionAgent(name="clerk", llm=llm, streaming=asynchronous)
            return str(await agent.run("look after the records"))

        return asyncio.run(talked())

    def fails(self, asynchronous):
        return self.talk(asynchronous, breaks=True)

    def test_without_an_agent(self):
        llm = guard_llm(self.il, Speaker(test=self))
        message = [ChatMessage(role="user", content="hello")]
        self.assertEqual(llm.chat(message).message.content, "done")
        self.assertEqual([part.message.content for part in llm.stream_chat(message)], ["done"])
        self.assertEqual(self.checks[0][1]["context"]["prompt"], "hello")
        self.assertEqual([status for status, _ in self.reports], ["succeeded"] * 2)
        # One that nobody reads has not answered.
        llm.stream_chat(message)
        self.assertEqual(len(self.reports), 2)


del Adapter, Contract, Models
