"""A crew of CrewAI, whose model calls tools by the API and, in another way, by text."""

import json
import os

os.environ.update(
    CREWAI_DISABLE_TELEMETRY="true",
    CREWAI_TRACING_ENABLED="false",
    OTEL_SDK_DISABLED="true",
    CREWAI_STORAGE_DIR="interlock-tests",
)

import asyncio  # noqa: E402

from crewai import Agent, BaseLLM, Crew, Task  # noqa: E402
from crewai.tools import BaseTool, tool  # noqa: E402
from crewai.tools.tool_failure import ToolExecutionFailedError, ToolFailure  # noqa: E402
from interlock import Blocked  # noqa: E402
from interlock.adapters.crewai import guard_tools  # noqa: E402

from world import Adapter, Contract  # noqa: E402


class Native(BaseLLM):
    """A model that asks for these calls, and then ends."""

    calls: list = []
    told: list = []

    def supports_function_calling(self):
        return True

    def call(self, messages, tools=None, callbacks=None, available_functions=None, **kwargs):
        results = [m for m in messages if isinstance(m, dict) and m.get("role") == "tool"]
        if results:
            self.told[:] = [m["content"] for m in results]
            return "done"
        return [
            {
                "id": f"call_{i}",
                "type": "function",
                "function": {"name": name, "arguments": json.dumps(args)},
            }
            for i, (name, args) in enumerate(self.calls)
        ]

    async def acall(self, *args, **kwargs):
        return self.call(*args, **kwargs)


class Text(Native):
    """The same in the form that CrewAI reads out of a text."""

    def supports_function_calling(self):
        return False

    def call(self, messages, tools=None, callbacks=None, available_functions=None, **kwargs):
        said = [
            part.split("Observation:", 1)[1].strip()
            for m in messages[1:]
            if m["role"] != "system" and "Observation:" in (part := m["content"])
        ]
        seen = [s for s in said if s != "the result of the action"]
        if len(seen) < len(self.calls):
            name, args = self.calls[len(seen)]
            return f"Thought: go on\nAction: {name}\nAction Input: {json.dumps(args)}\n"
        self.told[:] = seen
        return "Thought: I now know the final answer\nFinal Answer: done"


class Crews(Contract, Adapter):
    raised = ToolExecutionFailedError
    ids = False
    guide = "CrewAI"
    model = Native

    def names(self, calls):
        return {"model": self.model(model="script", calls=calls, told=[])}

    def play(self, calls, asynchronous=False, guard=True, **options):
        tools = [tool(f.__name__)(f) for f in self.tools.functions(asynchronous)]
        if guard:
            tools = guard_tools(self.il, tools, **options)
        llm = self.model(model="script", calls=calls, told=[])
        agent = Agent(role="clerk", goal="order", backstory="none", llm=llm, tools=tools, max_iter=4)
        task = Task(description="look after the records", expected_output="a word", agent=agent)
        crew = Crew(agents=[agent], tasks=[task])
        if asynchronous:
            asyncio.run(crew.kickoff_async())
        else:
            crew.kickoff()
        return list(llm.told)


class Texts(Crews):
    model = Text


class Classes(Adapter):
    """Tools that are classes, and tools without an agent."""

    def test_a_class(self):
        ran = self.tools

        class Delete(BaseTool):
            name: str = "delete_record"
            description: str = "Deletes"

            def _run(self, id: int, note: str = "none") -> str:
                ran.effect("delete", id)
                return "deleted"

        own = Delete()
        guarded = guard_tools(self.il, [own])[0]
        self.assertIsInstance(guarded, Delete)
        result = guarded.run(id=1)
        self.assertIsInstance(result, ToolFailure)
        self.assertIn("not permitted", result.message)
        self.assertEqual(self.checks[0][1]["arguments"], {"id": 1, "note": "none"})
        self.assertIn("not permitted", guarded.to_structured_tool().invoke({"id": 1}).message)
        self.assertEqual(self.tools.effects(), [])
        with self.assertRaises(Blocked):
            guard_tools(self.il, [own], on_block="raise")[0].run(id=1)
        own.run(id=1)
        self.assertEqual(self.tools.effects(), ["delete 1"])

    def test_what_was_read_once_is_asked_for_again(self):
        read = guard_tools(self.il, [tool("read_record")(self.tools.functions(False)[0])])[0]
        self.assertFalse(read.cache_function({"id": 1}, "record 1"))


del Adapter, Contract
