"""The front door: one data directory, policies, and checks."""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import contextlib
import contextvars
import functools
import inspect
import json
import logging
import os
import threading
import uuid
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar, Union

from . import (
    _approval,
    _compensations,
    _core,
    _guard,
    _monitor,
    _orders,
    _run,
    _scope,
    _undo,
    _undo_http,
)
from .errors import ConfigurationError, InterlockError
from .sandbox import Sandbox
from .sandbox import _frame as _sandbox
from .sandbox import http as _sandbox_http

#: What a violation may entail.
VIOLATIONS = ("block", "pause", "rollback")
#: Reasons of a block that are no violation of their own: the agent was stopped before.
STOPPED = {"agent.paused", "kill-switch", "tool.stopped"}

T = TypeVar("T")
#: What happens without an answer, for all tools or by tool and environment.
OnUnavailable = Union[str, Mapping[str, str]]
Policy = Union[str, "os.PathLike[str]", Sequence[Union[str, "os.PathLike[str]"]]]

logger = logging.getLogger("interlock")

#: Results longer than this are cut before they are scanned.
RESULT_CHARACTERS = _guard.RESULT_CHARACTERS


class Interlock:
    """Decides on the actions of agents, in this process.

    ``data`` is the data directory (``INTERLOCK_DATA``, else ``interlock-data``): record and state
    live there. Any number of processes may share one; the first decides for all of them, and when
    it ends another takes over.

    ``policy`` is a built-in bundle (``default``, ``strict``, ``hipaa``, …), a file or a directory,
    or several of them.

    ``durability``: ``strict`` (a decision is on disk before it is returned), ``batch`` (written,
    and on disk within milliseconds), ``async``.
    ``content``: ``full`` (encrypted and erasable), ``hashes`` (commitments only), ``none``.
    ``timeout``: how long a check may take before it counts as unavailable, in seconds.
    ``budgets``: a file of what the agents here may cost in a day or a month; without it the budgets
    that are set for ``data`` hold.
    ``approval``: what happens when a person must agree; see :meth:`guard`.
    ``undo``: whether what agents change is kept, so that :meth:`rollback` can put it back, and how
    much of it (:class:`UndoLimits`).
    ``on_violation``: what a blocked action entails for its agent: ``block`` (nothing more),
    ``pause`` (the agent is stopped), ``rollback`` (its last ``rollback_limit`` actions are undone,
    and it is stopped).
    ``sandbox``: whether guarded calls on which a policy decides ``sandbox`` run in a sandbox that is
    discarded (see :meth:`sandbox`), unless a guard says otherwise.

    ``compensations``: what undoes requests: files, directories or entries, see
    :mod:`interlock._compensations`. ``credentials``: asked for the secrets of such requests, by name
    and address, when they are sent; without it they are in the environment.
    ``services``: what stands in for services in sandboxes: :class:`~interlock.sandbox.OpenApi`,
    :class:`~interlock.sandbox.DryRun`.

    With ``server`` (``https://…``; ``http://`` on this machine only, unless ``allow_plain_http``) and
    ``api_key`` (or ``INTERLOCK_API_KEY``), policies and approvals are the server's. In ``connected``
    mode with ``undo`` its operators can order a rollback, which is carried out here.
    ``mode``: ``connected`` (decides here by the server's signed policies, and asks the server where a
    person, a limit or a budget is concerned) or ``remote`` (asks about everything).
    ``on_unavailable``: ``closed`` or ``open``, what an action does when the server should decide and
    does not answer within ``timeout``; or a mapping of ``tool``, ``tool@environment``,
    ``@environment`` and ``*`` to these. Every action that runs so is on record first, and the server
    gets it later.
    ``offline_reads``: whether what has no side effect is decided by the last policies when the
    server has not confirmed them for 15 seconds.
    ``server_key``: the key that signs the server's policies; without it the first that is met is
    kept in ``data`` and trusted. ``ca_file``: authorities to trust, instead of this machine's.

    Every error means that the action must not run.
    """

    def __init__(
        self,
        data: str | os.PathLike[str] | None = None,
        *,
        agent: str | None = None,
        policy: Policy = "default",
        environment: str | None = None,
        session: str | None = None,
        user: str | None = None,
        durability: str = "strict",
        content: str = "full",
        timeout: float = 5.0,
        approval: _approval.Channel = None,
        approval_timeout: float = 300.0,
        server: str | None = None,
        api_key: str | None = None,
        mode: str | None = None,
        on_unavailable: OnUnavailable = "closed",
        offline_reads: str = "open",
        server_key: str | None = None,
        ca_file: str | os.PathLike[str] | None = None,
        allow_plain_http: bool = False,
        undo: bool | _undo.UndoLimits = True,
        on_violation: str = "block",
        rollback_limit: int = 10,
        sandbox: bool = False,
        compensations: _compensations.Compensations | None = None,
        credentials: _undo_http.Credentials | None = None,
        services: Sequence[_sandbox_http.Service] = (),
        budgets: str | os.PathLike[str] | None = None,
    ) -> None:
        if on_violation not in VIOLATIONS:
            raise ConfigurationError(
                f"`on_violation` must be one of {', '.join(VIOLATIONS)}, not {on_violation!r}",
                "config.invalid",
            )
        if rollback_limit < 0 or (on_violation == "rollback" and undo is False):
            raise ConfigurationError(
                "`rollback_limit` must be 0 or more, and a rollback needs `undo`", "config.invalid"
            )
        #: What opens another one like it, in another process.
        self.options: dict[str, Any] = {
            "data": os.path.abspath(data or os.environ.get("INTERLOCK_DATA") or "interlock-data"),
            "agent": agent,
            "policy": policy
            if isinstance(policy, (str, os.PathLike))
            else [os.fspath(name) for name in policy],
            "environment": environment,
            "session": session,
            "user": user,
            "durability": durability,
            "content": content,
            "timeout": timeout,
            "undo": undo,
            "on_violation": on_violation,
            "rollback_limit": rollback_limit,
            "sandbox": sandbox,
            "server": server,
            "api_key": api_key,
            "mode": mode,
            "on_unavailable": on_unavailable,
            "offline_reads": offline_reads,
            "server_key": server_key,
            "ca_file": ca_file,
            "allow_plain_http": allow_plain_http,
            "compensations": compensations,
            "services": services,
            "budgets": budgets,
        }
        if timeout <= 0 or approval_timeout < 0:
            raise ConfigurationError("`timeout` must be above 0 seconds", "config.invalid")
        self.data = Path(self.options["data"])
        #: The server's address, or `None` where this process decides by policies of its own.
        self.server = server
        self.mode = _mode(server, mode)
        self.approval = _approval.checked(approval, server is not None)
        self.approval_timeout = approval_timeout
        self._defaults = _scope.Scope(
            agent=agent or os.environ.get("INTERLOCK_AGENT"),
            session=session,
            user=user,
            environment=environment or os.environ.get("INTERLOCK_ENVIRONMENT"),
        )
        if server is not None and budgets is not None:
            raise ConfigurationError(
                "budgets are the server's: set them there", "config.budgets"
            )
        if server is not None and policy != "default":
            raise ConfigurationError(
                "policies are the server's: publish `policy` there", "config.policy"
            )
        if server_key is not None and self.mode != "connected":
            raise ConfigurationError(
                "`server_key` is for `mode=\"connected\"`; elsewhere `https://` proves who answers",
                "config.invalid",
            )
        if offline_reads not in ("closed", "open"):
            raise ConfigurationError(
                f"`offline_reads` must be `closed` or `open`, not {offline_reads!r}",
                "config.invalid",
            )
        names = [policy] if isinstance(policy, (str, os.PathLike)) else list(policy)
        self.engine = _core.Engine(
            self.data,
            [os.fspath(name) for name in names],
            durability,
            content,
            round(timeout * 1000),
            server=server,
            api_key=api_key or os.environ.get("INTERLOCK_API_KEY") or "",
            remote=self.mode == "remote",
            server_key=server_key,
            on_unavailable=_rules(server, on_unavailable),
            offline_reads=offline_reads == "open",
            ca_file=ca_file,
            allow_plain_http=allow_plain_http,
            budgets=budgets,
        )
        #: A session of one agent that turns up at another looks stolen: each has its own.
        self._sessions: dict[str, str] = {}
        self._lock = threading.Lock()
        self._executor: concurrent.futures.ThreadPoolExecutor | None = None
        self._executor_of = 0
        self._at_exit = weakref.finalize(self, self.engine.close)
        self.on_violation = on_violation
        self.rollback_limit = rollback_limit
        #: Where what agents change is kept; `None` without `undo`.
        self.undo_journal: _undo.Journal | None = None
        self.credentials = credentials
        #: What undoes requests.
        self.compensations: _compensations.Catalogue | None = None
        if compensations is not None:
            if undo is False:
                raise ConfigurationError("`compensations` need `undo`", "undo.off")
            self.compensations = _compensations.Catalogue.load(compensations)
        if undo is not False:
            limits = undo if isinstance(undo, _undo.UndoLimits) else _undo.UndoLimits()
            path = self.data / "undo"
            self.undo_journal = _undo.Journal(self, path, durability == "strict", limits)
        self.services = _sandbox_http.services(services)
        self.isolates = sandbox
        _sandbox.recover(self)
        #: Takes the rollbacks that the server orders.
        self._orders: _orders.Orders | None = None
        if self.mode == "connected" and self.undo_journal is not None:
            self._orders = _orders.Orders(self)
        _open.add(self)

    def __enter__(self) -> Interlock:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the record; another process may own the data directory at once."""
        if self._executor is not None and self._executor_of == os.getpid():
            self._executor.shutdown(wait=True)
        self._executor = None
        if self._orders is not None:
            self._orders.end()
        self.engine.close()

    # -- deciding -------------------------------------------------------------------------------

    def check(
        self,
        action_type: str,
        resource: str | os.PathLike[str] = "",
        *,
        tool: str = "",
        arguments: Any = None,
        payload: Any = None,
        agent: str | None = None,
        session: str | None = None,
        run: str | None = None,
        step: int | None = None,
        user: str | None = None,
        environment: str | None = None,
        idempotency_key: str | None = None,
        cost_usd: int | float | str | Decimal | None = None,
        context: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        approval_id: str | None = None,
        redact: bool = False,
        path_resolved: str | None = None,
        addresses: Sequence[str] | None = None,
        floor: _core.Floor | None = None,
        reported: bool = False,
        undo: bool = False,
        sandbox: bool = False,
    ) -> _core.Decision:
        """Decides on one action; the decision is on record when this returns.

        Whether the action may run is ``decision.allowed``. With ``redact=True`` the caller promises
        to use ``decision.arguments`` where they are given. ``approval_id`` claims an approval.
        ``floor`` asks for more than the policies do. ``reported`` says that it has happened already:
        it is scored and recorded, and nothing is enforced. With ``undo`` the caller promises that it
        can undo the action: policies see it as ``facts.reversible``. With ``sandbox`` it promises to
        run the action where nothing commits if the effect is ``sandbox``: ``facts.can_sandbox``.
        """
        # Field by field: making a `Scope` costs as much as the rest of this function.
        scope, defaults = _scope.current(), self._defaults
        agent = agent or scope.agent or defaults.agent
        if agent is None:
            raise ConfigurationError(
                "who acts? give `agent` to Interlock(), to the call, or in INTERLOCK_AGENT",
                "config.agent",
            )
        session = session or scope.session or defaults.session or self._sessions.get(agent)
        if session is None:
            session = self._sessions.setdefault(agent, str(uuid.uuid4()))
        return self.engine.check(
            agent,
            action_type,
            os.fspath(resource),
            tool,
            arguments,
            payload=payload,
            environment=environment or scope.environment or defaults.environment,
            session=session,
            run=run or scope.run or defaults.run,
            step=step,
            idempotency_key=idempotency_key,
            cost_usd=cost_usd,
            user=user or scope.user or defaults.user,
            context=context,
            metadata=metadata,
            approval_id=approval_id or scope.approval_id,
            redact=redact,
            path_resolved=path_resolved,
            addresses=addresses,
            floor=floor or scope.floor,
            reported=reported,
            undo=undo,
            sandbox=sandbox,
        )

    def agent(self, agent: str | None = None) -> str:
        """Who acts here: as given, as the scope says, or as this was made with."""
        found = agent or _scope.current().agent or self._defaults.agent
        if found is None:
            raise ConfigurationError(
                "who acts? give `agent` to Interlock(), to the call, or in INTERLOCK_AGENT",
                "config.agent",
            )
        return found

    async def acheck(self, *args: Any, **kwargs: Any) -> _core.Decision:
        """As :meth:`check`, without holding up the event loop."""
        return await self.off_loop(functools.partial(self.check, *args, **kwargs))

    def report(
        self,
        decision: _core.Decision,
        status: str,
        *,
        latency_ms: int = 0,
        cost_usd: int | float | str | Decimal | None = None,
        result: str | None = None,
        rows: int | None = None,
    ) -> _core.Outcome | None:
        """Reports what became of an action; ``result`` is scanned for hidden instructions.

        ``status`` is ``succeeded``, ``failed``, ``not_run`` or ``unknown``. The action has happened
        by now, so a report that cannot be recorded is logged, not raised: ``None``.
        """
        size = 0
        if result is not None:
            size = len(result.encode("utf-8", "surrogatepass"))
            # The scan reads the beginning; the size says that there was more.
            result = result[:RESULT_CHARACTERS].encode("utf-8", "replace").decode()
        try:
            return self.engine.outcome(
                decision.id,
                status,
                latency_ms=latency_ms,
                cost_usd=cost_usd,
                result=result,
                result_bytes=size,
                rows=rows,
            )
        except InterlockError as error:
            logger.error("the outcome of %s is not on record: %s", decision.id, error)
            return None

    # -- guarding -------------------------------------------------------------------------------

    def guard(
        self,
        tool: Any = None,
        /,
        *,
        name: str | None = None,
        action_type: str = "custom",
        resource: _guard.Resource = None,
        cost_usd: _guard.Cost = None,
        approval: _approval.Channel = None,
        approval_timeout: float | None = None,
        idempotent: bool = False,
        check: _run.Check | None = None,
        undo: Callable[..., Any] | None = None,
        writes: _undo.Writes = None,
        sandbox: bool | Callable[[Sandbox], Any] | None = None,
    ) -> Any:
        """The same tool, checked before it runs.

        ``tool`` is a function, a coroutine function, a method, or an object with ``execute``,
        ``invoke`` or ``run``; without it this is a decorator. ``resource`` and ``cost_usd`` are
        values, functions of the arguments, or (``resource``) a pattern such as ``crm/{id}``.

        ``approval`` says what a call does when a person must agree: ``None`` raises
        :class:`ApprovalRequired`, ``"wait"`` waits ``approval_timeout`` seconds, ``"console"``
        asks on the terminal, a function is called with the approval and answers.

        ``idempotent`` and ``check`` say what a resumed run does with a call that may have happened;
        see :meth:`Run.step`.

        ``undo`` undoes a call: a function of the same arguments, and of ``result`` if it has such a
        parameter. ``writes`` says which files a call changes, as patterns over the arguments such as
        ``"{path}"`` or as a function of them; how they are is kept before the call.

        ``sandbox``: whether a call runs in a sandbox of its own where a policy decides so, instead of
        asking a person; it returns as usual, and what it did is discarded. A function gets the
        sandbox after the call and may commit it.
        """
        if tool is None:
            return functools.partial(
                self.guard,
                name=name,
                action_type=action_type,
                resource=resource,
                cost_usd=cost_usd,
                approval=approval,
                approval_timeout=approval_timeout,
                idempotent=idempotent,
                check=check,
                undo=undo,
                writes=writes,
                sandbox=sandbox,
            )
        own = name or getattr(tool, "name", None) or getattr(tool, "__name__", None)
        guard = _guard.Guard(
            self,
            own if isinstance(own, str) else type(tool).__name__,
            action_type=action_type,
            resource=resource,
            cost_usd=cost_usd,
            approval=approval if approval is not None else self.approval,
            approval_timeout=self.approval_timeout if approval_timeout is None else approval_timeout,
            idempotent=idempotent,
            check=check,
            undo=undo,
            writes=writes,
            sandbox=self.isolates if sandbox is None else sandbox,
        )
        if isinstance(tool, (staticmethod, classmethod)):
            skip = 0 if isinstance(tool, staticmethod) else 1
            return type(tool)(_guard.wrap_function(guard, tool.__func__, skip))
        if inspect.isroutine(tool) or isinstance(tool, functools.partial):
            return _guard.wrap_function(guard, tool, _owner_arguments(tool))
        return _guard.Guarded(guard, tool)

    @contextlib.contextmanager
    def scope(
        self,
        *,
        agent: str | None = None,
        session: str | None = None,
        run: str | None = None,
        user: str | None = None,
        environment: str | None = None,
        approval_id: str | None = None,
    ) -> Iterator[None]:
        """Who acts and within what, for the checks and guarded calls inside ``with``.

        ``approval_id`` resumes a call that raised :class:`ApprovalRequired`.
        """
        with _scope.entered(
            _scope.Scope(agent, session, run, user, environment, approval_id)
        ):
            yield

    @contextlib.contextmanager
    def monitor(
        self,
        agent: str | None = None,
        *,
        session: str | None = None,
        run: str | None = None,
        approval: _approval.Channel = None,
        approval_timeout: float | None = None,
    ) -> Iterator[_monitor.Monitor]:
        """Decides on the files, processes, connections and statements of what runs inside ``with``.

        What is not permitted raises before it happens. Threads, tasks and executors' calls that are
        started inside are inside too. See :mod:`interlock._monitor` for what it cannot hold.
        """
        monitor = _monitor.Monitor(
            self,
            approval if approval is not None else self.approval,
            self.approval_timeout if approval_timeout is None else approval_timeout,
        )
        with self.scope(agent=agent, session=session, run=run):
            yield from _monitor.entered(monitor)

    @contextlib.contextmanager
    def sandbox(
        self,
        agent: str | None = None,
        *,
        session: str | None = None,
        run: str | None = None,
        approval: _approval.Channel = None,
        approval_timeout: float | None = None,
    ) -> Iterator[Sandbox]:
        """As :meth:`monitor`, and what runs inside ``with`` changes nothing outside: it sees its own
        writes, and they are forgotten at the end unless :meth:`Sandbox.commit` was called.

        What cannot be held back is refused. See :mod:`interlock.sandbox`.
        """
        if _run.current() is not None:
            raise ConfigurationError(
                "a run keeps its steps as done, which they are not in a sandbox", "sandbox.run"
            )
        _sandbox.refuse_nesting()
        with self.scope(agent=agent, session=session, run=run):
            box = Sandbox(self)
            monitor = _monitor.Monitor(
                self,
                approval if approval is not None else self.approval,
                self.approval_timeout if approval_timeout is None else approval_timeout,
                sandbox=box,
            )
            with box.entered(monitor):
                yield box

    def standing(self) -> dict[str, Any] | None:
        """How this process stands with the server: ``leased``, ``bundle``, ``waiting`` (records that
        the server may not have), ``refused`` (records that it will not have: ``server/refused.jsonl``
        in ``data`` names them), ``problem`` and, of sending records, ``upload_problem``; ``owner`` is
        false where another process of the same data directory knows. ``None`` unless ``mode`` is
        ``connected``."""
        return self.engine.standing()

    # -- runs -----------------------------------------------------------------------------------

    @contextlib.contextmanager
    def run(
        self,
        name: str | None = None,
        *,
        resume: bool = False,
        agent: str | None = None,
        approval: _approval.Channel = None,
        approval_timeout: float | None = None,
    ) -> Iterator[_run.Run]:
        """A run whose steps are written down, so that it can go on after a crash where it stopped.

        Inside ``with``, :meth:`Run.step` and guarded tools are steps, numbered in the order in which
        they are called. With ``resume`` a run of that name goes on: steps that are done return what
        they returned, a step that is another one than before raises :class:`Diverged`, and one that
        may have happened is retried only if it is idempotent or can be checked; else
        :class:`OutcomeUnknown` asks a person. See :mod:`interlock._run`.

        A finished run stays finished: resumed, it repeats nothing. A new one needs a new name.
        Results are stored, so ``content`` must be ``full``.
        """
        if self.options["content"] != "full":
            raise ConfigurationError(
                "a run stores what its steps return, and `content` is "
                f"`{self.options['content']}`; use `full`",
                "config.content",
            )
        if _sandbox.current() is not None:
            raise ConfigurationError(
                "a run keeps its steps as done, which they are not in a sandbox", "sandbox.run"
            )
        run = _run.Run(
            self,
            name or str(uuid.uuid4()),
            resume,
            approval if approval is not None else self.approval,
            self.approval_timeout if approval_timeout is None else approval_timeout,
        )
        with self.scope(agent=agent, run=run.name), run.entered():
            yield run

    def release_run(self, name: str, *, by: str) -> None:
        """Ends the pause of a run. Never call it from what an agent controls."""
        _core.RunJournal.release(self.data, name, by)

    def settle_step(
        self, name: str, step: int, *, happened: bool, result: Any = None, by: str
    ) -> None:
        """Answers for a step whose outcome is not known: whether it happened, and what it returned.

        Never call it from what an agent controls.
        """
        stored = _run.encode(f"step {step}", result) if happened else None
        _core.RunJournal.settle(self.data, name, step, stored, by)

    def forget_run(self, name: str) -> None:
        """Removes a run with the results that it stored. Begun anew, it repeats its effects."""
        _core.RunJournal.forget(self.data, name)

    # -- undoing --------------------------------------------------------------------------------

    def rollback(
        self, last: int = 1, agent: str | None = None, *, force: bool = False
    ) -> _undo.RollbackReport:
        """Undoes the last actions, newest first: of ``agent``, or of all agents.

        What was changed since by somebody else is left alone: :class:`RollbackStopped` says what,
        and that step and older ones stay as they are. ``force`` undoes all the same, and what came
        since is lost. Recorded before and after; cut off by a crash, it is completed when the data
        directory is next opened. Never call it from what an agent controls.
        """
        if last < 0:
            raise ConfigurationError("`last` must be 0 or more", "config.invalid")
        return self._undoing().rollback(last, agent, force)

    def undo_steps(self, agent: str | None = None) -> list[_undo.UndoStep]:
        """The actions that a rollback would undo, oldest first."""
        return self._undoing().steps(agent)

    def abandon_step(self, step: int) -> None:
        """Forgets a step that cannot be undone to its end, after a person looked at it."""
        self._undoing().core.abandon(step)

    def _undoing(self) -> _undo.Journal:
        if self.undo_journal is None:
            raise ConfigurationError("Interlock was made with `undo=False`", "undo.off")
        return self.undo_journal

    def violated(self, decision: _core.Decision, agent: str | None = None) -> None:
        """Does what ``on_violation`` says of an action that was not permitted.

        Guards and monitors call it. What needs a person's approval, and what a paused agent asks for,
        is no violation. What fails here is logged: the action is refused in any case.
        """
        codes = {code for code, _ in decision.reasons}
        if self.on_violation == "block" or decision.effect != "block" or codes & STOPPED:
            return
        if _undo.rolling():
            return
        agent = self.agent(agent)
        with _monitor.unmonitored():
            try:
                # Stopped first, so that nothing is added to what is being undone.
                self.engine.pause_agent(agent, "interlock.violation")
            except InterlockError as error:
                logger.error("`%s` is not paused: %s", agent, error)
            if self.on_violation != "rollback":
                return
            try:
                self._undoing().rollback(self.rollback_limit, agent, False)
            except InterlockError as error:
                logger.error("what `%s` did is not undone: %s", agent, error)

    # -- people ---------------------------------------------------------------------------------

    def approval_of(self, id: str, wait: float = 0.0) -> _core.Approval:
        """An approval once it is decided, or as it stands after ``wait`` seconds."""
        return self.engine.approval(id, round(wait * 1000))

    def decide(
        self,
        id: str,
        approve: bool,
        *,
        approver: str,
        reason: str = "",
        arguments: Mapping[str, Any] | None = None,
    ) -> _core.Approval:
        """Records a person's answer; with ``arguments``, that the call may run with these instead.

        Never call it from what an agent controls.
        """
        if arguments is None:
            return self.engine.decide_approval(id, approver, approve, reason)
        edited = json.dumps(arguments, allow_nan=False)
        return self.engine.decide_approval(id, approver, approve, reason, edited)

    # -- threads --------------------------------------------------------------------------------

    async def off_loop(self, function: Callable[..., T], *args: Any) -> T:
        """Runs what waits for a disk or a person in a thread, in the caller's scope."""
        with self._lock:
            if self._executor is None or self._executor_of != os.getpid():
                self._executor = concurrent.futures.ThreadPoolExecutor(
                    16, thread_name_prefix="interlock"
                )
                self._executor_of = os.getpid()
            executor = self._executor
        context = contextvars.copy_context()
        call = functools.partial(context.run, function, *args)
        return await asyncio.get_running_loop().run_in_executor(executor, call)


