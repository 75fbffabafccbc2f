// Where a filter is typed. What is wrong with it is said with its column, the last one that was right
// stays in force, and what could come next is offered.

import { useDeferredValue, useId, useMemo, useRef, useState, type KeyboardEvent } from 'react';
import { canonical, fieldsOf, matches, parse, suggest, type Reading, type Resource, type Term } from '../filter/grammar';

export interface FilterBoxProps {
  value: string;
  onChange: (value: string) => void;
  resource: Resource;
  placeholder: string;
  /** Values of a text field that the screen has seen. */
  known?: (field: string) => readonly string[];
}

export function FilterBox({ value, onChange, resource, placeholder, known }: FilterBoxProps) {
  const id = useId();
  const input = useRef<HTMLInputElement>(null);
  const parsed = useMemo(() => parse(value, resource), [value, resource]);
  const [open, setOpen] = useState(false);
  const [caret, setCaret] = useState<number | null>(null);
  const [chosen, setChosen] = useState(-1);
  const offer = useMemo(() => (caret === null ? null : suggest(value, caret, resource, known)), [caret, value, resource, known]);
  const list = offer?.list ?? [];

  const take = (text: string) => {
    if (!offer || caret === null) return;
    const after = offer.from + text.length;
    onChange(value.slice(0, offer.from) + text + value.slice(caret));
    setChosen(-1);
    setCaret(after);
    // The browser sets the caret to the end once the text is there.
    requestAnimationFrame(() => input.current?.setSelectionRange(after, after));
  };
  const onKeyDown = (event: KeyboardEvent<HTMLInputElement>) => {
    if (event.key === 'Escape') {
      if (list.length > 0 && chosen >= 0) setChosen(-1);
      else event.currentTarget.blur();
    } else if ((event.key === 'ArrowDown' || event.key === 'ArrowUp') && list.length > 0) {
      event.preventDefault();
      const step = event.key === 'ArrowDown' ? 1 : -1;
      setChosen((was) => Math.max(-1, Math.min(list.length - 1, was + step)));
    } else if (event.key === 'Enter' && list[chosen]) {
      event.preventDefault();
      take(list[chosen].text);
    } else if (event.key === 'Tab' && !event.shiftKey && list[chosen]) {
      event.preventDefault();
      take(list[chosen].text);
    }
  };
  const look = () => setCaret(input.current?.selectionStart ?? null);
  return (
    <div className="filter">
      <label htmlFor={id} className="sr">
        Filter
      </label>
      <input
        id={id}
        ref={input}
        type="search"
        data-filter
        value={value}
        placeholder={placeholder}
        spellCheck={false}
        autoComplete="off"
        role="combobox"
        aria-expanded={list.length > 0}
        aria-controls={`${id}-list`}
        aria-autocomplete="list"
        aria-activedescendant={chosen >= 0 ? `${id}-${chosen}` : undefined}
        aria-invalid={!parsed.ok}
        aria-describedby={`${id}-said`}
        onChange={(event) => {
          onChange(event.target.value);
          setChosen(-1);
          look();
        }}
        onSelect={look}
        onFocus={look}
        onBlur={() => setCaret(null)}
        onKeyDown={onKeyDown}
      />
      <button type="button" aria-expanded={open} onClick={() => setOpen(!open)}>
        Fields
      </button>
      <ul id={`${id}-list`} className="filter-offer" role="listbox" aria-label="What could come next" hidden={list.length === 0}>
        {list.map((one, i) => (
          <li
            key={one.text}
            id={`${id}-${i}`}
            role="option"
            aria-selected={i === chosen}
            // The input keeps the focus.
            onMouseDown={(event) => {
              event.preventDefault();
              take(one.text);
            }}
          >
            <code>{one.text}</code> <span className="quiet">{one.about}</span>
          </li>
        ))}
      </ul>
      <p id={`${id}-said`} className="filter-said" role="status">
        {parsed.ok ? '' : `column ${parsed.error.column}: ${parsed.error.message}`}
      </p>
      {open && (
        <dl className="filter-fields">
          {fieldsOf(resource).map((field) => (
            <div key={field.name}>
              <dt>
                <code>{field.name}:</code>
              </dt>
              <dd>{field.names ? `${field.about} (${field.names.join(', ')})` : field.about}</dd>
            </div>
          ))}
          <div>
            <dt>
              <code>-</code>
            </dt>
            <dd>before a term: everything but that; `,` between values: one of them; `*` stands for anything; quotes hold spaces together</dd>
          </div>
        </dl>
      )}
    </div>
  );
}

/** The last filter that was right, and its one way of writing. */
export function useGoodFilter(text: string, resource: Resource): { terms: Term[]; text: string } {
  const parsed = useMemo(() => parse(text, resource), [text, resource]);
  const [last, setLast] = useState<{ terms: Term[]; text: string }>({ terms: [], text: '' });
  const now = parsed.ok ? canonical(parsed.terms) : last.text;
  const good = parsed.ok && now !== last.text ? { terms: parsed.terms, text: now } : last;
  if (good !== last) setLast(good);
  return good;
}

/** The items that a filter lets through. */
export function useFiltered<T>(items: readonly T[], text: string, resource: Resource, reading: Reading<T>): readonly T[] {
  const terms = useDeferredValue(useGoodFilter(text, resource).terms);
  return useMemo(() => {
    if (terms.length === 0) return items;
    const now = Date.now();
    return items.filter((item) => matches(terms, item, resource, reading, now));
  }, [items, terms, resource, reading]);
}

const VALUES_MAX = 500;
const LOOKED_AT = 2_000;

/** Values of a text field that some items had, also those that a narrower filter hides by now. */
export function useKnown<T>(items: readonly T[], resource: Resource, reading: Reading<T>): (field: string) => readonly string[] {
  const seen = useRef(new Map<string, Set<string>>());
  return useMemo(() => {
    for (const field of fieldsOf(resource)) {
      if (field.kind !== 'text') continue;
      const values = seen.current.get(field.name) ?? new Set<string>();
      seen.current.set(field.name, values);
      for (const item of items.slice(0, LOOKED_AT)) {
        for (const text of reading.texts(item, field.name)) if (text && values.size < VALUES_MAX) values.add(text);
      }
    }
    return (field: string) => [...(seen.current.get(field) ?? [])].sort();
  }, [items, resource, reading]);
}
