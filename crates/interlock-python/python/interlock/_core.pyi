import os
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, final

__version__: str

@final
class Decision:
    @property
    def id(self) -> str: ...
    @property
    def effect(self) -> str: ...
    @property
    def allowed(self) -> bool: ...
    @property
    def reason(self) -> str: ...
    @property
    def code(self) -> str: ...
    @property
    def reasons(self) -> list[tuple[str, str]]: ...
    @property
    def risk(self) -> int: ...
    @property
    def dimensions(self) -> dict[str, int]: ...
    @property
    def findings(self) -> list[dict[str, Any]]: ...
    @property
    def rules(self) -> list[str]: ...
    @property
    def policy(self) -> str | None: ...
    @property
    def approval_id(self) -> str | None: ...
    @property
    def arguments(self) -> Any: ...
    @property
    def retry_after_ms(self) -> int | None: ...
    @property
    def agent_message(self) -> str: ...
    @property
    def seq(self) -> int: ...
    @property
    def leaf(self) -> str: ...
    @property
    def replayed(self) -> bool: ...

@final
class Policies:
    def __init__(self, *names: str, text: str | None = None) -> None: ...
    def evaluate(
        self,
        action_type: str,
        resource: str = "",
        *,
        agent: str = "agent",
        tool: str = "",
        arguments: Any = None,
        environment: str = "",
    ) -> Verdict: ...

@final
class Verdict:
    @property
    def effect(self) -> str: ...
    @property
    def rules(self) -> list[str]: ...

@final
class Outcome:
    @property
    def findings(self) -> list[dict[str, Any]]: ...
    @property
    def tainted(self) -> bool: ...
    @property
    def seq(self) -> int: ...

@final
class Approval:
    @property
    def id(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def approved(self) -> bool: ...
    @property
    def pending(self) -> bool: ...
    @property
    def expires_at(self) -> str: ...
    @property
    def asked(self) -> dict[str, Any]: ...

@final
class Engine:
    def __new__(
        cls,
        data: str | os.PathLike[str],
        policies: Sequence[str],
        durability: str,
        content: str,
        patience_ms: int,
        *,
        server: str | None = None,
        api_key: str = "",
        remote: bool = False,
        server_key: str | None = None,
        on_unavailable: Sequence[tuple[str, str]] = ...,
        offline_reads: bool = True,
        ca_file: str | os.PathLike[str] | None = None,
        allow_plain_http: bool = False,
    ) -> Engine: ...
    def check(
        self,
        agent: str,
        action_type: str,
        resource: str,
        tool: str,
        arguments: Any,
        *,
        payload: Any = None,
        environment: str | None = None,
        session: str | None = None,
        run: str | None = None,
        step: int | None = None,
        idempotency_key: str | None = None,
        cost_usd: int | float | str | Decimal | None = None,
        user: str | None = None,
        context: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        approval_id: str | None = None,
        redact: bool = False,
        sandbox: bool = False,
        wait: bool = True,
        path_resolved: str | None = None,
        addresses: Sequence[str] | None = None,
        floor: Floor | None = None,
        reported: bool = False,
        undo: bool = False,
    ) -> Decision: ...
    def outcome(
        self,
        id: str,
        status: str,
        *,
        latency_ms: int = 0,
        cost_usd: int | float | str | Decimal | None = None,
        result: str | None = None,
        result_bytes: int = 0,
        rows: int | None = None,
    ) -> Outcome: ...
    def approval(self, id: str, wait_ms: int) -> Approval: ...
    def decide_approval(
        self, id: str, approver: str, approve: bool, reason: str, arguments: str | None = None
    ) -> Approval: ...
    def pause_agent(self, agent: str, by: str) -> None: ...
    def resume_agent(self, agent: str, by: str) -> None: ...
    def trail(self, agent: str, limit: int) -> list[dict[str, Any]]: ...
    @property
    def place(self) -> str: ...
    def standing(self) -> dict[str, Any] | None: ...
    def close(self) -> None: ...

@final
class Floor:
    def __new__(
        cls,
        *,
        allowed_actions: Sequence[str] | None = None,
        allowed_resources: Sequence[str] | None = None,
        blocked_resources: Sequence[str] | None = None,
        actions_per_minute: int | None = None,
        risk_max: int | None = None,
        risk: Sequence[tuple[int, str]] = (),
        asks: tuple[str, str] | None = None,
    ) -> Floor: ...
    def asking(self, effect: str, why: str) -> Floor: ...

@final
class RunJournal:
    def __new__(cls, data: str | os.PathLike[str], run: str, resume: bool) -> RunJournal: ...
    def step(self, step: int, name: str, digest: str) -> tuple[str, str | None, str | None]: ...
    def asked(self, step: int, name: str, digest: str, approval: str) -> None: ...
    def begin(self, step: int, name: str, digest: str, decision: str) -> None: ...
    def done(self, step: int, result: str | None) -> None: ...
    def failed(self, step: int, error: str) -> None: ...
    def finish(self) -> None: ...
    @property
    def finished(self) -> bool: ...
    def close(self) -> None: ...
    @staticmethod
    def release(data: str | os.PathLike[str], run: str, by: str) -> None: ...
    @staticmethod
    def settle(
        data: str | os.PathLike[str], run: str, step: int, result: str | None, by: str
    ) -> None: ...
    @staticmethod
    def forget(data: str | os.PathLike[str], run: str) -> None: ...

def action_digest(
    agent: str,
    action_type: str,
    resource: str,
    tool: str,
    arguments: Any,
    run: str,
    step: int,
) -> str: ...

def mask(text: str, strategy: str) -> tuple[str, list[dict[str, Any]]]: ...

@final
class Undo:
    def __new__(
        cls,
        path: str | os.PathLike[str],
        *,
        sync: bool,
        file_bytes_max: int | None = None,
        total_bytes_max: int | None = None,
        steps_max: int | None = None,
    ) -> Undo: ...
    def plan(self, ops: Sequence[tuple[str, str, str | None]]) -> str | None: ...
    def begin(self, agent: str, tool: str, decision: str) -> int: ...
    def before(self, step: int, ops: Sequence[tuple[str, str, str | None]]) -> None: ...
    def declare(self, step: int, kind: str, payload: str, idempotent: bool) -> None: ...
    def irreversible(self, step: int, why: str) -> None: ...
    def seal(self, step: int) -> None: ...
    def steps(self, agent: str | None = None) -> list[dict[str, Any]]: ...
    def rollback(
        self,
        last: int,
        agent: str | None,
        force: bool,
        handler: Callable[[str, str, bool], None],
    ) -> dict[str, Any]: ...
    def abandon(self, step: int) -> None: ...
    def forget(self, before: int) -> int: ...
