// A list of which only the rows that are looked at exist, so that a hundred thousand cost no more
// than fifty. Rows have one height; the selected one is kept in sight.

import { memo, useCallback, useLayoutEffect, useRef, useState, type ReactNode } from 'react';

export interface VirtualListProps<T> {
  items: readonly T[];
  rowHeight: number;
  /** The name of the list for those who do not see it. */
  label: string;
  keyOf: (item: T, index: number) => string;
  selected: number;
  onSelect: (index: number) => void;
  /** Enter, or a second click. */
  onOpen?: (index: number) => void;
  /** Best the same function each time: rows are drawn anew when it is another one. */
  render: (item: T, index: number) => ReactNode;
  className?: string;
}

/** Rows beyond the edge, so that scrolling shows no gap. */
const BEYOND = 8;

interface RowProps<T> {
  id: string;
  item: T;
  index: number;
  of: number;
  chosen: boolean;
  height: number;
  press: (index: number) => void;
  render: (item: T, index: number) => ReactNode;
}

function Row<T>({ id, item, index, of, chosen, height, press, render }: RowProps<T>) {
  return (
    <div
      id={id}
      role="option"
      aria-selected={chosen}
      aria-posinset={index + 1}
      aria-setsize={of}
      className="row"
      style={{ height, top: index * height }}
      onClick={() => press(index)}
    >
      {render(item, index)}
    </div>
  );
}

const DrawnRow = memo(Row) as typeof Row;

export function VirtualList<T>(props: VirtualListProps<T>) {
  const { items, rowHeight, label, keyOf, selected, onSelect, onOpen, render, className = '' } = props;
  const box = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ top: 0, height: 600 });

  const look = useCallback(() => {
    const el = box.current;
    if (el) setView((was) => (was.top === el.scrollTop && was.height === el.clientHeight ? was : { top: el.scrollTop, height: el.clientHeight }));
  }, []);

  useLayoutEffect(() => {
    look();
    const observer = new ResizeObserver(look);
    if (box.current) observer.observe(box.current);
    return () => observer.disconnect();
  }, [look]);

  // Rows that come or go above the first one in sight move nothing under the pointer.
  const anchor = useRef<{ key: string; offset: number } | null>(null);
  useLayoutEffect(() => {
    const el = box.current;
    const held = anchor.current;
    if (!el || !held || el.scrollTop === 0) return;
    const at = Math.floor(el.scrollTop / rowHeight);
    const there = items[at];
    if (there !== undefined && keyOf(there, at) === held.key) return;
    const now = items.findIndex((item, i) => keyOf(item, i) === held.key);
    if (now >= 0) el.scrollTop = now * rowHeight + held.offset;
    // On another list, not on another place in it.
  }, [items]);
  useLayoutEffect(() => {
    const at = Math.floor(view.top / rowHeight);
    const item = items[at];
    anchor.current = item === undefined ? null : { key: keyOf(item, at), offset: view.top - at * rowHeight };
  });

  useLayoutEffect(() => {
    const el = box.current;
    if (!el || selected < 0) return;
    const top = selected * rowHeight;
    if (top < el.scrollTop) el.scrollTop = top;
    else if (top + rowHeight > el.scrollTop + el.clientHeight) el.scrollTop = top + rowHeight - el.clientHeight;
  }, [selected, rowHeight]);

  // What rows call is the latest, though they keep what they were given: a step draws the row that is
  // left and the one that is reached, not all of them.
  const latest = useRef(props);
  latest.current = props;
  const press = useCallback((index: number) => {
    const now = latest.current;
    if (index === now.selected && now.onOpen) now.onOpen(index);
    else now.onSelect(index);
  }, []);

  const prefix = label.replace(/\W+/g, '-');
  const first = Math.max(0, Math.floor(view.top / rowHeight) - BEYOND);
  const last = Math.min(items.length, Math.ceil((view.top + view.height) / rowHeight) + BEYOND);
  const rows: ReactNode[] = [];
  for (let i = first; i < last; i += 1) {
    const item = items[i];
    if (item === undefined) continue;
    rows.push(
      <DrawnRow key={keyOf(item, i)} id={`${prefix}-${i}`} item={item} index={i} of={items.length} chosen={i === selected} height={rowHeight} press={press} render={render} />,
    );
  }
  return (
    <div
      ref={box}
      className={`virtual ${className}`}
      role="listbox"
      aria-label={label}
      tabIndex={0}
      {...(selected >= first && selected < last ? { 'aria-activedescendant': `${prefix}-${selected}` } : {})}
      onScroll={look}
      onKeyDown={(event) => {
        const steps: Record<string, number> = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -items.length, End: items.length };
        const step = steps[event.key];
        if (step !== undefined && !event.ctrlKey && !event.metaKey && !event.altKey) {
          event.preventDefault();
          event.stopPropagation();
          if (items.length > 0) onSelect(Math.min(items.length - 1, Math.max(0, selected + step)));
        } else if (event.key === 'Enter' && onOpen && selected >= 0) {
          event.preventDefault();
          event.stopPropagation();
          onOpen(selected);
        }
      }}
    >
      <div className="virtual-all" role="presentation" style={{ height: items.length * rowHeight }}>
        {rows}
      </div>
    </div>
  );
}
