'use strict';
// Express middleware: one decision per request, made before its handler runs.
//
// It says little to the caller: a status, a reference, and what may be told. `req.interlock` has the
// decision, for the handler and the operator.

const { isDeepStrictEqual } = require('node:util');
const errors = require('./errors.cjs');
const { Guard } = require('./guard.cjs');
const scopes = require('./scope.cjs');
const { snapshot, redacted } = require('./plain.cjs');

const OPTIONS = new Set([
  'agent', 'user', 'session', 'actionType', 'resource', 'tool', 'arguments', 'skip', 'approvalTimeoutMs', 'onRefusal',
]);

/** The header with which a caller resumes a request that needed an approval. */
const APPROVAL_HEADER = 'x-interlock-approval';

const value = (wanted, request) => (typeof wanted === 'function' ? wanted(request) : wanted);

/** The path as the router sees it, mounts included, without the query. */
function pathOf(request) {
  return String(request.originalUrl ?? request.url).split('?', 1)[0];
}

function defaults(request) {
  const { method, query, params } = request;
  const args = { method, path: pathOf(request) };
  // Express's own objects may have a prototype of their own or none; only their fields count.
  if (query && Object.keys(query).length > 0) args.query = { ...query };
  if (params && Object.keys(params).length > 0) args.params = { ...params };
  if (request.body !== undefined) args.body = request.body;
  return args;
}

/** The status for an error of ours: what the caller can do about it. */
function statusOf(error) {
  if (error instanceof errors.LimitExceeded || error instanceof errors.BudgetExceeded) return 429;
  if (error instanceof errors.ApprovalDenied) return 403;
  if (error instanceof errors.ApprovalRequired) return 202;
  if (error instanceof errors.Denied) return 403;
  if (error instanceof errors.InvalidAction) return 422;
  return 503;
}

function refuse(response, error) {
  const status = statusOf(error);
  const body = { error: { type: 'refused', message: 'the request cannot be decided on', code: 'refused' } };
  if (error instanceof errors.Denied) {
    body.error.message = error.message;
    body.error.reference = error.decision.id;
    if (status === 202) {
      body.error = { ...body.error, type: 'approval_required', code: 'approval-required', approval_id: error.approvalId };
      body.error.resume_header = APPROVAL_HEADER;
    }
  } else if (status === 422) {
    // It names a field and a limit of the caller's own request, and nothing of ours.
    body.error.message = error.message;
  }
  if (error.retryAfterMs !== undefined) response.setHeader('retry-after', Math.ceil(error.retryAfterMs / 1000));
  response.setHeader('cache-control', 'no-store');
  response.status(status).json(body);
}

function middleware(interlock, options = {}) {
  for (const key of Object.keys(options)) {
    if (!OPTIONS.has(key)) {
      throw new errors.ConfigurationError(
        `express() knows no option \`${key}\`; it knows ${[...OPTIONS].join(', ')}`,
        'config.invalid',
      );
    }
  }
  const timeoutMs = options.approvalTimeoutMs ?? 0;

  async function decide(request, response) {
    const tool = (await value(options.tool, request)) ?? `${request.method} ${request.baseUrl ?? ''}${request.path}`;
    const guard = new Guard(interlock, String(tool).slice(0, 200), {
      actionType: (await value(options.actionType, request)) ?? 'api_call',
      resource: await value(options.resource, request),
      approval: timeoutMs > 0 ? 'wait' : undefined,
      approvalTimeoutMs: timeoutMs,
    });
    // Taken as it is: braces in a path are no pattern.
    const resource = guard.resource ?? pathOf(request);
    guard.resource = () => resource;
    const given = await value(options.arguments ?? defaults, request);
    const { json, copy } = snapshot('arguments', given);
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const scope = {
      agent: await value(options.agent, request),
      user: await value(options.user, request),
      session: await value(options.session, request),
      approvalId: request.headers[APPROVAL_HEADER],
    };
    const byDefault = options.arguments === undefined;
    const decision = await scopes.enter(scope, () =>
      guard.permit({ json, arguments: copy, signal: gone.signal }, byDefault));
    if (byDefault) {
      // The handler gets what was decided on, redacted where that was the decision.
      const own = decision.arguments === undefined ? copy : redacted(copy, decision.arguments);
      for (const name of ['path', 'query', 'params']) {
        // They are in the URL too, where a handler would find them as they were.
        if (!isDeepStrictEqual(own[name], copy[name])) {
          throw new errors.InvalidAction(`the ${name} of the request holds what must not be passed on`, 'action.redact');
        }
      }
      if (request.body !== undefined) request.body = own.body;
    }
    request.interlock = decision;
    const started = performance.now();
    response.once('close', () => {
      const status = !response.writableFinished ? 'unknown' : response.statusCode < 500 ? 'succeeded' : 'failed';
      void interlock.report(decision, status, { latencyMs: Math.round(performance.now() - started) });
    });
    return scope;
  }

  return function interlockMiddleware(request, response, next) {
    if (options.skip?.(request)) return next();
    decide(request, response).then(
      // What the handler asks about acts for the same agent; its approval was for this request.
      (scope) => scopes.enter({ ...scope, approvalId: undefined }, () => next()),
      (error) => {
        if (!(error instanceof errors.InterlockError)) return response.destroyed ? undefined : next(error);
        options.onRefusal?.(error, request);
        return response.headersSent || response.destroyed ? undefined : refuse(response, error);
      },
    );
    return undefined;
  };
}

module.exports = { middleware };
