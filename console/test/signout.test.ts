import { expect, it, vi } from 'vitest';
import { commandsOf } from '../src/app';

it('the palette signs out as the button does', () => {
  const out = vi.fn();
  const command = commandsOf(undefined, { help: () => {}, out }).find((c) => c.name === 'Sign out');
  command?.run();
  expect(out).toHaveBeenCalledOnce();
});
