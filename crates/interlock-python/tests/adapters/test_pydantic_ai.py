"""Pydantic AI's agent, with tools in a toolset and with a capability."""

import asyncio

from interlock import Blocked
from interlock.adapters.pydantic_ai import capability, guard_tools, model_capability
from pydantic_ai import Agent
from pydantic_ai.messages import ModelResponse, TextPart, ToolCallPart, ToolReturnPart
from pydantic_ai.models.function import FunctionModel

from models import INPUT, OUTPUT, Models
from pydantic_ai.usage import RequestUsage
from world import Adapter, Contract


def script(calls):
    def answer(messages, info):
        if any(isinstance(p, ToolReturnPart) for m in messages for p in m.parts):
            return ModelResponse([TextPart("done")])
        return ModelResponse(
            [ToolCallPart(name, args, tool_call_id=f"call_{i}") for i, (name, args) in enumerate(calls)]
        )

    return FunctionModel(answer)


class Toolsets(Contract, Adapter):
    raised = Blocked
    guide = "Pydantic AI"

    def names(self, calls):
        return {"model": script(calls)}

    def agent(self, calls, functions, guard, options):
        if guard:
            toolset = guard_tools(self.il, functions, **options)
            return Agent(script(calls), toolsets=[toolset], name="clerk")
        return Agent(script(calls), tools=functions, name="clerk")

    def play(self, calls, asynchronous=False, guard=True, **options):
        agent = self.agent(calls, self.tools.functions(asynchronous), guard, options)
        ask = "look after the records"
        try:
            result = asyncio.run(agent.run(ask)) if asynchronous else agent.run_sync(ask)
        except ValueError as error:
            return [str(error)]
        return [
            str(p.content)
            for m in result.all_messages()
            for p in m.parts
            if isinstance(p, ToolReturnPart)
        ]

    def test_run_conversation_and_task_go_into_the_decision(self):
        self.play([("read_record", {"id": 7})])
        (_, asked, _) = self.checks[0]
        self.assertIn(asked["run"], asked["idempotency_key"])
        self.assertIn(":bot-", asked["session"])
        self.assertEqual(asked["context"]["prompt"], "look after the records")


class Capability(Toolsets):
    def agent(self, calls, functions, guard, options):
        held = [capability(self.il, **options)] if guard else []
        return Agent(script(calls), tools=functions, capabilities=held, name="clerk")


class Requests(Models, Adapter):
    def talk(self, asynchronous, breaks=False, **options):
        def answer(messages, info):
            if breaks:
                raise ConnectionError("no model there")
            self.answered += 1
            used = RequestUsage(input_tokens=INPUT, output_tokens=OUTPUT)
            return ModelResponse([TextPart("done")], usage=used)

        model = FunctionModel(answer, model_name="script")
        agent = Agent(model, capabilities=[model_capability(self.il, **options)], name="clerk")
        ask = "look after the records"
        result = asyncio.run(agent.run(ask)) if asynchronous else agent.run_sync(ask)
        return result.output

    def fails(self, asynchronous):
        return self.talk(asynchronous, breaks=True)


del Adapter, Contract, Models
