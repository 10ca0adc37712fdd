/** A network between a client and a server that can be told to fail. */

import { once } from 'node:events';
import net from 'node:net';

export interface FaultyNetwork {
  /** Where the server is, seen through it. */
  readonly port: number;
  /** What happens once so many bytes have been sent to the server from now on; nothing any more without. */
  failAfter(bytes: number, how: 'reset' | 'stall'): void;
  heal(): void;
  /** How many connections were made through it. */
  readonly connections: number;
  stop(): Promise<void>;
}

export async function startFaultyNetwork(serverPort: number): Promise<FaultyNetwork> {
  let left = Infinity;
  let failure: 'reset' | 'stall' = 'reset';
  let connections = 0;
  const sockets = new Set<net.Socket>();
  const proxy = net
    .createServer((client) => {
      connections += 1;
      const server = net.connect(serverPort, '127.0.0.1');
      let isStalled = false;
      const end = (): void => {
        if (isStalled) return;
        client.resetAndDestroy();
        server.resetAndDestroy();
      };
      for (const socket of [client, server]) {
        sockets.add(socket);
        socket.on('error', () => {});
        socket.on('close', () => {
          sockets.delete(socket);
          end();
        });
      }
      client.on('data', (data) => {
        left -= data.length;
        if (left > 0) {
          if (!isStalled) server.write(data);
        } else if (failure === 'reset') end();
        else isStalled = true;
      });
      server.on('data', (data) => {
        if (!isStalled) client.write(data);
      });
    })
    .listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  return {
    port: (proxy.address() as net.AddressInfo).port,
    failAfter: (bytes, how) => {
      left = bytes;
      failure = how;
    },
    heal: () => {
      left = Infinity;
    },
    get connections() {
      return connections;
    },
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      proxy.close();
      await once(proxy, 'close');
    },
  };
}
