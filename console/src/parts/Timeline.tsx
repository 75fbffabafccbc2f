// A run at a glance: one strip, in which each column stands for one frame or, in a long run, for
// many; it has the colour of the strictest of them. Drawn on a canvas, so that length costs nothing.

import { useEffect, useRef } from 'react';
import type { Action } from '../actions';

const STRICT = ['allow', 'alert', 'redact', 'sandbox', 'require_approval', 'block'];

/** The strictest effect of each of `columns` equal parts, as a place in the order of strictness. */
export function strictest(frames: readonly Action[], columns: number): number[] {
  const out = new Array<number>(Math.min(columns, frames.length)).fill(0);
  frames.forEach((frame, i) => {
    const column = Math.floor((i * out.length) / frames.length);
    out[column] = Math.max(out[column] ?? 0, STRICT.indexOf(frame.effect));
  });
  return out;
}

const HEIGHT = 28;

export function Timeline({ frames, index, onSelect }: { frames: readonly Action[]; index: number; onSelect: (index: number) => void }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const el = canvas.current;
    const context = el?.getContext('2d');
    if (!el || !context) return undefined;
    const draw = () => {
      const width = el.clientWidth;
      const scale = window.devicePixelRatio || 1;
      el.width = Math.max(1, Math.round(width * scale));
      el.height = HEIGHT * scale;
      context.setTransform(scale, 0, 0, scale, 0, 0);
      context.clearRect(0, 0, width, HEIGHT);
      const style = getComputedStyle(el);
      const columns = strictest(frames, Math.max(1, Math.floor(width / 2)));
      const each = width / Math.max(1, columns.length);
      columns.forEach((effect, i) => {
        context.fillStyle = style.getPropertyValue(`--strip-${STRICT[effect] ?? 'allow'}`);
        const tall = effect >= 4 ? HEIGHT : effect > 0 ? HEIGHT * 0.7 : HEIGHT * 0.4;
        context.fillRect(i * each, HEIGHT - tall, Math.max(1, each - (each > 3 ? 1 : 0)), tall);
      });
    };
    draw();
    const observer = new ResizeObserver(draw);
    observer.observe(el);
    return () => observer.disconnect();
  }, [frames]);
  return (
    <div
      className="timeline"
      role="slider"
      tabIndex={0}
      aria-label="Place in the run"
      aria-valuemin={1}
      aria-valuemax={Math.max(1, frames.length)}
      aria-valuenow={Math.max(1, index + 1)}
      aria-valuetext={`frame ${index + 1} of ${frames.length}`}
      onClick={(event) => {
        const box = event.currentTarget.getBoundingClientRect();
        onSelect(Math.floor(((event.clientX - box.left) / box.width) * frames.length));
      }}
    >
      <canvas ref={canvas} />
      {index >= 0 && <span className="timeline-at" style={{ left: `${((index + 0.5) * 100) / Math.max(1, frames.length)}%` }} />}
    </div>
  );
}