def _mode(server: str | None, mode: str | None) -> str:
    if server is None:
        if mode not in (None, "embedded"):
            raise ConfigurationError(f"`mode` {mode!r} needs a `server`", "config.invalid")
        return "embedded"
    if mode not in (None, "connected", "remote"):
        raise ConfigurationError(
            f"`mode` must be `connected` or `remote`, not {mode!r}", "config.invalid"
        )
    return mode or "connected"


def _rules(server: str | None, given: OnUnavailable) -> list[tuple[str, str]]:
    rules = dict(given) if isinstance(given, Mapping) else {"*": given}
    if server is None and given != "closed":
        raise ConfigurationError(
            "`on_unavailable` is about a `server`, and there is none", "config.invalid"
        )
    for name, word in rules.items():
        if not isinstance(name, str) or word not in ("closed", "open"):
            raise ConfigurationError(
                f"`on_unavailable` must be `closed` or `open`, not {word!r} for {name!r}",
                "config.invalid",
            )
    return list(rules.items())


def _owner_arguments(function: Any) -> int:
    """1 if the first argument is the object that a function in a class body belongs to."""
    if inspect.ismethod(function) or not inspect.isfunction(function):
        return 0
    parent = function.__qualname__.rpartition(".")[0]
    in_class = bool(parent) and not parent.endswith("<locals>")
    first = next(iter(inspect.signature(function).parameters), None)
    return 1 if in_class and first in ("self", "cls") else 0


