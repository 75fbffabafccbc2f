// Under which answer an action ran or waits: who agreed, and what somebody changed of it.

import { api } from '../api/client';
import { useQuery } from '../api/query';
import { STATES } from '../approvals/answers';
import { Proposal } from '../approvals/Proposal';
import { Untrusted } from '../hostile/Untrusted';
import { Link, to } from '../router';
import { Panel, Time } from './show';

export function Grant({ approval }: { approval: string }) {
  const query = useQuery(`grant ${approval}`, (signal) => api.get('/api/approvals/{id}', { path: { id: approval }, signal }));
  const review = query.data;
  return (
    <Panel title="Approval" aside={<Link href={to('approvals', approval)}>The approval</Link>}>
      {query.error !== null && !review && <p className="empty">It is not there any more.</p>}
      {review && (
        <>
          <p data-grant={review.state}>
            The question {review.state === 'pending' ? '' : 'was '}
            {STATES[review.state] ?? review.state}.
          </p>
          {review.votes.length > 0 && (
            <ul className="plain votes">
              {review.votes.map((vote, i) => (
                <li key={i}>
                  <Untrusted text={vote.approver} oneLine /> {vote.approves ? 'agreed' : 'denied'} <Time at={vote.at} />
                  {vote.reason !== '' && (
                    <>
                      : <Untrusted text={vote.reason} />
                    </>
                  )}
                </li>
              ))}
            </ul>
          )}
          {review.proposed_hash !== review.action_hash && <Proposal review={review} />}
        </>
      )}
    </Panel>
  );
}
