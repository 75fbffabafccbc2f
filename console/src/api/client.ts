// The only place that talks to the server. Paths, parameters, bodies and answers are those of the
// generated OpenAPI types, so that a change of the API that a screen did not follow does not compile.

import { session } from '../session';
import type { components, paths } from './schema';

export type Schema = components['schemas'];

type Method = 'get' | 'post' | 'put' | 'patch' | 'delete';
type Operation<P extends keyof paths, M extends Method> = NonNullable<paths[P][M]>;
type PathsOf<M extends Method> = { [P in keyof paths]: paths[P][M] extends object ? P : never }[keyof paths];

type JsonOf<R> = R extends { content: { 'application/json': infer T } } ? T : never;
type Answer<O> = O extends { responses: infer R } ? JsonOf<R[keyof R & (200 | 201)]> : never;
type PathOf<O> = O extends { parameters: { path: infer T } } ? T : Record<string, never>;
type QueryOf<O> = O extends { parameters: { query?: infer T } } ? T : never;
type BodyOf<O> = O extends { requestBody?: infer R } ? JsonOf<NonNullable<R>> : never;

interface Options<O> {
  path?: PathOf<O>;
  query?: QueryOf<O>;
  body?: BodyOf<O>;
  signal?: AbortSignal | undefined;
}

/** A request that was not served. */
export class ApiFailure extends Error {
  constructor(
    /** The HTTP status; 0 when no answer came. */
    readonly status: number,
    readonly code: string,
    message: string,
    readonly field: string | null = null,
    /** Seconds after which another try makes sense. */
    readonly retryAfter: number | null = null,
  ) {
    super(message);
    this.name = 'ApiFailure';
  }
}

/** A body that is JSON text already: numbers in it stay as they are written. */
export class JsonText {
  constructor(readonly text: string) {}
}

/** The cookie is somebody else's by now: this page shows what is not theirs, and asks in another's name. */
function somebodyElse() {
  session.end('Somebody else has signed in in this browser.');
  location.reload();
}

const TIMEOUT_MS = 70_000;
/** How long evidence may take to be gathered and sent. */
const DOWNLOAD_MS = 3_600_000;

function address(path: string, options: { path?: object; query?: object | undefined }): string {
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = (options.path as Record<string, unknown> | undefined)?.[name];
    return encodeURIComponent(String(value));
  });
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(options.query ?? {})) {
    if (value !== undefined && value !== null && value !== '') query.set(name, String(value));
  }
  const text = query.toString();
  return text === '' ? filled : `${filled}?${text}`;
}

async function failure(response: Response): Promise<ApiFailure> {
  let body: { code?: unknown; message?: unknown; field?: unknown } = {};
  try {
    body = (await response.json()) as typeof body;
  } catch {
    // A proxy answered, or nobody: the status has to do.
  }
  const retry = Number(response.headers.get('retry-after'));
  return new ApiFailure(
    response.status,
    typeof body.code === 'string' ? body.code : 'unknown',
    typeof body.message === 'string' ? body.message : `the server answered with status ${response.status}`,
    typeof body.field === 'string' ? body.field : null,
    Number.isFinite(retry) && retry > 0 ? retry : null,
  );
}

