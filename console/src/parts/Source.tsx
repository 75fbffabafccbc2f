// A text with numbered lines.

import { useMemo } from 'react';
import { marks } from '../hostile/marks';

export function Source({ text }: { text: string }) {
  const lines = useMemo(() => text.replace(/\n$/, '').split('\n'), [text]);
  return (
    <div className="source" role="region" aria-label="Text of the policy" tabIndex={0}>
      <ol>
        {lines.map((line, i) => (
          <li key={i}>
            <code>
              {marks(line).map((mark, j) =>
                mark.kind === 'text' ? (
                  mark.text
                ) : (
                  <span key={j} className={mark.kind === 'hidden' ? 'mark-hidden' : 'mark-confusable'} title={mark.name}>
                    {mark.label}
                  </span>
                ),
              )}
            </code>
          </li>
        ))}
      </ol>
    </div>
  );
}
