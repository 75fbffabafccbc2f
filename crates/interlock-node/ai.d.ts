import type { GuardOptions, Interlock } from './index.js';

/**
 * The same tool set, each tool checked before it runs. A tool without `execute` runs elsewhere and
 * is refused, unless its entry in `options` is `false`.
 */
export function guardTools<T extends Record<string, any>>(
  interlock: Interlock,
  tools: T,
  options?: { [K in keyof T]?: Omit<GuardOptions, 'inputs' | 'parameters' | 'sync'> | false },
): T;
