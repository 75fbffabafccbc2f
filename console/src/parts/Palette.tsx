// Everything that can be done from here, found by typing.

import { useEffect, useId, useRef, useState } from 'react';
import { Untrusted } from '../hostile/Untrusted';
import { go, to } from '../router';

export interface Command {
  name: string;
  /** The keys that do the same. */
  keys: string;
  run: () => void;
}

/** Shown at once. */
const SHOWN = 12;

/** Whether all letters stand in the name in this order; how far apart, the smaller the better. */
export function rank(name: string, wanted: string): number | null {
  const [text, letters] = [name.toLowerCase(), wanted.toLowerCase().replaceAll(' ', '')];
  const whole = text.indexOf(wanted.toLowerCase().trim());
  if (whole >= 0) return whole / 1_000;
  let at = -1;
  let far = 1;
  for (const letter of letters) {
    const next = text.indexOf(letter, at + 1);
    if (next < 0) return null;
    far += next - at - 1;
    at = next;
  }
  return far;
}

export function find(commands: readonly Command[], wanted: string): Command[] {
  return commands
    .map((command) => ({ command, far: rank(command.name, wanted) }))
    .filter((found): found is { command: Command; far: number } => found.far !== null)
    .sort((a, b) => a.far - b.far)
    .map((found) => found.command);
}

export function Palette({ commands, onClose }: { commands: readonly Command[]; onClose: () => void }) {
  const id = useId();
  const ref = useRef<HTMLDialogElement>(null);
  const [wanted, setWanted] = useState('');
  const [at, setAt] = useState(0);
  const entry = /^#(\d{1,15})$/.exec(wanted.trim())?.[1];
  const found =
    entry === undefined ? find(commands, wanted).slice(0, SHOWN) : [{ name: `Open entry ${entry} of the record`, keys: '', run: () => go(to('audit', entry)) }];
  const chosen = found[Math.min(at, found.length - 1)];
  useEffect(() => {
    const el = ref.current;
    const before = document.activeElement;
    if (el && !el.open) el.showModal();
    return () => {
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  const run = (command: Command | undefined) => {
    if (!command) return;
    onClose();
    // After the dialog is gone, so that a key that it stands for is heard.
    setTimeout(command.run, 0);
  };
  return (
    <dialog
      ref={ref}
      className="palette"
      aria-label="Commands"
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
    >
      <input
        role="combobox"
        aria-label="What to do"
        aria-expanded="true"
        aria-controls={`${id}-list`}
        {...(chosen ? { 'aria-activedescendant': `${id}-${found.indexOf(chosen)}` } : {})}
        autoComplete="off"
        spellCheck={false}
        autoFocus
        placeholder="What to do, or an entry as #123"
        maxLength={100}
        value={wanted}
        onChange={(event) => {
          setWanted(event.target.value);
          setAt(0);
        }}
        onKeyDown={(event) => {
          const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
          if (step !== 0) {
            event.preventDefault();
            setAt(Math.min(found.length - 1, Math.max(0, at + step)));
          } else if (event.key === 'Enter') {
            event.preventDefault();
            run(chosen);
          }
        }}
      />
      <ul id={`${id}-list`} role="listbox" aria-label="Commands that fit">
        {found.map((command, i) => (
          <li key={`${command.name} ${i}`} id={`${id}-${i}`} role="option" aria-selected={command === chosen} onClick={() => run(command)}>
            <span>{command.name}</span>
            {command.keys !== '' && <kbd>{command.keys}</kbd>}
          </li>
        ))}
      </ul>
      {found.length === 0 && (
        <p className="empty" role="status">
          Nothing here is called <Untrusted text={wanted} oneLine />.
        </p>
      )}
    </dialog>
  );
}
