// One run, action by action.

import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { ACTION_READING, isStopped, type Action } from '../actions';
import { Untrusted } from '../hostile/Untrusted';
import { useKeys } from '../keys';
import { FilterBox, useFiltered, useKnown } from '../parts/FilterBox';
import { Effect, Empty, Problem, Risk } from '../parts/show';
import { Timeline } from '../parts/Timeline';
import { VirtualList } from '../parts/VirtualList';
import { back, go, Link, to, useFilterText, withQuery } from '../router';
import { Frame } from './Frame';
import { useFrames, useLinked } from './frames';

/** The index of the next stopped frame from one on, or -1. */
export function nextStopped(frames: readonly Action[], from: number, step: 1 | -1): number {
  for (let i = from + step; i >= 0 && i < frames.length; i += step) {
    const frame = frames[i];
    if (frame && isStopped(frame)) return i;
  }
  return -1;
}

const keyOf = (a: Action) => a.id;
const row = (a: Action) => (
  <>
    <span className="row-main">
      <span className="quiet">{a.step ?? a.seq}</span> <Untrusted text={a.tool || a.action_type} oneLine />{' '}
      <span className="quiet">
        <Untrusted text={a.resource} oneLine />
      </span>
    </span>
    <span className="row-side">
      <Risk risk={a.risk} />
      <Effect effect={a.effect} />
    </span>
  </>
);

export function Replay({ run, frame }: { run: string; frame: string | null }) {
  const [filter, setFilter] = useFilterText();
  const [said, setSaid] = useState('');
  const { frames, done, error, retry } = useFrames(run);
  const shown = useFiltered(frames, filter, 'actions', ACTION_READING);
  const offered = useKnown(frames, 'actions', ACTION_READING);
  const wanted = frame === null ? null : Number(frame);
  const index = useMemo(() => {
    if (wanted === null) return shown.length > 0 ? 0 : -1;
    // Frames are in the order of the record.
    let [low, high] = [0, shown.length];
    while (low < high) {
      const mid = (low + high) >>> 1;
      if ((shown[mid]?.seq ?? 0) < wanted) low = mid + 1;
      else high = mid;
    }
    return shown[low]?.seq === wanted ? low : -1;
  }, [shown, wanted]);
  const known = index >= 0 ? shown[index] : frames.find((f) => f.seq === wanted);
  const linked = useLinked(run, wanted, known !== undefined || done);
  const current = known ?? linked ?? undefined;
  const verify = useRef<(() => void) | null>(null);

  const show = useCallback(
    (next: number) => {
      if (index < 0 && !done) {
        setSaid('The run is being loaded up to this frame.');
        return;
      }
      const chosen = shown[Math.min(shown.length - 1, Math.max(0, next))];
      setSaid('');
      if (chosen) go(withQuery({ frame: chosen.seq }), true);
    },
    [shown, index, done],
  );
  const jump = useCallback(
    (step: 1 | -1) => {
      const next = nextStopped(shown, index, step);
      if (next < 0) setSaid(step === 1 ? 'Nothing was stopped after this frame.' : 'Nothing was stopped before this frame.');
      else show(next);
    },
    [shown, index, show],
  );
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(`${location.origin}${to('runs', run)}${current ? `?frame=${current.seq}` : ''}`);
      setSaid('The address of this frame is in the clipboard.');
    } catch {
      setSaid('The browser does not let the page write the clipboard; the address is in the address bar.');
    }
  };

  useKeys({
    ArrowRight: () => show(index + 1),
    ArrowLeft: () => show(index - 1),
    j: () => show(index + 1),
    k: () => show(index - 1),
    b: () => jump(1),
    B: () => jump(-1),
    Home: () => show(0),
    End: () => show(shown.length - 1),
    c: () => void copy(),
    v: () => verify.current?.(),
    d: () => go(to('runs', run, 'diff')),
    Escape: () => go(back('/runs')),
  });

  useEffect(() => {
    // The first frame gets its address, so that what is copied leads back to it.
    const first = shown[0];
    if (wanted === null && first && done) go(withQuery({ frame: first.seq }), true);
  }, [wanted, shown, done]);

  return (
    <div className="replay">
      <header className="screen-head">
        <Link href={back('/runs')} className="back-always">
          Runs
        </Link>
        <h1>
          <Untrusted text={run} />
        </h1>
        <span className="freshness" role="status" data-loaded={done}>
          {done ? `${frames.length.toLocaleString('en')} frames` : `${frames.length.toLocaleString('en')} frames so far`}
        </span>
      </header>
      <Problem error={error} retry={retry} />
      <Timeline frames={shown} index={index} onSelect={show} />
      <div className="step-bar" role="group" aria-label="Step">
        <button type="button" onClick={() => jump(-1)}>
          Previous block <kbd>B</kbd>
        </button>
        <button type="button" onClick={() => show(index - 1)} disabled={index <= 0}>
          Back <kbd>{'\u2190'}</kbd>
        </button>
        <span className="step-at" aria-live="polite">
          {index < 0 ? '\u2013' : (index + 1).toLocaleString('en')} of {shown.length.toLocaleString('en')}
        </span>
        <button type="button" onClick={() => show(index + 1)} disabled={index >= shown.length - 1}>
          Next <kbd>{'\u2192'}</kbd>
        </button>
        <button type="button" onClick={() => jump(1)}>
          Next block <kbd>b</kbd>
        </button>
        <button type="button" onClick={() => go(to('runs', run, 'diff'))}>
          Compare <kbd>d</kbd>
        </button>
        <button type="button" onClick={() => void copy()}>
          Copy address <kbd>c</kbd>
        </button>
        <span className="freshness" role="status">
          {said}
        </span>
      </div>
      <div className="split replay-split" data-open={current !== undefined}>
        <section className="split-list" aria-label="Frames">
          <FilterBox value={filter} onChange={setFilter} resource="actions" known={offered} placeholder="decision:block risk:>40" />
          {done && frames.length === 0 ? (
            <Empty>There is no such run, or nothing of it is kept.</Empty>
          ) : (
            <VirtualList
              items={shown}
              rowHeight={44}
              label="Frames of the run"
              keyOf={keyOf}
              selected={index}
              onSelect={show}
              render={row}
            />
          )}
        </section>
        <section className="split-detail" aria-label="The frame">
          {current ? (
            <Frame action={current} verifyRef={verify} />
          ) : (
            wanted !== null && done && frames.length > 0 && <Empty>This run has no frame {wanted}.</Empty>
          )}
        </section>
      </div>
    </div>
  );
}
