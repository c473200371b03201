import { randomUUID } from 'node:crypto';
import http from 'node:http';
import { recommendedExtensionManager } from '../../test/e2e/support/extension-manager.ts';
import { ask, eventsOf, type Question } from '../../test/e2e/support/fallback-kernel/ask.ts';
import { freePort } from '../../test/e2e/support/free-ports.ts';
import { startGateway } from '../../test/e2e/support/gateway.ts';
import { startOfframpProcess } from '../../test/e2e/support/offramp.ts';
import { startHttpUpstream, type Upstream } from '../../test/e2e/support/upstreams.ts';
import { median } from '../measure.ts';
import { type GatewayName, resourcesOf } from './resources.ts';

/** One kind of request, with the fallback and without it. */
export interface Row {
  readonly request: string;
  /** Medians of single requests, in microseconds. */
  readonly without: number;
  readonly fallback: number;
  /** The medians’ ratio. */
  readonly ratio: number;
  /** Of the ratios of single rounds, the quarter’s and the three quarters’. */
  readonly quartiles: readonly [number, number];
}

interface Kind {
  readonly request: string;
  readonly status: number;
  readonly ask: () => Question;
}

const blockSize = 100;

const kinds: readonly Kind[] = [
  {
    request: 'opted-in GET that does not fall back',
    status: 200,
    ask: () => ({ path: eventsOf('live') }),
  },
  {
    request: 'the same, answered 404 with another code',
    status: 404,
    ask: () => ({ path: eventsOf('lost') }),
  },
  {
    request: 'other request of that route',
    status: 200,
    ask: () => ({ path: '/browsers/live/process', method: 'POST' }),
  },
  { request: 'request elsewhere', status: 200, ask: () => ({ path: '/elsewhere' }) },
];

/** Measures two Gateways of one Envoy Gateway, each with an Envoy of its own, in turns. */
export async function compareGateways(rounds: number): Promise<readonly Row[]> {
  const vm = await startHttpUpstream('vm', ({ url = '' }, response) => {
    const code = /^\/browsers\/(lost|gone)/.exec(url)?.[1];
    if (code === undefined) return void response.end('vm');
    const body = JSON.stringify({ code: `browser_${code}`, message: 'x'.repeat(200) });
    response.writeHead(404, { 'content-type': 'application/json' }).end(body);
  });
  const api = await startHttpUpstream('api');
  try {
    return await withGateways({ vm, api }, (ports) => measureKinds(ports, rounds));
  } finally {
    await vm.stop();
    await api.stop();
  }
}

type Ports = Readonly<Record<GatewayName, number>>;

async function withGateways<Result>(
  { vm, api }: { readonly vm: Upstream; readonly api: Upstream },
  work: (ports: Ports) => Promise<Result>,
): Promise<Result> {
  const ports = { without: await freePort(), fallback: await freePort() };
  const routes = [{ name: 'fallback-vm' }];
  const controlPlane = { cluster: 'httproute/default/fallback-api/rule/0' };
  const offramp = await startOfframpProcess(
    {},
    { controlPlaneFallback: { routes, controlPlane, rememberFor: '1s' } },
  );
  const address = { host: '127.0.0.1', port: offramp.port };
  try {
    const gateway = await startGateway({
      resources: resourcesOf(ports, { vm: vm.port, api: api.port }),
      extensionManager: recommendedExtensionManager(address),
    });
    try {
      await expectOnlyOneWithFallback(gateway.configDump);
      return await work(ports);
    } finally {
      await gateway.stop();
    }
  } finally {
    await offramp.stop();
  }
}

/** A Gateway without opted-in routes has nothing of ours: it is the one without Offramp. */
async function expectOnlyOneWithFallback(
  configDump: (gateway: string) => Promise<unknown>,
): Promise<void> {
  for (const name of ['without', 'fallback'] as const) {
    const has = JSON.stringify(await configDump(`default/${name}`)).includes('offramp.confirm');
    if (has !== (name === 'fallback')) throw new Error(`Gateway ${name} is not what it should be`);
  }
}

async function measureKinds(ports: Ports, rounds: number): Promise<readonly Row[]> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const times = kinds.map(() => ({ without: [], fallback: [] }) as BlockTimes);
  try {
    for (let round = -1; round < rounds; round++) {
      for (const [index, kind] of kinds.entries()) {
        // Who is first changes, so that neither always finds the caches warm.
        const order: readonly GatewayName[] =
          round % 2 === 0 ? ['without', 'fallback'] : ['fallback', 'without'];
        for (const name of order) {
          const block = await measureBlock(ports[name], kind, agent);
          if (round >= 0) times[index]?.[name].push(block); // the first round warms up
        }
      }
    }
    await expectFallback(ports.fallback);
  } finally {
    agent.destroy();
  }
  return kinds.flatMap(({ request }, index) => {
    const measured = times[index];
    return measured === undefined ? [] : [rowOf(request, measured)];
  });
}

type BlockTimes = Readonly<Record<GatewayName, (readonly number[])[]>>;

async function measureBlock(port: number, kind: Kind, agent: http.Agent): Promise<number[]> {
  const times: number[] = [];
  for (let count = 0; count < blockSize; count++) {
    const question = { ...kind.ask(), headers: { host: 'bench.test' }, agent };
    const started = performance.now();
    const { status } = await ask(port, question);
    times.push((performance.now() - started) * 1_000);
    if (status !== kind.status) throw new Error(`${kind.request}: ${status}`);
  }
  return times;
}

/** What was measured does what it is for. */
async function expectFallback(port: number): Promise<void> {
  const { body } = await ask(port, { path: eventsOf(`gone-${randomUUID()}`) });
  if (body !== 'api\n') throw new Error(`the gateway with the fallback answers ${body}`);
}

function rowOf(request: string, { without, fallback }: BlockTimes): Row {
  const before = median(without.flat());
  const after = median(fallback.flat());
  const ratios = fallback.map((block, round) => median(block) / median(without[round] ?? []));
  const sorted = ratios.sort((one, other) => one - other);
  const at = (share: number) => sorted[Math.floor((sorted.length - 1) * share)] ?? Number.NaN;
  const quartiles = [at(0.25), at(0.75)] as const;
  return { request, without: before, fallback: after, ratio: after / before, quartiles };
}
