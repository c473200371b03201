import http from 'node:http';
import http2 from 'node:http2';

/** The percentage of the answers by who gave them: an upstream's name, else the status. */
export type Shares = Readonly<Record<string, number>>;

/** What is asked, through Envoy at a port of the loopback interface. */
export interface MeasuredHost {
  readonly port: number;
  readonly host: string;
  readonly kind: 'HTTPRoute' | 'GRPCRoute';
  /** Requests to send. */
  readonly count: number;
}

/** Asks one host over kept connections. Gives the answering upstream's name, else the status. */
interface KeptConnections {
  ask(): Promise<string>;
  close(): void;
}

const AT_ONCE = 24;
const GRPC_CALL = { ':method': 'POST', ':path': '/chat.Chat/Say', te: 'trailers' };

/** Sends the requests, many at once over kept connections, and counts who answered. */
export async function measureShares({ port, host, kind, count }: MeasuredHost): Promise<Shares> {
  const connections = keepConnections(kind, port, host);
  const answers = new Map<string, number>();
  let left = count;
  const work = async (): Promise<void> => {
    while (left-- > 0) {
      const who = await connections.ask();
      answers.set(who, (answers.get(who) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  connections.close();
  return inPercent(answers, count);
}

/** Requests that go on, and who answered them. */
export interface SteadyLoad {
  /** Who has answered since this was last asked. */
  answers(): ReadonlyMap<string, number>;
  stop(): Promise<void>;
}

/** Asks a route's host, eight at once over kept connections, as fast as it answers. */
export function startSteadyLoad({ port, host, kind }: Omit<MeasuredHost, 'count'>): SteadyLoad {
  const connections = keepConnections(kind, port, host);
  let running = true;
  let answers = new Map<string, number>();
  const work = async (): Promise<void> => {
    while (running) {
      const who = await connections.ask().catch(String);
      answers.set(who, (answers.get(who) ?? 0) + 1);
    }
  };
  const workers = Array.from({ length: 8 }, work);
  return {
    answers: () => {
      const since = answers;
      answers = new Map();
      return since;
    },
    stop: async () => {
      running = false;
      await Promise.all(workers);
      connections.close();
    },
  };
}

/** The share of each of these answers. */
export function sharesOf(answers: ReadonlyMap<string, number>): Shares {
  return inPercent(
    answers,
    [...answers.values()].reduce((sum, n) => sum + n, 0),
  );
}

function inPercent(answers: ReadonlyMap<string, number>, count: number): Shares {
  const shares = [...answers].map(([who, n]): [string, number] => [who, (100 * n) / count]);
  return Object.fromEntries(shares.sort(([, one], [, other]) => other - one));
}

/** `60.1 % good, 39.9 % 503` */
export function describeShares(shares: Shares): string {
  return Object.entries(shares)
    .map(([who, share]) => `${share.toFixed(1)} % ${who}`)
    .join(', ');
}

/** Whether each share is within so many points of the one that is expected, and no other is there. */
export function isWithin(points: number, shares: Shares, expected: Shares): boolean {
  const everybody = new Set([...Object.keys(shares), ...Object.keys(expected)]);
  return [...everybody].every((who) => {
    const isDue = expected[who] !== undefined;
    return isDue && Math.abs((shares[who] ?? 0) - (expected[who] ?? 0)) <= points;
  });
}

function keepConnections(kind: MeasuredHost['kind'], port: number, host: string): KeptConnections {
  return kind === 'GRPCRoute' ? keepGrpc(port, host) : keepHttp(port, host);
}

/** HTTP/1.1; the status is the one of the response. */
function keepHttp(port: number, host: string): KeptConnections {
  const agent = new http.Agent({ keepAlive: true, maxSockets: AT_ONCE });
  return {
    ask: () =>
      new Promise((resolve, reject) => {
        const request = http.get({ port, host: '127.0.0.1', headers: { host }, agent });
        request.on('error', reject);
        request.on('response', (response) => {
          response.resume();
          response.on('error', reject);
          response.on('end', () =>
            resolve(String(response.headers['x-upstream'] ?? response.statusCode)),
          );
        });
      }),
    close: () => agent.destroy(),
  };
}

/** gRPC on one connection; the status is gRPC's. */
function keepGrpc(port: number, host: string): KeptConnections {
  const session = http2.connect(`http://127.0.0.1:${port}`);
  const headers = { ...GRPC_CALL, ':authority': host, 'content-type': 'application/grpc' };
  return {
    ask: () =>
      new Promise((resolve, reject) => {
        const stream = session.request(headers);
        let who = '';
        stream.on('response', (response) => {
          who = String(response['x-upstream'] ?? `gRPC ${response['grpc-status']}`);
        });
        stream.on('error', reject);
        stream.on('end', () => resolve(who));
        stream.resume();
        stream.end(Buffer.alloc(5));
      }),
    close: () => session.close(),
  };
}
