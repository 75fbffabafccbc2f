// Another action than the one that was asked for: its arguments as JSON, what changes, and what would be
// decided on it. Only what a preview showed can be agreed to.

import { useEffect, useId, useMemo, useRef, useState, type FormEvent, type KeyboardEvent } from 'react';
import { explain, type Schema } from '../api/client';
import { changes, JsonProblem, keepsMask, parse, patch as patchOf, write, type Change } from '../edit/json';
import { Untrusted } from '../hostile/Untrusted';
import { Dialog } from '../parts/Dialog';
import { Effect, Risk } from '../parts/show';
import { preview, REASON_MAX, SEVERE, type EditAnswer } from './answers';
import { Changes } from './Changes';

/** Milliseconds without a key after which the server is asked. */
const REST_MS = 350;
const RESOURCE_MAX = 4_096;

type Read = { found: Change[]; patch: string } | { problem: JsonProblem };

/** `before` is JSON, as the person sees it. */
function read(before: string, text: string): Read {
  try {
    const found = changes(parse(before), parse(text));
    return { found, patch: patchOf(found) };
  } catch (error) {
    if (error instanceof JsonProblem) return { problem: error };
    throw error;
  }
}

function pretty(text: string): string | null {
  try {
    return write(parse(text), 2);
  } catch {
    return null;
  }
}

/** A patch that somebody writes, where the arguments cannot be shown whole. */
function readPatch(text: string): Read {
  try {
    const read = parse(text);
    if (read.kind !== 'array') return { problem: new JsonProblem('a patch is a list: [{"op": "replace", "path": "/amount", "value": 90}]', 1, 1) };
    return { found: [], patch: read.items.length === 0 ? '[]' : write(read) };
  } catch (error) {
    if (error instanceof JsonProblem) return { problem: error };
    throw error;
  }
}

type Looked =
  | { of: string; state: 'asking' }
  | { of: string; state: 'found'; body: Schema['PreviewBody'] }
  | { of: string; state: 'failed'; why: string };

/** What the server says of an edit, for the newest text only. */
function usePreview(id: string, patch: string | null, resource: string | null): Looked | null {
  const of = patch === null ? null : JSON.stringify([patch, resource]);
  const [looked, setLooked] = useState<Looked | null>(null);
  useEffect(() => {
    if (of === null || patch === null) return undefined;
    const ended = new AbortController();
    setLooked({ of, state: 'asking' });
    const timer = setTimeout(async () => {
      try {
        const body = await preview(id, patch, resource, ended.signal);
        if (!ended.signal.aborted) setLooked({ of, state: 'found', body });
      } catch (error) {
        if (!ended.signal.aborted) setLooked({ of, state: 'failed', why: explain(error) });
      }
    }, REST_MS);
    return () => {
      clearTimeout(timer);
      ended.abort();
    };
  }, [id, of, patch, resource]);
  return looked !== null && looked.of === of ? looked : null;
}

export interface EditDialogProps {
  approval: Schema['ApprovalBody'];
  /** The masked arguments, as they stand now. */
  before: string;
  onAnswer: (answer: EditAnswer) => void;
  onClose: () => void;
}

