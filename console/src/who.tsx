// Who is signed in, and what their key may do. What it may not do is shown as such; the server
// decides in any case.

import { createContext, useContext } from 'react';
import type { Schema } from './api/client';

export type Who = Schema['WhoamiBody'];

export const WhoContext = createContext<Who | null>(null);

export type May = 'check' | 'read' | 'audit' | 'decide' | 'edit_policies' | 'administer';

export function useWho(): Who {
  const who = useContext(WhoContext);
  if (!who) throw new Error('nobody is signed in');
  return who;
}

export function useMay(what: May): boolean {
  return useWho().may.includes(what);
}

const ROLES: Readonly<Record<May, string>> = {
  check: '`agent` or `admin`',
  read: '`approver`, `policy_author`, `auditor` or `admin`',
  audit: '`auditor` or `admin`',
  decide: '`approver` or `admin`',
  edit_policies: '`policy_author` or `admin`',
  administer: '`admin`',
};

/** In the place of something that the key may not do. */
export function NotYours({ what, verb }: { what: May; verb: string }) {
  const who = useWho();
  return (
    <p className="not-yours" role="note">
      Role {who.role} may not {verb}; {ROLES[what].replaceAll('`', '')} may.
    </p>
  );
}
