// What a directory holds, to compare: content, mode, owner, modification time, links.

import { lstatSync, readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

export function tree(root) {
  const found = {};
  const look = (name) => {
    const path = join(root, name);
    const stat = lstatSync(path, { bigint: true });
    const about = [stat.mode.toString(8), String(stat.uid), String(stat.gid), String(stat.mtimeNs)];
    if (stat.isSymbolicLink()) about.push(readlinkSync(path));
    else if (stat.isFile()) about.push(readFileSync(path, 'latin1'));
    found[name || '.'] = about.join(' ');
    if (stat.isDirectory()) for (const child of readdirSync(path).sort()) look(join(name, child));
  };
  look('');
  return found;
}
