"""A familiar front for programs written for the ``vaultak`` client: change the import line.

>>> from interlock.vaultak import Vaultak, ActionType, KillSwitchMode
>>> vt = Vaultak(api_key="vtk_...", blocked_resources=["prod.*"], mode=KillSwitchMode.PAUSE)
>>> with vt.monitor("my-agent"):
...     agent.run()

What the published client documents is enforced here, by the engine in this process and before
anything happens: inside ``monitor()`` files, processes, connections and statements are decided on,
in threads and tasks too (:mod:`interlock._monitor` says what it cannot hold). The policies of the
data directory hold as well; the parameters only add to them.

What is refused raises :class:`BehaviorViolationError`, or :class:`AgentPausedError` when the agent is
stopped for it. Both are :class:`interlock.Blocked`: the action did not run.
"""

from __future__ import annotations

import contextlib
import dataclasses
import enum
import json
import logging
import os
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from . import _monitor, _scope
from ._client import Interlock, Policy
from ._client import mask_pii as _mask_pii
from ._core import Decision, Floor
from .errors import (
    Blocked,
    ConfigurationError,
    InterlockError,
    RollbackStopped,
    Unavailable,
    denied,
)

__all__ = [
    "ActionType",
    "AgentBreakerError",
    "AgentPausedError",
    "AgentTerminatedError",
    "AlertLevel",
    "BehaviorViolationError",
    "KillSwitchMode",
    "RollbackError",
    "Score",
    "Vaultak",
    "VaultakMonitor",
    "mask_pii",
]

logger = logging.getLogger("interlock.vaultak")

#: How long the server may take to answer, in seconds, as in the published client.
SERVER_TIMEOUT = 3.0
#: Bytes of a server's answer.
ANSWER_BYTES_MAX = 1024 * 1024


class _Name(str, enum.Enum):
    def __str__(self) -> str:
        return str(self.value)


class ActionType(_Name):
    """What an action does."""

    FILE_READ = "file_read"
    FILE_WRITE = "file_write"
    FILE_DELETE = "file_delete"
    API_CALL = "api_call"
    DATABASE_QUERY = "database_query"
    DATABASE_WRITE = "database_write"
    CODE_EXECUTION = "code_execution"
    NETWORK_REQUEST = "network_request"
    PERMISSION_CHANGE = "permission_change"
    PROCESS_SPAWN = "process_spawn"
    CUSTOM = "custom"


class KillSwitchMode(_Name):
    """What a violation brings about beside being refused."""

    ALERT = "alert"
    PAUSE = "pause"
    ROLLBACK = "rollback"


