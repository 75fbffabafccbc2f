// The arguments of an action that waits or waited: as they were asked, and as somebody edited them.

import type { Schema } from '../api/client';
import { Untrusted, UntrustedJson } from '../hostile/Untrusted';
import { asked } from './asked';
import { Changes, differences } from './Changes';

type Review = Schema['ReviewBody'];

/** The arguments that stand now, masked. */
export function standing(review: Review): string | null {
  return review.edit ? review.edit.arguments : asked(review.detail).arguments;
}

export function Proposal({ review }: { review: Review }) {
  const about = asked(review.detail);
  if (about.erased) return <p className="empty">Its content was erased.</p>;
  const edited = review.proposed_hash !== review.action_hash;
  if (!edited) {
    return (
      <>
        <h3>Arguments</h3>
        <UntrustedJson value={about.arguments} />
      </>
    );
  }
  const { edit } = review;
  if (!edit) {
    return (
      <>
        <h3>Arguments as asked</h3>
        <UntrustedJson value={about.arguments} />
        <p className="problem" role="alert">
          Somebody has edited them, and what they are now was erased or cannot be read. It can be denied.
        </p>
      </>
    );
  }
  const found = differences(about.arguments, edit.arguments);
  return (
    <div data-edited>
      <p className="edited">
        Edited by <Untrusted text={edit.editor} oneLine />.
        {edit.resource !== review.resource && (
          <>
            {' '}
            It acts on <Untrusted text={edit.resource} /> instead of <Untrusted text={review.resource} />.
          </>
        )}
      </p>
      {found !== null && <Changes found={found} />}
      <h3>Arguments as edited</h3>
      <UntrustedJson value={edit.arguments} />
      <details>
        <summary>Arguments as asked</summary>
        <UntrustedJson value={about.arguments} />
      </details>
    </div>
  );
}
