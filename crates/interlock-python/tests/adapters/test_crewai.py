"""A crew of CrewAI, whose model calls tools by the API and, in another way, by text."""

import json
import os
import threading

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
from interlock.adapters.crewai import guard_llm, guard_tools  # noqa: E402

from models import INPUT, OUTPUT, Models  # noqa: E402
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


class Speaker(BaseLLM):
    """A model that answers, and counts what it used; or fails."""

    test: object = None
    breaks: bool = False

    def call(self, messages, tools=None, callbacks=None, available_functions=None, **kwargs):
        if self.breaks:
            raise ConnectionError("no model there")
        self.test.answered += 1
        self._track_token_usage_internal(
            {"prompt_tokens": INPUT, "completion_tokens": OUTPUT, "total_tokens": INPUT + OUTPUT}
        )
        return "done"

    async def acall(self, *args, **kwargs):
        return self.call(*args, **kwargs)


class Answers(Models, Adapter):
    def talk(self, asynchronous, breaks=False, **options):
        llm = guard_llm(self.il, Speaker(model="script", test=self, breaks=breaks), **options)
        agent = Agent(role="clerk", goal="order", backstory="-", llm=llm, max_retry_limit=0)
        task = Task(description="look after the records", expected_output="a word", agent=agent)
        crew = Crew(agents=[agent], tasks=[task])
        return str(asyncio.run(crew.akickoff()) if asynchronous else crew.kickoff())

    def fails(self, asynchronous):
        return self.talk(asynchronous, breaks=True)

    def test_calls_at_the_same_time_share_no_counts(self):
        llm = guard_llm(self.il, Speaker(model="script", test=self))
        inner = type(llm).__mro__[1]
        own = inner.call
        try:
            # Within one call another begins.
            def nested(self, messages, *args, **kwargs):
                if messages == "outer":
                    worker = threading.Thread(target=llm.call, args=("inner",))
                    worker.start()
                    worker.join()
                return own(self, messages, *args, **kwargs)

            inner.call = nested
            llm.call("outer")
        finally:
            inner.call = own
        self.assertEqual([kwargs for _, kwargs, _ in self.checks if kwargs.get("reported")], [])
        self.assertEqual([status for status, _ in self.reports], ["succeeded"] * 2)


del Adapter, Contract, Models