class AlertLevel(_Name):
    """How much an alert matters."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class AgentBreakerError(Blocked, RuntimeError):
    """Whatever this front refuses: the action did not run."""

    def __init__(self, agent_id: str, reason: str, decision: Decision | None = None) -> None:
        InterlockError.__init__(self, f"agent `{agent_id}`: {reason}", _code(decision))
        self.agent_id = agent_id
        self.reason = reason
        self.decision = decision  # type: ignore[assignment]


class BehaviorViolationError(AgentBreakerError):
    """The action is not permitted."""

    def __init__(
        self,
        agent_id: str,
        violation: str,
        action_type: str = "",
        decision: Decision | None = None,
    ) -> None:
        super().__init__(agent_id, violation, decision)
        self.violation = violation
        self.action_type = action_type


class AgentPausedError(AgentBreakerError):
    """The agent is stopped until :meth:`Vaultak.approve`."""


class AgentTerminatedError(AgentBreakerError):
    """The kill switch is on."""

    def __init__(
        self,
        agent_id: str,
        reason: str,
        risk_score: float = 0.0,
        decision: Decision | None = None,
    ) -> None:
        super().__init__(agent_id, reason, decision)
        self.risk_score = risk_score


class RollbackError(AgentBreakerError):
    """Not everything that should have been undone was. ``errors`` has what went wrong."""

    def __init__(self, agent_id: str, reason: str, errors: Iterable[BaseException] = ()) -> None:
        super().__init__(agent_id, reason)
        self.errors = list(errors)


class Score:
    """The risk of an action: ``score`` 0 to 10, ``raw`` 0 to 1, ``level`` in words."""

    def __init__(self, risk: int) -> None:
        self.score = risk / 10
        self.raw = risk / 100
        self.level = next(
            name
            for least, name in ((75, "critical"), (50, "high"), (25, "medium"), (0, "low"))
            if risk >= least
        )

    def __repr__(self) -> str:
        return f"<Score {self.score} {self.level}>"


def _code(decision: Decision | None) -> str:
    return "" if decision is None else decision.code


def _text(value: Any) -> str:
    return str(value.value) if isinstance(value, enum.Enum) else str(value)


def _percent(name: str, value: float) -> int:
    """A share of 1 as the risk from which on it is reached."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise ConfigurationError(f"`{name}` must be from 0.0 to 1.0, not {value!r}", "config.invalid")
    # 0.7 is 70 and not 70.00000000000001.
    return -int(-round(value * 100, 6) // 1)


class VaultakMonitor:
    """One monitored session of an agent."""

    def __init__(self, client: Vaultak, agent_id: str, session_id: str) -> None:
        self.client = client
        self.agent_id = agent_id
        self.session_id = session_id

    @property
    def paused(self) -> bool:
        """Whether the session was paused in this process."""
        return self.agent_id in self.client._violations.paused

    def approve(self) -> None:
        """As :meth:`Vaultak.approve`."""
        self.client.approve(self.agent_id)


@dataclasses.dataclass(frozen=True)
class _Terms:
    """What a refusal brings about, in this process and in those that it starts."""

    agent_id: str
    mode: KillSwitchMode
    #: From which risk on which mode holds; the strictest last.
    tiers: tuple[tuple[int, KillSwitchMode], ...]
    rollback_limit: int

    def __call__(self, interlock: Interlock) -> _Violations:
        return _Violations(self, interlock)


class _Violations:
    """Brings about what a refusal does beside refusing."""

    def __init__(self, terms: _Terms, interlock: Interlock) -> None:
        #: What makes another one like it in another process.
        self.inherited = terms
        self._interlock = interlock
        #: Calls' own functions, which are undone by this process only.
        self.undo: dict[str, deque[Callable[[], Any]]] = {}
        #: Agents that were stopped in this process.
        self.paused: set[str] = set()
        self._lock = threading.Lock()

    def mode_of(self, decision: Decision) -> KillSwitchMode | None:
        """What a refusal brings about beside it."""
        terms = self.inherited
        codes = [code for code, _ in decision.reasons]
        reached = [tier for least, tier in terms.tiers if decision.risk >= least]
        if "caller.risk" in codes and reached:
            return reached[-1]
        if any(code.startswith("profile.") for code in codes):
            return terms.mode
        return None

    def __call__(self, decision: Decision) -> Exception:
        """Brings about what a refusal does, and says it."""
        agent = _scope.current().agent or self.inherited.agent_id
        if decision.effect != "block":
            return denied(decision)
        reason = decision.agent_message
        codes = [code for code, _ in decision.reasons]
        if "kill-switch" in codes:
            return AgentTerminatedError(agent, reason, decision.risk / 100, decision)
        if "agent.paused" in codes:
            self.paused.add(agent)
            return AgentPausedError(agent, reason, decision)
        mode = self.mode_of(decision)
        if mode is KillSwitchMode.ROLLBACK:
            self._stop(agent)
            _, failed = self.undo_last(agent)
            if failed:
                error = RollbackError(agent, f"{reason}; {failed[0]}", failed)
                error.decision = decision
                return error
            return AgentPausedError(agent, reason, decision)
        if mode is KillSwitchMode.PAUSE:
            self._stop(agent)
            return AgentPausedError(agent, reason, decision)
        return BehaviorViolationError(agent, reason, "", decision)

    def _stop(self, agent: str) -> None:
        """Stops an agent, in every process on the data directory."""
        self.paused.add(agent)
        logger.warning("agent %s is paused", agent)
        with _monitor.unmonitored():
            self._interlock.engine.pause_agent(agent, "interlock.vaultak")

    def keep(self, agent: str, function: Callable[[], Any]) -> None:
        """Notes that calling `function` undoes an action of the agent."""
        with self._lock:
            most = max(self.inherited.rollback_limit, 1)
            self.undo.setdefault(agent, deque(maxlen=most)).append(function)

    def undo_last(self, agent: str) -> tuple[int, list[BaseException]]:
        """Undoes what can be undone: how much, and what went wrong or why nothing could be."""
        limit = self.inherited.rollback_limit
        with self._lock:
            undo = self.undo.get(agent)
            last = [undo.pop() for _ in range(min(len(undo), limit))] if undo else []
        failed: list[BaseException] = []
        # Undoing is the operator's doing, not the agent's.
        with _monitor.unmonitored():
            for function in last:
                try:
                    function()
                except Exception as error:
                    failed.append(error)
            undone = len(last) - len(failed)
            left = limit - len(last)
            if left > 0 and self._interlock.undo_journal is not None:
                try:
                    undone += len(self._interlock.rollback(last=left, agent=agent).undone)
                except RollbackStopped as error:
                    undone += len(error.report.undone)
                    failed.append(error)
                except InterlockError as error:
                    failed.append(error)
        return undone, failed


class Vaultak:
    """What an agent may do, and what happens when it does something else.

    ``allowed_action_types``, ``allowed_resources``, ``blocked_resources`` (glob patterns),
    ``max_actions_per_minute`` and ``max_risk_score`` (0 to 1) always block. From ``risk_threshold``
    on (0 to 1), and after a violation, ``mode`` says what happens: ``ALERT`` records and lets it
    run, ``PAUSE`` refuses and stops the agent until :meth:`approve`, ``ROLLBACK`` also undoes the
    last ``rollback_limit`` actions. ``alert_threshold``, ``pause_threshold`` and
    ``rollback_threshold`` (0 to 100) are those of later versions of the client and may be combined.
    ``API_CALL`` allows the connection that the call is made over, and so other connections too.

    With ``api_endpoint`` the server there is asked as well, with ``api_key``: what either refuses
    does not run, and neither does what the server does not answer for. Without it nothing leaves
    the process, and the key is not needed.

    ``data`` and ``policy`` are those of :class:`interlock.Interlock`, and so are further options.
    """

    def __init__(
        self,
        api_key: str | None = None,
        agent_id: str = "default",
        *,
        mode: KillSwitchMode | str = KillSwitchMode.ALERT,
        allowed_action_types: Iterable[ActionType | str] | None = None,
        allowed_resources: Iterable[str] | None = None,
        blocked_resources: Iterable[str] | None = None,
        max_actions_per_minute: int = 60,
        max_risk_score: float = 1.0,
        risk_threshold: float | None = None,
        rollback_limit: int = 5,
        alert_threshold: int | None = None,
        pause_threshold: int | None = None,
        rollback_threshold: int | None = None,
        api_endpoint: str | None = None,
        data: str | os.PathLike[str] | None = None,
        policy: Policy = "default",
        **options: Any,
    ) -> None:
        try:
            self.mode = KillSwitchMode(_text(mode).lower())
        except ValueError:
            raise ConfigurationError(
                f"`mode` must be ALERT, PAUSE or ROLLBACK, not {mode!r}", "config.invalid"
            ) from None
        for name, count in (
            ("max_actions_per_minute", max_actions_per_minute),
            ("rollback_limit", rollback_limit),
        ):
            if isinstance(count, bool) or not isinstance(count, int) or count < 0:
                raise ConfigurationError(f"`{name}` must be a count, not {count!r}", "config.invalid")
        self.agent_id = agent_id
        self.rollback_limit = rollback_limit
        self._api_key = api_key if api_key is not None else os.environ.get("VAULTAK_API_KEY", "")
        self._endpoint = None if api_endpoint is None else api_endpoint.rstrip("/")
        if self._endpoint is not None:
            if not self._endpoint.startswith(("https://", "http://")):
                raise ConfigurationError(
                    f"`api_endpoint` must be an http or https address, not {api_endpoint!r}",
                    "config.invalid",
                )
            if not self._api_key:
                raise ConfigurationError("`api_endpoint` needs an `api_key`", "config.invalid")
        tiers = {
            KillSwitchMode.ALERT: alert_threshold,
            KillSwitchMode.PAUSE: pause_threshold,
            KillSwitchMode.ROLLBACK: rollback_threshold,
        }
        for tier, value in tiers.items():
            if value is not None and (isinstance(value, bool) or not 0 <= value <= 100):
                raise ConfigurationError(
                    f"`{tier}_threshold` must be from 0 to 100, not {value!r}", "config.invalid"
                )
        if risk_threshold is None and all(value is None for value in tiers.values()):
            risk_threshold = 0.7
        #: From which risk on which mode holds; the strictest last.
        self._tiers = [(int(-(-value // 1)), tier) for tier, value in tiers.items() if value is not None]
        if risk_threshold is not None:
            self._tiers.append((_percent("risk_threshold", risk_threshold), self.mode))
        order = list(KillSwitchMode)
        self._tiers.sort(key=lambda tier: (order.index(tier[1]), tier[0]))
        # Risks are whole: a threshold between two is the upper one, a maximum the lower one.
        risk_max = _percent("max_risk_score", max_risk_score)
        if risk_max > max_risk_score * 100 + 1e-6:
            risk_max -= 1
        types = None
        if allowed_action_types is not None:
            types = [_text(type) for type in allowed_action_types]
            if "api_call" in types:
                types.append("network_request")
        self._floor = Floor(
            allowed_actions=types,
            allowed_resources=None if allowed_resources is None else list(allowed_resources),
            blocked_resources=None if blocked_resources is None else list(blocked_resources),
            actions_per_minute=max_actions_per_minute,
            risk_max=risk_max,
            risk=[
                (least, "alert" if tier is KillSwitchMode.ALERT else "block")
                for least, tier in self._tiers
            ],
        )
        self._interlock = Interlock(data, agent=agent_id, policy=policy, **options)
        terms = _Terms(agent_id, self.mode, tuple(self._tiers), rollback_limit)
        self._violations = terms(self._interlock)

    @property
    def interlock(self) -> Interlock:
        """The engine behind it."""
        return self._interlock

    def close(self) -> None:
        """As :meth:`interlock.Interlock.close`."""
        self._interlock.close()

    def __enter__(self) -> Vaultak:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- deciding -------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _scope(self, agent_id: str | None, session_id: str | None = None) -> Iterator[str]:
        agent = agent_id or self.agent_id
        scope = _scope.Scope(
            agent=agent, session=session_id, floor=self._floor, refusal=self._violations
        )
        with _scope.entered(scope):
            yield agent

    def _decide(
        self, action_type: ActionType | str, resource: str, agent_id: str | None, payload: Any
    ) -> tuple[Decision, str | None]:
        """The decision, and what the server says against it."""
        with self._scope(agent_id) as agent:
            decision = self._interlock.check(
                _text(action_type),
                str(resource),
                payload=payload,
                arguments=payload if isinstance(payload, dict) else None,
            )
            against = None
            if decision.allowed:
                against = self._asked(agent, _text(action_type), str(resource))
        return decision, against

    def _asked(self, agent_id: str, action_type: str, resource: str) -> str | None:
        """What the server says against an action that is permitted here."""
        if self._endpoint is None:
            return None
        body = {"agent_id": agent_id, "action_type": action_type, "resource": resource}
        request = urllib.request.Request(
            f"{self._endpoint}/api/check",
            data=json.dumps(body).encode(),
            headers={"content-type": "application/json", "x-api-key": self._api_key},
        )
        with _monitor.unmonitored():
            try:
                with urllib.request.urlopen(request, timeout=SERVER_TIMEOUT) as response:
                    answer = json.loads(response.read(ANSWER_BYTES_MAX))
                decision = str(answer["decision"]).lower()
            except (OSError, ValueError, KeyError, TypeError) as error:
                raise Unavailable(
                    f"the server at `{self._endpoint}` gives no decision: {error}", "gate.unavailable"
                ) from None
        if decision in ("allow", "alert"):
            return None
        return f"the server decided `{decision}`"

    # -- the published interface ----------------------------------------------------------------

    @contextlib.contextmanager
    def monitor(self, agent_id: str | None = None) -> Iterator[VaultakMonitor]:
        """Decides on what happens inside ``with``, before it does."""
        session = str(uuid.uuid4())
        watched = _monitor.Monitor(
            self._interlock,
            self._interlock.approval,
            self._interlock.approval_timeout,
            also=self._server_agrees if self._endpoint is not None else None,
        )
        with self._scope(agent_id, session) as agent:
            with _monitor.inside(watched):
                yield VaultakMonitor(self, agent, session)

    def _server_agrees(self, action_type: str, resource: str, decision: Decision) -> None:
        agent = _scope.current().agent or self.agent_id
        against = self._asked(agent, action_type, resource)
        if against is not None:
            self._interlock.report(decision, "not_run")
            raise BehaviorViolationError(agent, against, action_type, decision)

    @contextlib.contextmanager
    def watch(
        self,
        agent_id: str,
        action_type: ActionType | str,
        resource: str,
        payload: Any = None,
        rollback_fn: Callable[[], Any] | None = None,
    ) -> Iterator[Decision]:
        """Decides on an action and lets the body of ``with`` run if it may.

        ``rollback_fn`` undoes it: called without arguments, newest first, when the agent is rolled
        back.
        """
        decision, against = self._decide(action_type, resource, agent_id, payload)
        if not decision.allowed:
            with self._scope(agent_id):
                raise self._violations(decision)
        if against is not None:
            self._interlock.report(decision, "not_run")
            raise BehaviorViolationError(agent_id, against, _text(action_type), decision)
        started = time.monotonic()
        status = "unknown"
        # An action that fails in the middle may have to be undone as well.
        if rollback_fn is not None:
            self._violations.keep(agent_id, rollback_fn)
        try:
            yield decision
            status = "succeeded"
        except Exception:
            status = "failed"
            raise
        finally:
            latency = round((time.monotonic() - started) * 1000)
            self._interlock.report(decision, status, latency_ms=latency)

    def log_action(
        self,
        *positional: Any,
        agent_id: str | None = None,
        action_type: ActionType | str | None = None,
        resource: str | None = None,
        payload: Any = None,
    ) -> Decision:
        """Records an action that has happened: it is scored, and nothing is enforced.

        By keyword, or ``(agent_id, action_type, resource, payload)``, or as in later versions
        ``(action_type, resource, agent_id, payload)``: the known action type tells.
        """
        if len(positional) > 4:
            raise TypeError(f"log_action() takes at most 4 arguments, {len(positional)} were given")
        known = {type.value for type in ActionType}
        names = ["agent_id", "action_type", "resource", "payload"]
        if positional and _text(positional[0]) in known:
            second = len(positional) > 1 and _text(positional[1]) in known
            if not second:
                names = ["action_type", "resource", "agent_id", "payload"]
        given = dict(zip(names, positional))
        agent_id = given.get("agent_id", agent_id)
        action_type = given.get("action_type", action_type)
        resource = given.get("resource", resource)
        payload = given.get("payload", payload)
        if action_type is None or resource is None:
            raise TypeError("log_action() needs `action_type` and `resource`")
        return self._interlock.check(
            _text(action_type),
            str(resource),
            agent=agent_id or self.agent_id,
            payload=payload,
            arguments=payload if isinstance(payload, dict) else None,
            reported=True,
        )

    def check(
        self, action_type: ActionType | str, resource: str, agent_id: str | None = None
    ) -> dict[str, Any]:
        """Whether an action may run: ``allowed``, ``score`` (0 to 1) and ``decision``.

        It counts as an action of the agent: asking too often, or for what it may not do, has the
        same consequences as doing it. An error means that it must not run.
        """
        decision, against = self._decide(action_type, resource, agent_id, None)
        said = "ALERT" if decision.effect == "alert" else "ALLOW"
        if against is not None:
            said = "BLOCK"
            self._interlock.report(decision, "not_run")
        elif not decision.allowed:
            with self._scope(agent_id):
                error = self._violations(decision)
            mode = self._violations.mode_of(decision)
            said = "BLOCK"
            if isinstance(error, (AgentPausedError, RollbackError)):
                said = "ROLLBACK" if mode is KillSwitchMode.ROLLBACK else "PAUSE"
        return {
            "allowed": decision.allowed and against is None,
            "score": decision.risk / 100,
            "decision": said,
        }

    def check_policy(self, tool_name: str, input_data: Any = None) -> dict[str, Any]:
        """As :meth:`check` for a tool; raises :class:`BehaviorViolationError` when it may not run."""
        resource = tool_name if input_data is None else str(input_data)
        answer = self.check(tool_name, resource)
        if not answer["allowed"]:
            raise BehaviorViolationError(
                self.agent_id,
                f"tool '{tool_name}' is blocked by policy; decision: {answer['decision']}",
                tool_name,
            )
        return answer

    def alert(self, level: AlertLevel | str = AlertLevel.MEDIUM, message: str | None = None) -> None:
        """Puts an alert on record for the people who look after the agent."""
        try:
            level = AlertLevel(_text(level).lower())
        except ValueError:
            raise ConfigurationError(
                f"`level` must be low, medium, high or critical, not {level!r}", "config.invalid"
            ) from None
        why = f"{level}: {message or 'raised by the agent'}"
        logger.warning("alert of agent %s: %s", self.agent_id, why)
        self._interlock.check(
            "custom",
            "system",
            agent=self.agent_id,
            tool="alert",
            arguments={"level": str(level), "message": message},
            floor=Floor(asks=("alert", why)),
        )

    def rollback(self, reason: str | None = None, agent_id: str | None = None) -> int:
        """Undoes the last ``rollback_limit`` actions of the agent, newest first; how many it undid.

        Raises :class:`RollbackError` when not all could be.
        """
        agent = agent_id or self.agent_id
        undone, failed = self._violations.undo_last(agent)
        self.log_action(
            agent_id=agent, action_type="rollback", resource="system", payload={"reason": reason}
        )
        if failed:
            raise RollbackError(agent, str(failed[0]), failed)
        return undone

    def score_action(self, action: ActionType | str, context: dict[str, Any] | None = None) -> Score:
        """The risk of an action, which is recorded as a report and enforced by nobody."""
        context = dict(context or {})
        resource = context.pop("resource", "")
        payload = context.pop("payload", None)
        decision = self._interlock.check(
            _text(action),
            str(resource),
            agent=self.agent_id,
            payload=payload,
            arguments=context or None,
            reported=True,
        )
        return Score(decision.risk)

    def mask_pii(self, text: str, strategy: str = "partial") -> str:
        """As :func:`interlock.mask_pii`."""
        return _mask_pii(text, strategy)

    def approve(self, agent_id: str | None = None) -> None:
        """Ends the pause of an agent: a person's decision. Never call it from what an agent controls."""
        agent = agent_id or self.agent_id
        self._interlock.engine.resume_agent(agent, "interlock.vaultak")
        self._violations.paused.discard(agent)

    def audit_trail(self, agent_id: str | None = None, limit: int = 100) -> list[dict[str, Any]]:
        """The latest actions of an agent, newest first, a moment after they were decided on."""
        return self._interlock.engine.trail(agent_id or self.agent_id, limit)


def mask_pii(text: str, strategy: str = "partial") -> str:
    """As :func:`interlock.mask_pii`."""
    return _mask_pii(text, strategy)
