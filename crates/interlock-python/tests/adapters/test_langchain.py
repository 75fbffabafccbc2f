"""LangChain's agent and its tools."""

import asyncio

from interlock import Blocked
from interlock.adapters.langchain import guard_tools, middleware, model_callback
from langchain.agents import create_agent
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.tools import StructuredTool, tool

from models import INPUT, OUTPUT, Models
from world import Adapter, Contract


class Script(BaseChatModel):
    """A model that asks for these calls, and then ends."""

    calls: list = []

    @property
    def _llm_type(self):
        return "script"

    def bind_tools(self, tools, **kwargs):
        return self

    def _generate(self, messages, stop=None, run_manager=None, **kwargs):
        if any(isinstance(m, ToolMessage) for m in messages):
            message = AIMessage("done")
        else:
            message = AIMessage(
                "",
                tool_calls=[
                    {"name": name, "args": args, "id": f"call_{i}", "type": "tool_call"}
                    for i, (name, args) in enumerate(self.calls)
                ],
            )
        return ChatResult(generations=[ChatGeneration(message=message)])


def made(functions, asynchronous):
    if asynchronous:
        return [StructuredTool.from_function(coroutine=f) for f in functions]
    return [tool(f) for f in functions]


def told(messages):
    return [str(m.text) for m in messages if isinstance(m, ToolMessage)]


ASK = {"messages": [HumanMessage("look after the records")]}


class Tools(Contract, Adapter):
    raised = Blocked
    guide = "LangChain"

    def names(self, calls):
        return {"model": Script(calls=calls)}

    def agent(self, calls, tools, guard, options):
        if guard:
            tools = guard_tools(self.il, tools, **options)
        return create_agent(Script(calls=calls), tools, name="clerk")

    def play(self, calls, asynchronous=False, guard=True, **options):
        tools = made(self.tools.functions(asynchronous), asynchronous)
        agent = self.agent(calls, tools, guard, options)
        try:
            if asynchronous:
                return told(asyncio.run(agent.ainvoke(ASK))["messages"])
            return told(agent.invoke(ASK)["messages"])
        except ValueError as error:
            # The agent lets the errors of tools end the run.
            return [str(error)]

    def test_the_same_classes_signatures_and_schemas(self):
        tools = made(self.tools.functions(False), False)
        for own, guarded in zip(tools, guard_tools(self.il, tools)):
            self.assertIsInstance(guarded, type(own))
            self.assertEqual(guarded.args, own.args)
            self.assertEqual(guarded.name, own.name)
        self.assertEqual(tools[0].invoke({"id": 1}), "record 1")
        self.assertEqual(self.checks, [])

    def test_outside_of_an_agent(self):
        read, delete, *_ = guard_tools(self.il, self.tools.functions(False))
        self.assertEqual(read.invoke({"id": 1}), "record 1")
        self.assertIn("not permitted", delete.invoke({"id": 1}))
        call = {"name": "delete_record", "args": {"id": 1}, "id": "c", "type": "tool_call"}
        message = delete.invoke(call)
        self.assertEqual((message.status, message.tool_call_id), ("error", "c"))
        self.assertEqual(asyncio.run(read.ainvoke({"id": 2})), "record 2")
        self.assertEqual(self.tools.effects(), ["read 1", "read 2"])

    def test_the_name_of_the_agent_holds_where_nobody_else_says_who_acts(self):
        self.il._defaults = type(self.il._defaults)()
        self.play([("read_record", {"id": 7})])
        self.assertEqual(self.checks[0][1]["agent"], "clerk")


class Middleware(Tools):
    def agent(self, calls, tools, guard, options):
        held = [middleware(self.il, **options)] if guard else []
        return create_agent(Script(calls=calls), tools, middleware=held, name="clerk")

    def test_the_task_goes_into_the_decision(self):
        self.play([("read_record", {"id": 7})])
        self.assertEqual(self.checks[0][1]["context"]["prompt"], "look after the records")


class Speaker(BaseChatModel):
    """A model that answers, and says what it used; or fails."""

    model_name: str = "script"
    test: object = None
    breaks: bool = False

    @property
    def _llm_type(self):
        return "script"

    def bind_tools(self, tools, **kwargs):
        return self

    def _generate(self, messages, stop=None, run_manager=None, **kwargs):
        if self.breaks:
            raise ConnectionError("no model there")
        self.test.answered += 1
        used = {"input_tokens": INPUT, "output_tokens": OUTPUT, "total_tokens": INPUT + OUTPUT}
        message = AIMessage(
            "done", usage_metadata=used, response_metadata={"model_name": self.model_name}
        )
        return ChatResult(generations=[ChatGeneration(message=message)])


class Callback(Models, Adapter):
    def talk(self, asynchronous, breaks=False, **options):
        agent = create_agent(Speaker(test=self, breaks=breaks), [], name="clerk")
        config = {"callbacks": [model_callback(self.il, **options)]}
        if asynchronous:
            said = asyncio.run(agent.ainvoke(ASK, config))
        else:
            said = agent.invoke(ASK, config)
        return said["messages"][-1].text

    def fails(self, asynchronous):
        return self.talk(asynchronous, breaks=True)

    def test_name_thread_and_task_go_into_the_decision(self):
        self.il._defaults = type(self.il._defaults)()
        agent = create_agent(Speaker(test=self), [], name="clerk")
        config = {"callbacks": [model_callback(self.il)], "configurable": {"thread_id": "t-1"}}
        agent.invoke(ASK, config)
        (_, asked, _) = self.checks[0]
        self.assertEqual(asked["agent"], "clerk")
        self.assertEqual(asked["session"], "t-1:clerk")
        self.assertEqual(asked["context"]["prompt"], "look after the records")

    def test_a_model_alone_and_what_it_streams(self):
        model = Speaker(test=self)
        said = list(model.stream("hello", {"callbacks": [model_callback(self.il, prices={})]}))
        self.assertEqual("".join(str(part.text) for part in said), "done")
        self.assertEqual(self.reports[0][1]["result"], "done")


# unittest would find the imported ones.
del Adapter, Contract, Models