export function EditDialog({ approval, before, onAnswer, onClose }: EditDialogProps) {
  const id = useId();
  // What was on the screen when the dialog opened, whatever comes while somebody types.
  const [opened] = useState(() => ({ text: pretty(before), before, seen: approval.proposed_hash }));
  const whole = opened.text !== null;
  const [text, setText] = useState(opened.text ?? '[]');
  const [resource, setResource] = useState(approval.resource);
  const [reason, setReason] = useState('');
  const [typed, setTyped] = useState('');
  const lines = useRef<HTMLPreElement>(null);

  const found = useMemo(() => (whole ? read(opened.before, text) : readPatch(text)), [whole, opened, text]);
  const problem = 'problem' in found ? found.problem : null;
  const changed = 'patch' in found && (found.patch !== '[]' || resource !== approval.resource);
  const resourceSent = resource === approval.resource ? null : resource;
  const looked = usePreview(approval.id, changed && 'patch' in found ? found.patch : null, resourceSent);
  const shown = looked?.state === 'found' ? looked.body : null;
  const masks = 'found' in found && found.found.some(keepsMask);
  const severe = shown !== null && Math.max(shown.risk, approval.risk) >= SEVERE;
  const ready = shown !== null && shown.refused === undefined && (!severe || typed === 'approve');

  const submit = (event: FormEvent | KeyboardEvent) => {
    event.preventDefault();
    if (!ready || shown === null || !('patch' in found)) return;
    onAnswer({ patch: found.patch, resource: resourceSent, reason: reason.trim(), seen: opened.seen, edited: shown.edited_hash });
  };
  const sends = (event: KeyboardEvent) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) submit(event);
  };
  const count = text.split('\n').length;

  return (
    <Dialog title="Approve with other arguments" onClose={onClose} wide>
      <form onSubmit={submit} data-answer="edit">
        <p>
          <Untrusted text={approval.agent_id} oneLine /> wanted <Untrusted text={approval.tool || approval.action_type} oneLine />. It gets what you write here,
          and nothing else.
        </p>
        <label htmlFor={`${id}-json`}>{whole ? 'Arguments, as JSON' : 'Changes, as a JSON patch'}</label>
        {!whole && <p className="hint">The arguments are too long, or too much of them is masked, to be shown as a whole.</p>}
        <div className="editor editor-small">
          <pre className="editor-lines" aria-hidden="true" ref={lines}>
            {Array.from({ length: count }, (_, i) => (
              <span key={i} {...(problem?.line === i + 1 ? { 'data-severity': 'error' } : {})}>
                {i + 1}
                {'\n'}
              </span>
            ))}
          </pre>
          <textarea
            id={`${id}-json`}
            data-first
            data-editor
            spellCheck={false}
            autoComplete="off"
            dir="ltr"
            wrap="off"
            aria-invalid={problem !== null}
            aria-describedby={`${id}-problem`}
            value={text}
            onChange={(event) => setText(event.target.value)}
            onKeyDown={sends}
            onScroll={(event) => {
              if (lines.current) lines.current.scrollTop = event.currentTarget.scrollTop;
            }}
          />
        </div>
        <p id={`${id}-problem`} className="editor-state" role="status" data-edit={problem ? 'wrong' : changed ? 'changed' : 'same'}>
          {problem
            ? `Line ${problem.line}, column ${problem.column}: ${problem.message}.`
            : changed
              ? ''
              : 'Nothing is changed yet. Characters that cannot be seen are written as escapes; masked values that you leave alone stay what they are.'}
        </p>
        <label htmlFor={`${id}-resource`}>What is acted on</label>
        <input id={`${id}-resource`} maxLength={RESOURCE_MAX} autoComplete="off" spellCheck={false} value={resource} onChange={(event) => setResource(event.target.value)} onKeyDown={sends} />
        {resource !== approval.resource && (
          <p className="quiet">
            was <Untrusted text={approval.resource} />, becomes <Untrusted text={resource} />
          </p>
        )}
        {changed && 'found' in found && found.found.length > 0 && <Changes found={found.found} />}
        {masks && (
          <p className="problem" role="alert">
            A value still holds a mask. The agent would get the mask itself, not what it hides: write the value out, or leave it as it was.
          </p>
        )}
        <div className="foreseen" role="status" data-preview={looked?.state ?? 'none'}>
          {looked?.state === 'asking' && <p className="quiet">Asking what would be decided on it.</p>}
          {looked?.state === 'failed' && <p className="said-bad">It cannot be agreed to: {looked.why}</p>}
          {shown && (
            <>
              <p>
                Asked for like this it would be: <Effect effect={shown.effect} /> <Risk risk={shown.risk} />
                {shown.risk !== approval.risk && <span className="quiet"> (as asked: {approval.risk})</span>}
              </p>
              {shown.refused !== undefined ? (
                <p className="said-bad">
                  Nobody can agree to it: <Untrusted text={shown.refused} />
                </p>
              ) : (
                <p className="quiet">
                  You agree to the action with the digest <code>{shown.edited_hash.slice(0, 16)}</code>; another one is refused.
                </p>
              )}
            </>
          )}
        </div>
        {severe && (
          <>
            <label htmlFor={`${id}-typed`}>Risk {Math.max(shown?.risk ?? 0, approval.risk)} of 100. Type approve to go on.</label>
            <input id={`${id}-typed`} autoComplete="off" value={typed} onChange={(event) => setTyped(event.target.value)} />
          </>
        )}
        <label htmlFor={`${id}-reason`}>Reason, if you want to give one</label>
        <input id={`${id}-reason`} maxLength={REASON_MAX} value={reason} onChange={(event) => setReason(event.target.value)} onKeyDown={sends} />
        <p className="hint">The change and the reason go into the record, with your name.</p>
        <p className="actions">
          <button type="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className="primary" disabled={!ready}>
            Approve the edited action <kbd>Ctrl Enter</kbd>
          </button>
        </p>
      </form>
    </Dialog>
  );
}
