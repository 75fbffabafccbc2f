'use strict';
// Requests: method, address and, where it is there as a whole, the body.

const http = require('node:http');
const https = require('node:https');
const { current, replace } = require('./replace.cjs');

/** Characters of a body that are shown; of a longer one only its size. */
const BODY_CHARACTERS = 64 * 1024;

/** The address of `http.request(url | options, [options])`. */
function address(protocol, args) {
  let options = {};
  let url;
  for (const one of args) {
    if (typeof one === 'string') url = new URL(one);
    else if (one instanceof URL) url = one;
    else if (typeof one === 'object' && one !== null) options = { ...options, ...one };
  }
  const method = String(options.method ?? 'GET').toUpperCase();
  if (url !== undefined && options.host === undefined && options.hostname === undefined && options.path === undefined) {
    return [url.href, method];
  }
  const scheme = options.protocol ?? url?.protocol ?? protocol;
  const host = options.hostname ?? options.host ?? url?.hostname ?? 'localhost';
  const bare = String(host).includes(':') && !String(host).startsWith('[') ? `[${host}]` : host;
  const port = options.port ?? url?.port;
  const path = options.path ?? (url ? url.pathname + url.search : '/');
  return [new URL(`${scheme}//${bare}${port ? `:${port}` : ''}${path}`).href, method];
}

function asked(url, method, more = {}) {
  return ['api_call', url, 'http', { method, url, ...more }];
}

function bodyOf(body) {
  if (body === undefined || body === null) return {};
  let text;
  if (typeof body === 'string') text = body;
  else if (body instanceof URLSearchParams) text = body.toString();
  else if (ArrayBuffer.isView(body)) text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString();
  else return { body_kind: String(body.constructor?.name ?? typeof body) };
  if (text.length > BODY_CHARACTERS) return { body_bytes: Buffer.byteLength(text) };
  return { body: text.toWellFormed() };
}

function install() {
  for (const [module, protocol] of [[http, 'http:'], [https, 'https:']]) {
    for (const name of ['request', 'get']) {
      replace(module, name, (original) =>
        function (...args) {
          const monitor = current();
          if (monitor) monitor.decideSync(...asked(...address(protocol, args)));
          return Reflect.apply(original, this, args);
        });
    }
  }
  if (typeof globalThis.fetch === 'function') {
    replace(globalThis, 'fetch', (original) =>
      async function (input, init) {
        const monitor = current();
        if (!monitor) return original(input, init);
        // Read once, so that what is asked about is what is sent.
        const request = new Request(input, init);
        const body = input instanceof Request && init?.body === undefined ? undefined : init?.body;
        await monitor.decide(...asked(request.url, request.method, bodyOf(body)));
        return original(request, init?.dispatcher ? { dispatcher: init.dispatcher } : undefined);
      });
  }
}

module.exports = { install };
