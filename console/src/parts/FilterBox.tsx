// Where a filter is typed. What is wrong with it is said with its column, and the last one that was
// right stays in force.

import { useDeferredValue, useId, useMemo, useState } from 'react';
import { matches, parse, type Fields, type Term } from '../filter/grammar';

export interface FilterBoxProps<T> {
  value: string;
  onChange: (value: string) => void;
  fields: Fields<T>;
  placeholder: string;
}

export function FilterBox<T>({ value, onChange, fields, placeholder }: FilterBoxProps<T>) {
  const id = useId();
  const parsed = useMemo(() => parse(value, fields), [value, fields]);
  const [open, setOpen] = useState(false);
  return (
    <div className="filter">
      <label htmlFor={id} className="sr">
        Filter
      </label>
      <input
        id={id}
        type="search"
        data-filter
        value={value}
        placeholder={placeholder}
        spellCheck={false}
        autoComplete="off"
        aria-invalid={!parsed.ok}
        aria-describedby={`${id}-said`}
        onChange={(event) => onChange(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === 'Escape') event.currentTarget.blur();
        }}
      />
      <button type="button" aria-expanded={open} onClick={() => setOpen(!open)}>
        Fields
      </button>
      <p id={`${id}-said`} className="filter-said" role="status">
        {parsed.ok ? '' : `column ${parsed.error.column}: ${parsed.error.message}`}
      </p>
      {open && (
        <dl className="filter-fields">
          {Object.entries(fields).map(([name, field]) => (
            <div key={name}>
              <dt>
                <code>{name}:</code>
              </dt>
              <dd>{field.about}</dd>
            </div>
          ))}
          <div>
            <dt>
              <code>-</code>
            </dt>
            <dd>before a term: everything but that; `*` stands for anything; quotes hold spaces together</dd>
          </div>
        </dl>
      )}
    </div>
  );
}

/** The items that a filter lets through. */
export function useFiltered<T>(items: readonly T[], text: string, fields: Fields<T>): readonly T[] {
  const [lastGood, setLastGood] = useState<Term[]>([]);
  const parsed = useMemo(() => parse(text, fields), [text, fields]);
  if (parsed.ok && parsed.terms !== lastGood && JSON.stringify(parsed.terms) !== JSON.stringify(lastGood)) setLastGood(parsed.terms);
  const terms = useDeferredValue(parsed.ok ? parsed.terms : lastGood);
  return useMemo(() => {
    if (terms.length === 0) return items;
    const now = Date.now();
    return items.filter((item) => matches(terms, item, fields, now));
  }, [items, terms, fields]);
}
