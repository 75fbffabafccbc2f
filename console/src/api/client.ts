// The only place that talks to the server. Paths, parameters, bodies and answers are those of the
// generated OpenAPI types, so that a change of the API that a screen did not follow does not compile.

import { session } from '../session';
import type { components, paths } from './schema';

export type Schema = components['schemas'];

type Method = 'get' | 'post' | 'patch' | 'delete';
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

const TIMEOUT_MS = 70_000;

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

async function send(method: string, url: string, body: unknown, signal: AbortSignal | undefined, key: string | null): Promise<Response> {
  const limit = AbortSignal.timeout(TIMEOUT_MS);
  let response: Response;
  try {
    response = await fetch(url, {
      method,
      headers: {
        ...(key === null ? {} : { 'x-api-key': key }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        accept: 'application/json',
      },
      body: body === undefined ? null : JSON.stringify(body),
      signal: signal ? AbortSignal.any([signal, limit]) : limit,
      cache: 'no-store',
      credentials: 'omit',
      redirect: 'error',
      referrerPolicy: 'no-referrer',
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiFailure(0, 'unreachable', 'the server does not answer');
  }
  if (response.ok) return response;
  const failed = await failure(response);
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
}

async function page<T>(path: string, options: Options<unknown>): Promise<Page<T>> {
  const response = await send('GET', address(path, options as { path?: object; query?: object }), undefined, options.signal, session.key);
  return {
    rows: (await response.json()) as T,
    next: response.headers.get('interlock-next'),
    searchedTo: response.headers.get('interlock-searched-to'),
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

  /** Who a key is, before it is kept. */
  async whoami(key: string): Promise<Schema['WhoamiBody']> {
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
      return 'The server does not accept this key: it is wrong, revoked or expired.';
    case 403:
      return `Not allowed: ${error.message}.`;
    case 404:
      return 'There is no such thing here, or it belongs to another tenant.';
    case 429:
      return `Too many wrong keys came from this address. Wait ${error.retryAfter ?? 'a few'} seconds.`;
    case 503:
      return `The server cannot do this now: ${error.message}.`;
    default:
      return error.message;
  }
}
