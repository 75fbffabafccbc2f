// What differs between two sets of arguments, with what hides in them shown.

import { changes, keepsMask, parse, write, type Change, type Json } from '../edit/json';
import { Untrusted } from '../hostile/Untrusted';

function Value({ value }: { value: Json | null }) {
  return value === null ? <span className="none">nothing</span> : <Untrusted text={value.kind === 'string' ? value.value : write(value)} />;
}

export function Changes({ found }: { found: readonly Change[] }) {
  return (
    <table className="changes">
      <thead>
        <tr>
          <th scope="col">argument</th>
          <th scope="col">was</th>
          <th scope="col">becomes</th>
        </tr>
      </thead>
      <tbody>
        {found.map((change) => (
          <tr key={change.path} data-change={change.before === null ? 'add' : change.after === null ? 'remove' : 'replace'}>
            <td>
              <Untrusted text={change.path === '' ? 'everything' : change.path} />
            </td>
            <td className="was">
              <Value value={change.before} />
            </td>
            <td className="becomes">
              <Value value={change.after} />
              {keepsMask(change) && <span className="odd">a mask, which the agent would get as it is written</span>}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** The differences of two texts of JSON, or null when one of them cannot be read. */
export function differences(before: string | null | undefined, after: string | null | undefined): Change[] | null {
  if (typeof before !== 'string' || typeof after !== 'string') return null;
  try {
    return changes(parse(before), parse(after));
  } catch {
    return null;
  }
}
