// Who has answered, and who still has to.

import type { Schema } from '../api/client';
import { Untrusted } from '../hostile/Untrusted';
import { Panel, Time } from '../parts/show';
import { useWho } from '../who';
import { asked } from './asked';

type Review = Schema['ReviewBody'];

/** Why an agreement of the person at the screen would not count, or null. */
export function notCounted(approval: Schema['ApprovalBody'], me: string): string | null {
  if (approval.votes.some((v) => v.approver === me && v.approves)) return 'You have agreed already. It needs somebody else.';
  if (asked(approval.detail).user === me) return 'It was asked on your behalf: your own agreement does not count.';
  return null;
}

export function People({ review }: { review: Review }) {
  const me = useWho().subject;
  const missing = Math.max(0, review.quorum - review.agreed);
  const own = review.state === 'pending' ? notCounted(review, me) : null;
  return (
    <Panel title="Who must agree" aside={<span className="quiet">{review.agreed} of {review.quorum}</span>}>
      <p>
        {review.quorum === 1 ? 'One person' : `${review.quorum} different people`} of{' '}
        {(review.groups.length > 0 ? review.groups : [review.group]).map((group, i) => (
          <span key={group}>
            {i > 0 && ' or '}
            <Untrusted text={group} oneLine />
          </span>
        ))}
        {review.state === 'pending' && missing > 0 && review.quorum > 1 && <strong>; {missing} more must sign</strong>}. One who denies ends it.
      </p>
      {review.votes.length > 0 && (
        <ul className="plain votes">
          {review.votes.map((vote, i) => (
            <li key={i} data-vote={vote.approves ? 'yes' : 'no'}>
              <span aria-hidden="true">{vote.approves ? '\u2713' : '\u2717'}</span> <Untrusted text={vote.approver} oneLine /> {vote.approves ? 'agreed' : 'denied'}
              {review.edit?.editor === vote.approver && ' to the edit that they made'} <Time at={vote.at} />
              {vote.reason !== '' && (
                <>
                  : <Untrusted text={vote.reason} />
                </>
              )}
            </li>
          ))}
        </ul>
      )}
      {own !== null && <p className="not-yours">{own}</p>}
    </Panel>
  );
}
