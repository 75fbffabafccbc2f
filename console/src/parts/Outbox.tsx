// Answers that can still be taken back, on every screen.

import { useEffect, useState, useSyncExternalStore } from 'react';
import { Untrusted } from '../hostile/Untrusted';
import { useKeys } from '../keys';
import { outbox, type Outgoing, type Said } from '../outbox';
import { Dialog } from './Dialog';
import { useNow } from './show';

/** Milliseconds for which a good end is shown; a bad one stays until somebody has read it. */
const SHOWN_MS = 6_000;
/** Shown at once; more of them are counted. */
const ROWS = 4;

export function useOutbox(): readonly Outgoing[] {
  return useSyncExternalStore(outbox.subscribe, outbox.all);
}

/** What is said or waits about one approval, the newest. */
export function useOutgoing(approval: string): Outgoing | undefined {
  return [...useOutbox()].reverse().find((o) => o.about.includes(approval));
}

function Each({ said, onClose }: { said: Said; onClose: () => void }) {
  return (
    <Dialog title="What became of each" onClose={onClose} wide>
      <ul className="plain" data-results>
        {said.each?.map((one, i) => (
          <li key={i} data-result={one.good ? 'done' : 'not'}>
            <Untrusted text={one.about} oneLine />: <span className={one.good ? 'said-good' : 'said-bad'}>{one.text}</span>
          </li>
        ))}
      </ul>
      <p className="actions">
        <button type="button" data-first onClick={onClose}>
          Close
        </button>
      </p>
    </Dialog>
  );
}

function One({ item, now, onEach }: { item: Outgoing; now: number; onEach: (said: Said) => void }) {
  const left = Math.max(0, Math.ceil((item.due - now) / 1_000));
  useEffect(() => {
    if (item.state !== 'said' || item.said?.good !== true) return undefined;
    const timer = setTimeout(() => outbox.dismiss(item.id), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [item]);
  return (
    <li data-outgoing={item.state}>
      {item.state === 'waiting' ? (
        <>
          <span className="outbox-text">
            {item.what}: sent in <span className="outbox-left">{left} s</span>
          </span>
          <button type="button" onClick={() => outbox.undo(item.id)}>
            Undo <kbd>u</kbd>
          </button>
          <button type="button" onClick={() => outbox.flush(item.id)}>
            Send now <kbd>U</kbd>
          </button>
        </>
      ) : item.state === 'sending' ? (
        <span className="outbox-text">{item.what}: sending</span>
      ) : (
        <>
          <span className={`outbox-text ${item.said?.good ? 'said-good' : 'said-bad'}`}>{item.said?.text}</span>
          {item.said?.each && (
            <button type="button" onClick={() => item.said && onEach(item.said)}>
              Each
            </button>
          )}
          <button type="button" onClick={() => outbox.dismiss(item.id)}>
            Dismiss
          </button>
        </>
      )}
    </li>
  );
}

export function Outbox() {
  const all = useOutbox();
  const now = useNow(250);
  const [each, setEach] = useState<Said | null>(null);
  useKeys({
    ...(all.some((o) => o.state === 'waiting') ? { u: () => void outbox.undo(), U: () => outbox.flush() } : {}),
  });
  const newest = all.slice(-ROWS);
  return (
    <section className="outbox" aria-label="Answers on their way" hidden={all.length === 0}>
      <ul>
        {newest.map((item) => (
          <One key={item.id} item={item} now={now} onEach={setEach} />
        ))}
      </ul>
      {all.length > newest.length && <p className="quiet">and {all.length - newest.length} before</p>}
      {each !== null && <Each said={each} onClose={() => setEach(null)} />}
      <p className="sr" role="status">
        {newest.map((o) => (o.state === 'waiting' ? `${o.what}. Press u to undo.` : o.state === 'said' ? o.said?.text : '')).join(' ')}
      </p>
    </section>
  );
}
