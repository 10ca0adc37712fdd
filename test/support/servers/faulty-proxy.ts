/** What lies between a store and those who use it, and fails as networks do. */

import http from 'node:http';
import { type AddressInfo } from 'node:net';

export interface SeenRequest {
  readonly method: string;
  /** With its query. */
  readonly url: string;
  readonly authorization: string | undefined;
}

/** What happens to a request, or to its answer. */
export type Fault =
  /** An answer of the proxy's own; the store hears nothing. */
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly code?: string;
      readonly headers?: http.OutgoingHttpHeaders;
    }
  /** As of something else than a store: a page, or what is not even HTTP. */
  | { readonly kind: 'page'; readonly text: string }
  | { readonly kind: 'garbage' }
  /** The connection is reset once so many bytes of the request have come; the store hears nothing. */
  | { readonly kind: 'reset'; readonly afterBytes: number }
  /** Nothing comes back. */
  | { readonly kind: 'stall' }
  /** The store does what it is asked for, and so many bytes of its answer come back: then the connection is reset, or silent. */
  | { readonly kind: 'cut' | 'hang'; readonly afterBytes: number }
  /** As `cut`, without a single byte. */
  | { readonly kind: 'lose' }
  /** Answers have another entity tag, as those of stores that encrypt. */
  | { readonly kind: 'retag' };

export interface FaultyProxy {
  readonly url: string;
  /** What came, in order. */
  readonly requests: SeenRequest[];
  /** Decides on each request. */
  faultOf: (request: SeenRequest) => Fault | undefined;
  close(): void;
}

/** @param target the URL of the server behind it; without, everything has to be answered by faults */
export async function faultyProxy(target?: string): Promise<FaultyProxy> {
  const agent = new http.Agent({ keepAlive: true });
  const server = http.createServer((request, response) => {
    const { method, url, headers } = request;
    const seen = { method: method!, url: url!, authorization: headers.authorization };
    proxy.requests.push(seen);
    const fault = proxy.faultOf(seen);
    const { socket } = request;
    switch (fault?.kind) {
      case 'answer':
        request.resume().on('end', () => {
          const { status, code, headers } = fault;
          response
            .writeHead(status, headers)
            .end(code && `<Error><Code>${code}</Code><Message>as told</Message></Error>`);
        });
        return;
      case 'reset': {
        let came = 0;
        if (fault.afterBytes === 0) socket.resetAndDestroy();
        request.on('data', (bytes: Buffer) => {
          came += bytes.length;
          if (came >= fault.afterBytes) socket.resetAndDestroy();
        });
        return;
      }
      case 'page':
        request.resume().on('end', () => response.end(fault.text));
        return;
      case 'garbage':
        socket.end('220 mail.example.com ESMTP\r\n');
        return;
      case 'stall':
        request.resume();
        return;
      default:
        forward(request, response, new URL(target!), agent, fault);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const proxy: FaultyProxy = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests: [],
    faultOf: () => undefined,
    close() {
      server.close();
      server.closeAllConnections();
      agent.destroy();
    },
  };
  return proxy;
}

/** The bodies of answers come whole before any of it goes on: what is cut is cut where it is meant to be. */
function forward(
  request: http.IncomingMessage,
  response: http.ServerResponse,
  target: URL,
  agent: http.Agent,
  fault: Fault | undefined,
): void {
  const { method, url, headers, socket } = request;
  const options = { host: target.hostname, port: target.port, method, path: url, headers, agent };
  let isAnswered = false;
  const onward = http.request(options, (answer) => {
    isAnswered = true;
    const pieces: Buffer[] = [];
    answer.on('data', (piece: Buffer) => pieces.push(piece));
    answer.on('end', () => {
      if (fault?.kind === 'lose') {
        socket.resetAndDestroy();
        return;
      }
      const body = Buffer.concat(pieces);
      if (fault?.kind === 'retag') {
        retag(answer, body, response);
        return;
      }
      response.writeHead(answer.statusCode!, answer.headers);
      if (fault?.kind === 'cut') response.write(body.subarray(0, fault.afterBytes), () => socket.resetAndDestroy());
      else if (fault?.kind === 'hang') response.write(body.subarray(0, fault.afterBytes));
      else response.end(body);
    });
  });
  // Swift sends the end of a body after heads that have none.
  onward.on('error', () => {
    if (!isAnswered) socket.destroy();
  });
  request.pipe(onward);
}

function retag(answer: http.IncomingMessage, body: Buffer, response: http.ServerResponse): void {
  const { 'content-length': length, ...headers } = answer.headers;
  const text = body.toString().replace(/<ETag>.*<\/ETag>/, '<ETag>encrypted</ETag>');
  response.writeHead(answer.statusCode!, {
    ...headers,
    etag: '"encrypted"',
    'content-length': body.length === 0 ? length : Buffer.byteLength(text),
  });
  response.end(text);
}

/** A fault for the first requests that are of a kind, and none for those after it. */
export function once(fault: Fault, isMeant: (request: SeenRequest) => boolean, times = 1): FaultyProxy['faultOf'] {
  let left = times;
  return (request) => (isMeant(request) && left-- > 0 ? fault : undefined);
}
