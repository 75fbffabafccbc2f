'use client';

import { useEffect, useId, useRef, useState, type ReactNode } from 'react';
import { usePiiCheck, type Check, type Found, type PiiCheckOptions } from './usePiiCheck.js';

export interface SecureInputProps extends PiiCheckOptions {
  label: ReactNode;
  name?: string;
  /** Several lines. */
  multiline?: boolean;
  /** The text, if the page keeps it; else `defaultValue`. */
  value?: string;
  defaultValue?: string;
  onChange?: (text: string) => void;
  /** Called with each change of what is known of the text. */
  onCheck?: (check: Check) => void;
  /** Whether its form can be sent only with a text that was checked and is clean. Default false. */
  enforce?: boolean;
  placeholder?: string;
  required?: boolean;
  disabled?: boolean;
  /** Default 100000 characters, below the server's limit. */
  maxLength?: number;
  className?: string;
}

function said(check: Check): string {
  switch (check.state) {
    case 'idle':
      return '';
    case 'checking':
      return 'Checking…';
    case 'clean':
      return 'Nothing would be redacted.';
    case 'unavailable':
      return 'This text could not be checked.';
    case 'found': {
      const kinds = [...new Set(check.found.map(({ kind }) => kind.replaceAll('_', ' ')))];
      const places = check.found.length === 1 ? '1 place' : `${check.found.length} places`;
      return `${places} would be redacted: ${kinds.join(', ')}.`;
    }
  }
}

/** The text with what would be redacted marked. Places that do not fit the text are left out. */
function marked(text: string, found: readonly Found[]): ReactNode[] {
  const parts: ReactNode[] = [];
  let at = 0;
  for (const { kind, start, end } of [...found].sort((a, b) => a.start - b.start)) {
    if (start < at || end <= start || end > text.length) continue;
    parts.push(text.slice(at, start));
    parts.push(
      <mark key={start} title={kind.replaceAll('_', ' ')} data-kind={kind}>
        {text.slice(start, end)}
      </mark>,
    );
    at = end;
  }
  parts.push(text.slice(at));
  return parts;
}

/** A field that is checked for personal data and secrets while somebody types. */
export function SecureInput(props: SecureInputProps): ReactNode {
  const {
    label, name, multiline = false, value, defaultValue = '', onChange, onCheck, enforce = false,
    placeholder, required, disabled, maxLength = 100_000, className, ...options
  } = props;
  const [own, setOwn] = useState(defaultValue);
  const text = value ?? own;
  const check = usePiiCheck(text, options);
  const id = useId();
  const field = useRef<HTMLInputElement & HTMLTextAreaElement>(null);
  const { state } = check;
  const message = said(check);

  const notify = useRef(onCheck);
  notify.current = onCheck;
  useEffect(() => {
    notify.current?.(check);
    // An answer for this text in this state is told once.
  }, [state, text]);

  useEffect(() => {
    const open = state === 'clean' || state === 'idle';
    field.current?.setCustomValidity(enforce && !open ? message : '');
  }, [enforce, state, message]);

  const shared = {
    ref: field,
    id: `${id}-field`,
    name,
    value: text,
    placeholder,
    required,
    disabled,
    maxLength,
    autoComplete: 'off',
    'aria-describedby': `${id}-status`,
    'aria-invalid': state === 'found' ? true : undefined,
    onChange(event: { target: { value: string } }) {
      if (value === undefined) setOwn(event.target.value);
      onChange?.(event.target.value);
    },
  };
  return (
    <div className={className} data-interlock="secure-input" data-state={state}>
      <label htmlFor={shared.id}>{label}</label>
      {multiline ? <textarea {...shared} /> : <input type="text" {...shared} />}
      <p id={`${id}-status`} role="status" aria-live="polite" aria-busy={state === 'checking'}>
        {message}
      </p>
      {state === 'found' ? (
        // The status says the same to those who do not see it.
        <p data-interlock="preview" aria-hidden="true" style={{ whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }}>
          {marked(text, check.found)}
        </p>
      ) : null}
    </div>
  );
}
