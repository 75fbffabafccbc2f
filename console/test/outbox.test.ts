import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { outbox, UNDO_MS } from '../src/outbox';
import { session } from '../src/session';

const good = { good: true, text: 'done' };

describe('answers on their way', () => {
  beforeEach(() => {
    vi.useFakeTimers();
    session.begin('vtk_x');
  });
  afterEach(() => {
    outbox.drop();
    vi.useRealTimers();
  });

  it('leave after a moment, once', async () => {
    const send = vi.fn(async () => good);
    outbox.put('Approve', ['1'], send);
    await vi.advanceTimersByTimeAsync(UNDO_MS - 1);
    expect(send).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    outbox.flush();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(send).toHaveBeenCalledTimes(1);
    expect(outbox.all()).toMatchObject([{ state: 'said', said: good }]);
  });

  it('can be taken back, the newest first', async () => {
    const sent: string[] = [];
    const send = (name: string) => async () => (sent.push(name), good);
    outbox.put('a', ['1'], send('a'));
    outbox.put('b', ['2'], send('b'));
    expect(outbox.undo()?.what).toBe('b');
    await vi.advanceTimersByTimeAsync(UNDO_MS);
    expect(sent).toEqual(['a']);
    expect(outbox.undo()).toBeNull();
  });

  it('are not sent by somebody who signed out', async () => {
    const send = vi.fn(async () => good);
    outbox.put('Approve', ['1'], send);
    session.end();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(send).not.toHaveBeenCalled();
    expect(outbox.all()).toEqual([]);
  });

  it('are not sent when the computer slept', async () => {
    const send = vi.fn(async () => good);
    outbox.put('Approve', ['1'], send);
    vi.setSystemTime(Date.now() + 3_600_000);
    await vi.advanceTimersByTimeAsync(UNDO_MS);
    expect(send).not.toHaveBeenCalled();
    expect(outbox.all()[0]?.said?.text).toContain('Not sent');
  });

  it('say what went wrong, and forget what is over when it is answered anew', async () => {
    outbox.put('Approve', ['1'], async () => {
      throw new Error('the server does not answer');
    });
    await vi.advanceTimersByTimeAsync(UNDO_MS);
    expect(outbox.all()[0]?.said).toEqual({ good: false, text: 'the server does not answer' });
    outbox.put('Approve', ['1'], async () => good);
    expect(outbox.all()).toHaveLength(1);
    for (let i = 0; i < 50; i += 1) outbox.put('x', [`n${i}`], async () => good, 0);
    await vi.advanceTimersByTimeAsync(100);
    expect(outbox.all().filter((o) => o.state === 'said').length).toBeLessThanOrEqual(20);
  });
});