async function send(method: string, url: string, body: unknown, signal: AbortSignal | undefined, key: string | null, timeout = TIMEOUT_MS): Promise<Response> {
  const limit = AbortSignal.timeout(timeout);
  let response: Response;
  try {
    response = await fetch(url, {
      method,
      headers: {
        // Only a script of this page can add the second one: the server takes no change without it.
        ...(key === null ? { 'x-interlock-request': '1' } : { 'x-api-key': key }),
        // Whose page this is: another tab may have signed somebody else in.
        ...(key === null && session.id !== null ? { 'x-interlock-session': session.id } : {}),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        accept: 'application/json',
      },
      body: body === undefined ? null : body instanceof JsonText ? body.text : JSON.stringify(body),
      signal: signal ? AbortSignal.any([signal, limit]) : limit,
      cache: 'no-store',
      credentials: key === null ? 'same-origin' : 'omit',
      redirect: 'error',
      referrerPolicy: 'no-referrer',
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiFailure(0, 'unreachable', 'the server does not answer');
  }
  if (response.ok) return response;
  const failed = await failure(response);
  if (failed.code === 'key.invalid' && key === null && session.key === null && session.cookie === true) {
    session.end('The session is over: it ran out, or was ended.');
  }
  if (failed.code === 'session.other' && key === null) somebodyElse();
  // The key that was refused may not be the one that holds by now.
  if (failed.status === 401 && key !== null && session.key === key) session.end('The server does not accept this key any more.');
  throw failed;
}

export interface Page<T> {
  rows: T;
  /** Where the next page begins; null after the last. */
  next: string | null;
  /** How far back was looked, when the server's time for one request was over. */
  searchedTo: string | null;
  /** How many recorded entries the list does not know yet, while the server adds them. */
  behind: number;
}

async function page<T>(path: string, options: Options<unknown>): Promise<Page<T>> {
  const response = await send('GET', address(path, options as { path?: object; query?: object }), undefined, options.signal, session.key);
  return {
    rows: (await response.json()) as T,
    next: response.headers.get('interlock-next'),
    searchedTo: response.headers.get('interlock-searched-to'),
    behind: Number(response.headers.get('interlock-behind') ?? 0),
  };
}

async function call<T>(method: Method, path: string, options: Options<unknown>): Promise<T> {
  const response = await send(
    method.toUpperCase(),
    address(path, options as { path?: object; query?: object }),
    options.body,
    options.signal,
    session.key,
  );
  // What was done and has nothing to say.
  if (response.status === 204) return undefined as T;
  return (await response.json()) as T;
}

export const api = {
  get: <P extends PathsOf<'get'>>(path: P, options: Options<Operation<P, 'get'>> = {}) =>
    call<Answer<Operation<P, 'get'>>>('get', path, options as Options<unknown>),
  /** A page of a list that can be searched. */
  page: <P extends PathsOf<'get'>>(path: P, options: Options<Operation<P, 'get'>> = {}) =>
    page<Answer<Operation<P, 'get'>>>(path, options as Options<unknown>),
  post: <P extends PathsOf<'post'>>(path: P, options: Options<Operation<P, 'post'>> = {}) =>
    call<Answer<Operation<P, 'post'>>>('post', path, options as Options<unknown>),
  /** As `post`, of a body that somebody else wrote as text. */
  postText: <P extends PathsOf<'post'>>(path: P, options: Omit<Options<Operation<P, 'post'>>, 'body'> & { body: JsonText }) =>
    call<Answer<Operation<P, 'post'>>>('post', path, options as unknown as Options<unknown>),
  put: <P extends PathsOf<'put'>>(path: P, options: Options<Operation<P, 'put'>> = {}) =>
    call<Answer<Operation<P, 'put'>>>('put', path, options as Options<unknown>),
  patch: <P extends PathsOf<'patch'>>(path: P, options: Options<Operation<P, 'patch'>> = {}) =>
    call<Answer<Operation<P, 'patch'>>>('patch', path, options as Options<unknown>),
  delete: <P extends PathsOf<'delete'>>(path: P, options: Options<Operation<P, 'delete'>> = {}) =>
    call<Answer<Operation<P, 'delete'>>>('delete', path, options as Options<unknown>),

  /** The stored bytes of one entry of the record. */
  async storedBytes(seq: number): Promise<Uint8Array<ArrayBuffer>> {
    const response = await send('GET', `/api/audit/export?from=${seq}&limit=1`, undefined, undefined, session.key);
    const bytes = new Uint8Array(await response.arrayBuffer());
    // One line: the bytes and a line end.
    return bytes.at(-1) === 10 ? bytes.slice(0, -1) : bytes;
  },

  /** A file that the server makes, and its name; `received` hears how much has come. */
  async download(method: 'GET' | 'POST', path: string, body: unknown, received: (bytes: number) => void, otherwise = 'download'): Promise<{ blob: Blob; name: string }> {
    const response = await send(method, path, body, undefined, session.key, DOWNLOAD_MS);
    const name = /filename="([A-Za-z0-9._-]+)"/.exec(response.headers.get('content-disposition') ?? '')?.[1] ?? otherwise;
    const parts: Uint8Array<ArrayBuffer>[] = [];
    const reader = response.body?.getReader();
    let bytes = 0;
    for (;;) {
      const piece = await reader?.read();
      if (!piece || piece.done) break;
      parts.push(piece.value);
      bytes += piece.value.length;
      received(bytes);
    }
    return { blob: new Blob(parts, { type: response.headers.get('content-type') ?? '' }), name };
  },

  /** Who a key is, before it is kept; without one, whose session the browser holds. */
  async whoami(key: string | null): Promise<Schema['WhoamiBody']> {
    const response = await send('GET', '/api/whoami', undefined, undefined, key);
    return (await response.json()) as Schema['WhoamiBody'];
  },
};

/** What went wrong, as a sentence for the person. */
export function explain(error: unknown): string {
  if (!(error instanceof ApiFailure)) return error instanceof Error ? error.message : 'something went wrong';
  switch (error.status) {
    case 0:
      return 'The server does not answer. What is shown may be old.';
    case 401:
      return error.code === 'session.refused'
        ? 'The login, the password or the code is wrong. A code is good once.'
        : error.code === 'password.wrong'
          ? 'The old password is wrong.'
          : 'The server does not accept this key: it is wrong, revoked or expired.';
    case 403:
      return `Not allowed: ${error.message}.`;
    case 404:
      if (error.code === 'invitation.unknown') return `${error.message}.`;
      return 'There is no such thing here, or it belongs to another tenant.';
    case 429:
      if (error.code === 'session.too-many-tries') return `There were too many tries. Wait ${error.retryAfter ?? 'a few'} seconds.`;
      return `Too many wrong keys came from this address. Wait ${error.retryAfter ?? 'a few'} seconds.`;
    case 503:
      return `The server cannot do this now: ${error.message}.`;
    default:
      return error.message;
  }
}
