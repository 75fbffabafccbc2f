// What an answer to an approval is about. A server that lets people edit arguments says which action
// the next answer would agree to; the answer names the one that was on the screen.

interface Asked {
  action_hash: string;
}

export interface Proposed {
  /** The digest of what would run, hex. */
  hash: string;
  /** Whether somebody has edited it since it was asked. */
  edited: boolean;
  /** What an approval carries along, so that it is refused when the action is another one by then. */
  seen: { action_hash?: string };
}

export function proposed(approval: Asked): Proposed {
  const said = (approval as Asked & { proposed_hash?: unknown }).proposed_hash;
  if (typeof said !== 'string') return { hash: approval.action_hash, edited: false, seen: {} };
  return { hash: said, edited: said !== approval.action_hash, seen: { action_hash: said } };
}
