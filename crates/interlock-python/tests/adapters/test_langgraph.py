"""LangGraph's node for tools, in a graph with a checkpointer."""

import asyncio
import functools

from interlock import Blocked
from interlock.adapters.langgraph import guard_node
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import StructuredTool, tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition
from langgraph.types import Command, interrupt

from world import Adapter, Contract

THREAD = {"configurable": {"thread_id": "thread-1"}}


def answer(calls, messages):
    """A model that asks for these calls, and then ends."""
    if isinstance(messages[-1], ToolMessage):
        return AIMessage("done")
    asked = [
        {"name": name, "args": args, "id": f"call_{i}", "type": "tool_call"}
        for i, (name, args) in enumerate(calls)
    ]
    return AIMessage("", tool_calls=asked)


class Nodes(Contract, Adapter):
    raised = Blocked
    guide = "LangGraph"

    def names(self, calls):
        return {"model": RunnableLambda(functools.partial(answer, calls))}

    def graph(self, calls, node):
        def model(state):
            return {"messages": [answer(calls, state["messages"])]}

        graph = StateGraph(MessagesState)
        graph.add_node("model", model)
        graph.add_node("tools", node)
        graph.add_edge(START, "model")
        graph.add_conditional_edges("model", tools_condition, ["tools", END])
        graph.add_edge("tools", "model")
        return graph.compile(checkpointer=InMemorySaver())

    def node(self, asynchronous, guard, options, **settings):
        functions = self.tools.functions(asynchronous)
        if asynchronous:
            tools = [StructuredTool.from_function(coroutine=f) for f in functions]
        else:
            tools = [tool(f) for f in functions]
        node = ToolNode(tools, **settings)
        return guard_node(self.il, node, **options) if guard else node

    def play(self, calls, asynchronous=False, guard=True, settings=None, **options):
        graph = self.graph(calls, self.node(asynchronous, guard, options, **settings or {}))
        ask = {"messages": [HumanMessage("look after the records")]}
        try:
            if asynchronous:
                state = asyncio.run(graph.ainvoke(ask, THREAD))
            else:
                state = graph.invoke(ask, THREAD)
        except ValueError as error:
            return [str(error)]
        return [str(m.text) for m in state["messages"] if isinstance(m, ToolMessage)]

    def test_thread_step_and_task_go_into_the_decision(self):
        self.play([("read_record", {"id": 7})])
        (_, asked, _) = self.checks[0]
        self.assertTrue(asked["session"].startswith("thread-1:bot-"))
        self.assertIsInstance(asked["step"], int)
        self.assertEqual(asked["context"]["prompt"], "look after the records")
        self.assertIn("thread-1", asked["idempotency_key"])

    def test_a_node_that_swallows_every_exception_runs_nothing_either(self):
        for asynchronous in self.both():
            said = self.play(
                [("delete_record", {"id": 7})],
                asynchronous,
                settings={"handle_tool_errors": True},
                on_block="raise",
            )
            self.assertIn("not permitted", said[0])
            self.assertEqual(self.tools.effects(), [])

    def test_a_poisoned_error_that_the_node_would_tell_is_not_told(self):
        for asynchronous in self.both():
            said = self.play(
                [("broken", {"id": 7})], asynchronous, settings={"handle_tool_errors": True}
            )
            self.assertIn("withheld", said[0])

    def test_a_wrapper_of_the_node_stays(self):
        seen = []

        def wrapper(request, execute):
            seen.append(request.tool_call["name"])
            return execute(request)

        for asynchronous in self.both():
            seen.clear()
            # A synchronous wrapper runs tools synchronously.
            node = guard_node(
                self.il,
                ToolNode([tool(f) for f in self.tools.functions(False)], wrap_tool_call=wrapper),
            )
            graph = self.graph([("delete_record", {"id": 7})], node)
            ask = {"messages": [HumanMessage("x")]}
            if asynchronous:
                asyncio.run(graph.ainvoke(ask, THREAD))
            else:
                graph.invoke(ask, THREAD)
            self.assertEqual(seen, ["delete_record"])
            self.assertEqual(self.tools.effects(), [])

    def test_a_tool_that_interrupts_is_decided_on_again_when_it_goes_on(self):
        @tool
        def ask(id: int) -> str:
            """Asks."""
            return interrupt("really?")

        graph = self.graph([("ask", {"id": 1})], guard_node(self.il, ToolNode([ask])))
        graph.invoke({"messages": [HumanMessage("x")]}, THREAD)
        self.assertEqual([status for status, _ in self.reports], ["unknown"])
        state = graph.invoke(Command(resume="yes"), THREAD)
        self.assertIn("yes", [m.text for m in state["messages"]])
        self.assertEqual([status for status, _ in self.reports], ["unknown", "succeeded"])
        keys = [asked["idempotency_key"] for _, asked, _ in self.checks]
        self.assertEqual(len(set(keys)), 2)


del Adapter, Contract
