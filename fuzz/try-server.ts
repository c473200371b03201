import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { status } from '@grpc/grpc-js';
import { stringify } from 'yaml';
import { readSnapshot } from '../src/xds/snapshot.ts';
import {
  connectExtension,
  type ExtensionConnection,
} from '../test/support/extension-connection.ts';
import { routeRequest } from '../test/support/policy-requests.ts';
import type { Corpus } from './corpus.ts';
import { makeCase } from './make-case.ts';
import { encodeField, splitMessage } from './message-fields.ts';
import { Random } from './random.ts';

/** How many calls, and whom to tell how far it is. */
export interface ServerPlan {
  readonly seed: string;
  readonly count: number;
  readonly say: (line: string) => void;
}

/** What became of the calls. */
export interface ServerResult {
  readonly problems: readonly string[];
  readonly summary: string;
}

const inFlight = 8;
const deadlineMs = 20_000;

/** Sends mutated requests to a real `offramp serve`: each must be answered, or refused as it should. */
export async function tryServer(corpus: Corpus, plan: ServerPlan): Promise<ServerResult> {
  const folder = mkdtempSync(join(tmpdir(), 'offramp-fuzz-'));
  const server = await startServer(corpus, folder);
  const connection = connectExtension(`unix:${join(folder, 'offramp.sock')}`);
  try {
    return await callAll(corpus, plan, server, connection);
  } finally {
    connection.close();
    server.child.kill();
    if (server.child.exitCode === null) await once(server.child, 'exit');
    rmSync(folder, { recursive: true, force: true });
  }
}

async function callAll(
  corpus: Corpus,
  { seed, count, say }: ServerPlan,
  server: RunningServer,
  connection: ExtensionConnection,
): Promise<ServerResult> {
  const problems: string[] = [];
  const ended = { answered: 0, refused: 0 };
  let next = 0;
  const keepCalling = async () => {
    while (next < count && server.child.exitCode === null) {
      const number = next++;
      if (next % 1_000 === 0) say(`${next} calls, ${problems.length} findings`);
      const call = makeCall(corpus, seed, number);
      const outcome = await tryCall(connection, call);
      if (outcome === 'answered' || outcome === 'refused') ended[outcome]++;
      else problems.push(`${seed}:${number} (${call.rpc}): ${outcome}`);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, keepCalling));
  if (server.child.exitCode !== null) {
    problems.push(`the server ended with ${server.child.exitCode}`);
  } else {
    const { status: code } = await fetch(`http://${server.http}/readyz`);
    if (code !== 200) problems.push(`/readyz answers ${code}`);
  }
  problems.push(...server.errors);
  const summary = `${next} calls: ${ended.answered} answered, ${ended.refused} refused as no message`;
  return { problems, summary };
}

interface Call {
  readonly rpc: string;
  readonly request: Uint8Array;
  readonly mustBeAnswered: boolean | undefined;
}

const routeType = '.envoy.config.route.v3.Route';

function makeCall(corpus: Corpus, seed: string, number: number): Call {
  const { request } = makeCase(corpus, seed, number);
  const random = new Random(`call ${seed}:${number}`);
  if (random.oneIn(20)) {
    const assignment = encodeField(1, 2, splitMessage(request)?.[0]?.value ?? request);
    return { rpc: 'PostEndpointsModify', request: assignment, mustBeAnswered: true };
  }
  if (random.oneIn(20)) {
    const route = random.pick(corpus.material.messages.get(routeType) ?? [new Uint8Array()]);
    const policy = request.subarray(random.below(request.length));
    return { rpc: 'PostRouteModify', request: routeRequest(route, [policy]), mustBeAnswered: true };
  }
  return { rpc: 'PostTranslateModify', request, mustBeAnswered: isMessage(request) };
}

function isMessage(request: Uint8Array): boolean {
  try {
    readSnapshot(request);
    return true;
  } catch {
    return false;
  }
}

/** answered, refused as no message, or what is wrong. */
async function tryCall(
  connection: ExtensionConnection,
  { rpc, request, mustBeAnswered }: Call,
): Promise<string> {
  const late = Symbol('late');
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<typeof late>((done) => {
    timer = setTimeout(() => done(late), deadlineMs);
  });
  try {
    const response = await Promise.race([connection.call(rpc, request), deadline]);
    if (response === late) return `no answer after ${deadlineMs / 1_000} s`;
    if (splitMessage(response) === undefined) return 'the answer is no message';
    return mustBeAnswered ? 'answered' : 'answered, although it is no message';
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === status.INVALID_ARGUMENT && !mustBeAnswered) return 'refused';
    return `failed: ${error}`;
  } finally {
    clearTimeout(timer);
  }
}

interface RunningServer {
  readonly child: ChildProcess;
  readonly http: string;
  /** Lines of its log that are errors. */
  readonly errors: readonly string[];
}

async function startServer({ rules }: Corpus, folder: string): Promise<RunningServer> {
  const connectors = rules.map((route, at) => ({
    name: `connector-${at}`,
    online: at % 2 === 0,
    tunnel: { host: 'localhost', port: 8080, endpointId: `node-${at}` },
    routes: [{ ...route, backend: at % 3 }],
  }));
  const distinct = new Map(
    connectors.map((one) => [JSON.stringify({ ...one.routes[0], backend: 0 }), one]),
  );
  writeFileSync(
    join(folder, 'connectors.yaml'),
    stringify({ connectors: [...distinct.values()] }, { aliasDuplicateObjects: false }),
  );
  const config = join(folder, 'offramp.yaml');
  const [vm] = rules;
  writeFileSync(
    config,
    stringify({
      grpc: { address: `unix:${join(folder, 'offramp.sock')}` },
      http: { address: '127.0.0.1:0' },
      log: { level: 'info' },
      controlPlaneFallback: {
        routes: [{ ...vm, kind: 'HTTPRoute', name: 'vm', rule: undefined }],
        controlPlane: { host: 'control.example.com', port: 443 },
      },
    }),
  );
  const child = spawn(process.execPath, [resolve('dist/main.js'), 'serve', '--config', config], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const errors: string[] = [];
  const http = await new Promise<string>((serving, failed) => {
    child.once('exit', (code) => failed(new Error(`offramp serve ended with ${code}`)));
    createInterface({ input: child.stdout }).on('line', (line) => {
      const { level, msg, code, http: address }: LogLine = JSON.parse(line);
      if (level >= errorLevel && code !== refused)
        errors.push(`an error in the log: ${line.slice(0, 1_000)}`);
      if (msg === 'serving') serving(String(address));
    });
  });
  return { child, http, errors };
}

const errorLevel = 50;
/** What a request that is no message is refused with; that it is refused in vain, its call shows. */
const refused = 'malformed-message';

interface LogLine {
  readonly level: number;
  readonly msg: string;
  readonly code?: string;
  readonly http?: string;
}
