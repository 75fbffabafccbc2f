'use client';

import { useEffect, useRef, useState, type ReactNode } from 'react';
import { request, type Transport } from './transport.js';

/** What of a decision the badge shows: the answer of `POST /api/check` fits. */
export interface BadgeDecision {
  readonly effect: string;
  /** 0..100, or the server's object with `composite`. */
  readonly risk: number | { readonly composite: number };
}

interface Live extends Transport {
  /** The agent whose state is shown. */
  agentId: string;
  decision?: never;
  /** Default `/api/agents`, on the page's own origin. */
  endpoint?: string;
  /** How often it is asked. Default 5000. */
  intervalMs?: number;
}

interface Once {
  decision: BadgeDecision;
  agentId?: never;
}

export type SecurityBadgeProps = (Live | Once) & { className?: string };

interface Agent {
  agent_id: string;
  paused: boolean;
  total_actions: number;
  flagged_actions: number;
}

type Status =
  | { state: 'loading' | 'unknown' | 'unavailable' }
  | { state: 'active' | 'paused'; agent: Agent };

const EFFECTS: Record<string, string> = {
  allow: 'Allowed',
  alert: 'Allowed, with an alert',
  redact: 'Allowed, redacted',
  sandbox: 'Isolated',
  require_approval: 'Waits for a person',
  block: 'Blocked',
};

const STATES: Record<string, string> = {
  loading: 'Loading…',
  unknown: 'Unknown agent',
  unavailable: 'State unavailable',
  active: 'Active',
  paused: 'Paused',
};

function useAgent(props: Live | undefined): Status {
  const { agentId, endpoint = '/api/agents', intervalMs = 5_000 } = props ?? {};
  const [status, setStatus] = useState<Status>({ state: 'loading' });
  const transport = useRef<Transport>({});
  transport.current = props ?? {};

  useEffect(() => {
    if (agentId === undefined) return undefined;
    setStatus({ state: 'loading' });
    let gone = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let over = false;

    async function ask() {
      clearTimeout(timer);
      gone.abort();
      gone = new AbortController();
      const { signal } = gone;
      const late = setTimeout(() => gone.abort(), Math.max(intervalMs, 5_000));
      // What was true a while ago must not stand there as if it were true now.
      let next: Status = { state: 'unavailable' };
      try {
        const all = (await request(endpoint, { signal }, transport.current)) as Agent[];
        const agent = all.find((one) => one.agent_id === agentId);
        next = agent ? { state: agent.paused ? 'paused' : 'active', agent } : { state: 'unknown' };
      } catch {
        if (over || gone.signal !== signal) return;
      } finally {
        clearTimeout(late);
      }
      if (over || gone.signal !== signal) return;
      setStatus(next);
      timer = setTimeout(() => void ask(), intervalMs);
    }

    function seen() {
      // Nobody looks at a hidden page.
      if (document.hidden) {
        clearTimeout(timer);
      } else {
        void ask();
      }
    }

    document.addEventListener('visibilitychange', seen);
    void ask();
    return () => {
      over = true;
      clearTimeout(timer);
      gone.abort();
      document.removeEventListener('visibilitychange', seen);
    };
  }, [agentId, endpoint, intervalMs]);

  return status;
}

/** The live state of an agent, or the effect and risk of one decision. */
export function SecurityBadge(props: SecurityBadgeProps): ReactNode {
  const { decision, className } = props;
  const status = useAgent(decision === undefined ? (props as Live) : undefined);
  let state: string;
  let text: string;
  if (decision !== undefined) {
    const risk = typeof decision.risk === 'number' ? decision.risk : decision.risk.composite;
    state = decision.effect;
    text = `${EFFECTS[decision.effect] ?? 'Unknown effect'}, risk ${Math.round(risk)} of 100`;
  } else {
    state = status.state;
    text = STATES[status.state] ?? '';
    if ('agent' in status) {
      const { total_actions: total, flagged_actions: flagged } = status.agent;
      text += `, ${total} ${total === 1 ? 'action' : 'actions'}, ${flagged} flagged`;
    }
  }
  const about = decision === undefined ? props.agentId : undefined;
  return (
    <span className={className} role="status" aria-live="polite" data-interlock="security-badge" data-state={state}>
      {about === undefined ? text : `${about}: ${text}`}
    </span>
  );
}
