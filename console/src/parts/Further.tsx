// What stands below a list that the server searches: how much of it is here, and how to get more.

import type { Searched } from './searched';
import { Time } from './show';

export function Further<T>({ found, what }: { found: Searched<T>; what: string }) {
  return (
    <p className="quiet count" role="status">
      {found.rows.length.toLocaleString('en')} {found.next === null ? `${what}, all there are` : `${what} so far`}
      {found.searchedTo !== null && (
        <>
          , searched back to <Time at={found.searchedTo} />
        </>
      )}{' '}
      {(found.query.data?.behind ?? 0) > 0 && (
        <span data-behind>{(found.query.data?.behind ?? 0).toLocaleString('en')} newer entries are still being added since the server was started. </span>
      )}
      {found.next !== null && (
        <button type="button" disabled={found.loading} onClick={found.more}>
          {found.loading ? 'Searching' : 'Search further'}
        </button>
      )}
    </p>
  );
}
