import os
from collections.abc import Mapping, Sequence
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
        self, id: str, approver: str, approve: bool, reason: str
    ) -> Approval: ...
    @property
    def place(self) -> str: ...
    def standing(self) -> dict[str, Any] | None: ...
    def close(self) -> None: ...

def mask(text: str, strategy: str) -> tuple[str, list[dict[str, Any]]]: ...
