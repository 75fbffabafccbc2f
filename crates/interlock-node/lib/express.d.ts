/** A request as far as the middleware looks at it; Express's own type fits. */
export interface RequestLike {
  method: string;
  originalUrl: string;
  path: string;
  body?: unknown;
  query?: unknown;
  params?: unknown;
  headers: Record<string, string | string[] | undefined>;
}

/** Express's `RequestHandler` fits; the SDK does not depend on its types. */
export type RequestHandler = (req: any, res: any, next: (error?: any) => void) => void;

/** A value, or a function of the request. */
export type OfRequest<T> = T | ((req: any) => T | Promise<T>);

export interface ExpressOptions {
  /** Who acts. Take it from what the request proved, such as a session, never from its body. */
  agent?: OfRequest<string | undefined>;
  user?: OfRequest<string | undefined>;
  session?: OfRequest<string | undefined>;
  /** Default `api_call`. */
  actionType?: OfRequest<string>;
  /** Default: the path of the request, without its query. */
  resource?: OfRequest<string>;
  /** Default: method and path. */
  tool?: OfRequest<string>;
  /** Default: `{ method, path, query, body }`. */
  arguments?: OfRequest<unknown>;
  /** Methods that pass unasked. Default none. */
  skip?: (req: any) => boolean;
  /** Waits for a person so long before it answers 202. Default 0. */
  approvalTimeoutMs?: number;
  /** Called with every refusal, for the operator's log. */
  onRefusal?: (error: Error, req: any) => void;
}
