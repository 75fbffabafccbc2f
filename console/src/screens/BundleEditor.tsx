// A bundle while it is written: the server compiles it after each pause, with everything else that
// holds, and runs its tests. What does not compile cannot be published.

import { useEffect, useId, useRef, useState, type UIEvent } from 'react';
import { api, explain, type Schema } from '../api/client';
import { marks, warning } from '../hostile/marks';
import { Panel } from '../parts/show';
import { Untrusted } from '../hostile/Untrusted';
import { Dialog } from '../parts/Dialog';
import { drafts } from '../drafts';
import { WhatIfRun } from '../parts/WhatIfRun';

type Draft = Schema['DraftBody'];

const PAUSE_MS = 400;

/** Where a line begins, for the caret. */
export function offsetOf(text: string, line: number, column: number): number {
  let at = 0;
  for (let n = 1; n < line; n += 1) {
    const next = text.indexOf('\n', at);
    if (next < 0) return text.length;
    at = next + 1;
  }
  // Columns count characters, offsets code units.
  for (let n = 1; n < column && at < text.length && text[at] !== '\n'; n += 1) at += (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1;
  return at;
}

export interface BundleEditorProps {
  name: string;
  text: string;
  revision: number;
  fresh: boolean;
  /** What the text would have done is shown without being asked for. */
  tried?: boolean;
  onPublished: () => void;
}

export function BundleEditor({ name, text: inForce, revision, fresh, tried = false, onPublished }: BundleEditorProps) {
  const id = useId();
  const area = useRef<HTMLTextAreaElement>(null);
  const gutter = useRef<HTMLPreElement>(null);
  const [text, setText] = useState(inForce);
  const [base, setBase] = useState({ text: inForce, revision });
  const [draft, setDraft] = useState<{ of: string; found: Draft } | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const [said, setSaid] = useState('');
  const [asking, setAsking] = useState(false);
  const [busy, setBusy] = useState(false);
  const dirty = text !== base.text || fresh;
  // Somebody published while this was open: a text that nobody touched follows, another one is kept.
  if (inForce !== base.text && revision !== base.revision && text === base.text) {
    setBase({ text: inForce, revision });
    setText(inForce);
  }

  useEffect(() => {
    const ended = new AbortController();
    const timer = setTimeout(() => {
      api
        .post('/api/bundle/check', { body: { name, text }, signal: ended.signal })
        .then((found) => {
          setDraft({ of: text, found });
          setProblem(null);
        })
        .catch((error: unknown) => {
          if (!ended.signal.aborted) setProblem(explain(error));
        });
    }, PAUSE_MS);
    return () => {
      ended.abort();
      clearTimeout(timer);
    };
  }, [name, text]);

  const current = draft?.of === text ? draft.found : null;
  const mine = current?.diagnostics.filter((d) => d.file === name) ?? [];
  const others = (current?.diagnostics.length ?? 0) - mine.length;
  const failed = current?.tests.filter((t) => !t.passed) ?? [];
  const odd = warning(marks(text, true));
  const can = current?.compiles === true && dirty && !busy;

  const show = (line: number, column: number) => {
    const el = area.current;
    if (!el || line === 0) return;
    const at = offsetOf(text, line, column);
    el.focus();
    el.setSelectionRange(at, at);
    el.scrollTop = Math.max(0, (line - 5) * 20);
  };
  const publish = async () => {
    setAsking(false);
    setBusy(true);
    try {
      const published = await api.post('/api/bundle', { body: { name, text, expected_revision: base.revision } });
      drafts.drop(name);
      setBase({ text, revision: published.revision });
      setSaid(`In force as bundle ${published.number}, revision ${published.revision}.`);
      onPublished();
    } catch (error) {
      setSaid(explain(error));
    } finally {
      setBusy(false);
    }
  };

  return (
    <>
      <div className="editor">
        <label htmlFor={id} className="sr">
          Text of {name}
        </label>
        <pre ref={gutter} className="editor-lines" aria-hidden="true">
          {text.split('\n').map((_, i) => {
            const here = mine.filter((d) => d.line === i + 1);
            const worst = here.some((d) => d.severity === 'error') ? 'error' : here.length > 0 ? 'warning' : '';
            return (
              <span key={i} data-severity={worst}>
                {i + 1}
                {'\n'}
              </span>
            );
          })}
        </pre>
        <textarea
          id={id}
          ref={area}
          data-editor
          value={text}
          spellCheck={false}
          autoComplete="off"
          wrap="off"
          aria-describedby={`${id}-state`}
          onChange={(event) => setText(event.target.value)}
          onScroll={(event: UIEvent<HTMLTextAreaElement>) => {
            if (gutter.current) gutter.current.scrollTop = event.currentTarget.scrollTop;
          }}
        />
      </div>
      <p id={`${id}-state`} className="editor-state" role="status" data-compiles={current ? String(current.compiles) : 'unknown'}>
        {problem ??
          (current
            ? current.compiles
              ? `It compiles with everything else; ${current.tests.length - failed.length} of ${current.tests.length} tests pass.`
              : 'It does not compile; what is in force stays.'
            : 'Checking')}
        {odd !== null && ` The text holds ${odd}.`}
      </p>
      <p className="actions actions-left">
        <button type="button" className="primary" disabled={!can} onClick={() => setAsking(true)}>
          Publish
        </button>
        <button type="button" disabled={text === base.text} onClick={() => setText(base.text)}>
          Undo all changes
        </button>
        <span className="said" role="status">
          {said}
        </span>
      </p>
      {(mine.length > 0 || others > 0) && (
        <Panel title="Messages of the compiler">
          <ul className="diagnostics">
            {mine.map((d, i) => (
              <li key={i} data-severity={d.severity}>
                <button type="button" className="link" disabled={d.line === 0} onClick={() => show(d.line, d.column)}>
                  {d.line === 0 ? 'whole file' : `line ${d.line}`}
                </button>{' '}
                <Untrusted text={d.message} /> {d.help && <span className="quiet"><Untrusted text={d.help} /></span>} <code>{d.code}</code>
              </li>
            ))}
            {others > 0 && <li className="quiet">{others} about other files</li>}
          </ul>
        </Panel>
      )}
      {current && current.tests.length > 0 && (
        <Panel title="Tests of this text">
          <ul className="tests">
            {current.tests.map((t, i) => (
              <li key={i} data-passed={t.passed}>
                {t.passed ? '\u2713' : '\u2717'} <Untrusted text={t.name} /> {t.message && <Untrusted text={t.message} />}
              </li>
            ))}
          </ul>
        </Panel>
      )}
      <Panel title="What if it had been in force for a day">
        <WhatIfRun name={name} text={text} range="1d" auto={tried} />
      </Panel>
      {asking && (
        <Dialog title={`Publish ${name}?`} onClose={() => setAsking(false)}>
          <p>It is in force for every agent of this tenant at once; the text before stays in the history.</p>
          {failed.length > 0 && <p className="said-bad">{failed.length} of its tests fail.</p>}
          <p className="actions">
            <button type="button" onClick={() => setAsking(false)}>
              Cancel
            </button>
            <button type="button" className="primary" data-first onClick={() => void publish()}>
              Publish
            </button>
          </p>
        </Dialog>
      )}
    </>
  );
}
