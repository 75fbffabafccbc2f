/** How components reach the server. A key never belongs into a browser: route through your own. */
export interface Transport {
  /** Sent with every request, such as a token against forgery. */
  headers?: Record<string, string>;
  /** Default: the browser's. */
  fetch?: typeof fetch;
}

/** JSON of one request; rejects for any answer that is no success. */
export async function request(
  url: string,
  init: RequestInit,
  transport: Transport,
): Promise<unknown> {
  const ask = transport.fetch ?? fetch;
  const response = await ask(url, {
    ...init,
    headers: { accept: 'application/json', ...transport.headers, ...(init.headers as Record<string, string>) },
    credentials: 'same-origin',
  });
  if (!response.ok) throw new Error(`the server answered ${response.status}`);
  return response.json();
}
