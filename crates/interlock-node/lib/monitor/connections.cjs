'use strict';
// Connections: `net.Socket.connect` is where TCP, TLS, HTTP and `fetch` all meet. A connection that
// was open before is decided on when something is first sent on it.

const net = require('node:net');
const dgram = require('node:dgram');
const { current, replace } = require('./replace.cjs');

function target(options) {
  if (options.path) return [`unix:${options.path}`, { path: String(options.path) }];
  const host = String(options.host ?? 'localhost');
  const port = Number(options.port);
  const shown = host.includes(':') ? `[${host}]` : host;
  return [`tcp://${shown}:${port}`, { host, port }];
}

/** The options that any form of `connect(...)` comes to. */
function normalised(args) {
  const [first, second] = args;
  // What `net.connect` passes on, already in this form.
  if (Array.isArray(first)) return first[0] ?? {};
  if (typeof first === 'object' && first !== null) return first;
  if (typeof first === 'string' && Number.isNaN(Number(first))) return { path: first };
  return { port: first, host: typeof second === 'string' ? second : undefined };
}

/** Where connections lead that were made outside of any monitor. */
const targets = new WeakMap();

/** Sending on a connection that nobody decided on within this monitor. */
function decideOnce(monitor, socket) {
  // Who serves answers; that it may listen was decided elsewhere.
  if (socket.server || monitor.connections.has(socket)) return;
  const { remoteAddress: host, remotePort: port } = socket;
  const leads = targets.get(socket) ?? (host === undefined ? undefined : target({ host, port }));
  // Such as the pipe to a child's standard input: starting the child was decided on.
  if (leads === undefined) return;
  const [resource, args] = leads;
  monitor.decideSync('network_request', resource, 'send', args);
  monitor.connections.add(socket);
}

function install() {
  replace(net.Socket.prototype, 'connect', (original) =>
    function (...args) {
      const monitor = current();
      const leads = target(normalised(args));
      targets.set(this, leads);
      if (monitor) {
        const [resource, shown] = leads;
        monitor.decideSync('network_request', resource, 'connect', shown);
        monitor.connections.add(this);
      }
      return Reflect.apply(original, this, args);
    });
  // Inherited from streams: defined here for sockets alone.
  for (const name of ['write', 'end']) {
    const original = net.Socket.prototype[name];
    net.Socket.prototype[name] = function (...args) {
      const monitor = current();
      if (monitor) decideOnce(monitor, this);
      return Reflect.apply(original, this, args);
    };
  }
  for (const name of ['send', 'connect']) {
    replace(dgram.Socket.prototype, name, (original) =>
      function (...args) {
        const monitor = current();
        if (monitor) {
          const numbers = args.filter((one) => typeof one === 'number');
          const texts = args.slice(1).filter((one) => typeof one === 'string');
          const port = numbers.at(-1);
          const host = texts.at(-1) ?? 'localhost';
          monitor.decideSync('network_request', `udp://${host}:${port}`, name, { host, port: Number(port ?? 0) });
        }
        return Reflect.apply(original, this, args);
      });
  }
}

module.exports = { install };
