// Where the record stands, in a line, as this browser checked it.

import { api } from '../api/client';
import { useQuery } from '../api/query';
import { hex } from '../proof/bytes';
import { remember, remembered, trustedKey } from '../proof/trust';
import { cannotVerify, verifyCheckpoint, verifyGrowth, type Outcome } from '../proof/verify';
import { Link } from '../router';
import { useMay } from '../who';

interface Head {
  outcome: Outcome;
  said: string;
  size: number | null;
  root: string;
}

async function look(signal: AbortSignal): Promise<Head> {
  const answer = await api.get('/api/audit/checkpoint', { signal });
  const key = trustedKey(answer.vkey);
  if (cannotVerify() !== null) return { outcome: 'unchecked', said: 'this browser gives no cryptography to this page', size: null, root: '' };
  const verdict = await verifyCheckpoint(answer.checkpoint, key.vkey);
  const now = verdict.checkpoint;
  const root = now ? hex(now.root) : '';
  const size = now?.size ?? null;
  if (!now || verdict.outcome !== 'ok') {
    return { outcome: verdict.outcome, said: verdict.outcome === 'failed' ? 'the checkpoint is not signed by the key that this browser knows' : 'the signature was not checked', size, root };
  }
  const before = remembered();
  if (before === null) {
    await remember(now);
    return { outcome: 'ok', said: 'signed; this browser will hold later ones against it', size, root };
  }
  if (before.origin !== now.origin || before.size > now.size) return { outcome: 'failed', said: `this browser verified ${before.size} entries of another or a longer log`, size, root };
  const proof = before.size === now.size ? { hashes: [] } : await api.get('/api/audit/consistency', { query: { old: before.size, new: now.size }, signal });
  if (!(await verifyGrowth(before, now, proof.hashes))) return { outcome: 'failed', said: 'it does not continue what this browser verified before', size, root };
  await remember(now);
  return { outcome: 'ok', said: 'signed, and it only grew', size, root };
}

const SIGN: Readonly<Record<Outcome, string>> = { ok: '\u2713', failed: '\u2717', unchecked: '?' };

export function LogHead() {
  const may = useMay('audit');
  const query = useQuery(may ? 'log head' : null, look, 15_000);
  if (!may) return null;
  const head = query.data;
  return (
    <p className="log-head" data-log-head={head?.outcome ?? 'none'}>
      <Link href="/audit">The record</Link>
      {head ? (
        <>
          {head.size !== null && (
            <>
              : {head.size.toLocaleString('en')} entries, root <code>{head.root.slice(0, 16)}</code>
            </>
          )}{' '}
          <span className={`verdict verdict-${head.outcome}`} role={head.outcome === 'failed' ? 'alert' : undefined}>
            <span aria-hidden="true">{SIGN[head.outcome]}</span> {head.said}
          </span>
        </>
      ) : (
        <span className="quiet">{query.error ? ': no checkpoint yet' : ': asking'}</span>
      )}
    </p>
  );
}
