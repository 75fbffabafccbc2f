import { Writable } from 'node:stream';
import { renderToPipeableStream } from 'react-dom/server';
import { App } from './app.jsx';

let html = '';
const collect = new Writable({
  write(part, _, done) {
    html += part;
    done();
  },
});
const { pipe } = renderToPipeableStream(<App />, {
  onAllReady: () => pipe(collect),
  onError(error) {
    throw error;
  },
});
collect.on('finish', () => process.stdout.write(html));