_open: weakref.WeakSet[Interlock] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    for interlock in list(_open):
        if interlock._orders is not None:
            interlock._orders.end()
        interlock.engine.close()


_default: dict[tuple[str, str], Interlock] = {}
_default_lock = threading.Lock()


def guard(
    tool: Any = None,
    /,
    *,
    policy: str = "default",
    agent: str | None = None,
    data: str | os.PathLike[str] | None = None,
    **options: Any,
) -> Any:
    """:meth:`Interlock.guard` on a shared instance, made at the first use.

    ``policy`` is what :class:`Interlock` takes, or a name: ``policies/<name>`` or
    ``policies/<name>.yaml`` beside the program, else the default bundle in the environment of that
    name, such as ``production``.
    """
    if tool is None:
        return functools.partial(guard, policy=policy, agent=agent, data=data, **options)
    _approval.checked(options.get("approval"))
    where = os.fspath(data or os.environ.get("INTERLOCK_DATA") or "interlock-data")
    with _default_lock:
        other = next((p for w, p in _default if w == where and p != policy), None)
        if other is not None:
            raise ConfigurationError(
                f"policy {other!r} decides on data directory `{where}` already; "
                f"give {policy!r} a directory of its own with `data`",
                "config.policy",
            )
        shared = _default.get((where, policy))
        if shared is None:
            source, environment = _named(policy)
            shared = _default[where, policy] = Interlock(
                where,
                agent=agent or os.environ.get("INTERLOCK_AGENT") or Path(_program()).stem,
                policy=source,
                environment=environment,
            )
    return shared.guard(tool, **options)


#: What is an environment when no file of that name is there.
ENVIRONMENTS = ("production", "staging", "development")


def _named(policy: str) -> tuple[str, str | None]:
    for path in (Path("policies", policy), Path("policies", f"{policy}.yaml")):
        if path.exists():
            return str(path), policy if policy in ENVIRONMENTS else None
    if policy in ENVIRONMENTS:
        return "default", policy
    return policy, None


def _program() -> str:
    import sys

    return sys.argv[0] or "python"


def mask_pii(text: str, strategy: str = "partial") -> str:
    """`text` with personal data and secrets masked: ``partial``, ``full`` or ``hash``."""
    return _core.mask(text, strategy)[0]
