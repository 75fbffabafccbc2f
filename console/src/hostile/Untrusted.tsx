// The one way in which what an agent sent reaches the page: as text, with what hides in it shown,
// cut where it is long. Never a link, never markup.

import { Fragment, memo, useState } from 'react';
import { cut, marks, warning, type Mark } from './marks';

/** Characters shown at first, and with each further click. */
const SHOWN = 400;
const SHOWN_BLOCK = 4_000;
const MORE = 20_000;

function One({ mark }: { mark: Mark }) {
  if (mark.kind === 'text') return <>{mark.text}</>;
  return (
    <span className={mark.kind === 'hidden' ? 'mark-hidden' : 'mark-confusable'} title={mark.name} data-mark={mark.kind}>
      {mark.label}
      <span className="sr"> ({mark.name})</span>
    </span>
  );
}

export interface UntrustedProps {
  text: string | null | undefined;
  /** Keep line ends, in a block that scrolls. */
  block?: boolean;
  /** Never cut: the place cuts it, as in a row of a list. */
  oneLine?: boolean;
}

export const Untrusted = memo(function Untrusted({ text, block = false, oneLine = false }: UntrustedProps) {
  const first = block ? SHOWN_BLOCK : SHOWN;
  const [length, setLength] = useState(first);
  const whole = text ?? '';
  if (whole === '') return <span className="none">none</span>;
  const { shown, more } = cut(whole, oneLine ? 200 : length);
  const found = marks(shown, block);
  const odd = warning(found);
  const content = found.map((mark, i) => (
    <Fragment key={i}>
      <One mark={mark} />
    </Fragment>
  ));
  const rest = !oneLine && more > 0 && (
    <button type="button" className="more" onClick={() => setLength(length + MORE)}>
      {more.toLocaleString('en')} more characters
    </button>
  );
  const less = !oneLine && length > first && more === 0 && whole.length > first && (
    <button type="button" className="more" onClick={() => setLength(first)}>
      less
    </button>
  );
  const said = odd !== null && !oneLine && <span className="odd">{odd}</span>;
  if (block) {
    return (
      <div className="untrusted-block">
        {said}
        <pre className="untrusted" dir="ltr" translate="no" tabIndex={0} aria-label="text from the agent">
          {content}
          {oneLine || more === 0 ? null : '\u2026'}
        </pre>
        {rest}
        {less}
      </div>
    );
  }
  return (
    <span className="untrusted" dir="ltr" translate="no" {...(oneLine && odd !== null ? { title: odd } : {})}>
      <bdi dir="ltr">{content}</bdi>
      {more > 0 && '\u2026'}
      {rest}
      {less}
      {said}
    </span>
  );
});

/** A JSON value from an agent, indented. A text that is JSON is read first. */
export function UntrustedJson({ value }: { value: unknown }) {
  let shown = value;
  if (typeof value === 'string') {
    try {
      shown = JSON.parse(value);
    } catch {
      return <Untrusted text={value} block />;
    }
  }
  if (shown === null || shown === undefined) return <span className="none">none</span>;
  return <Untrusted text={JSON.stringify(shown, null, 2)} block />;
}
