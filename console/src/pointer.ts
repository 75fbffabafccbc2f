// JSON pointers (RFC 6901), by which the server names where two values differ.

/** What stands under a pointer; undefined when nothing does. */
export function under(value: unknown, pointer: string): unknown {
  let here = value;
  for (const part of pointer.split('/').slice(1)) {
    const name = part.replaceAll('~1', '/').replaceAll('~0', '~');
    if (here === null || typeof here !== 'object' || !Object.hasOwn(here, name)) return undefined;
    if (Array.isArray(here) && !/^\d+$/.test(name)) return undefined;
    here = (here as Record<string, unknown>)[name];
  }
  return here;
}
