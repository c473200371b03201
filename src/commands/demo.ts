import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Client, credentials } from '@grpc/grpc-js';
import { stringify } from 'yaml';

import { OfframpError } from '../errors.ts';
import { type Difference, decodeDifferences } from '../explain/differences.ts';
import { extensionService } from '../server/extension-service.ts';
import { maxMessageBytes } from '../server/message-limit.ts';
import { protoFolder } from '../server/proto-folder.ts';
import { readSnapshot } from '../xds/snapshot.ts';
import { socketIn, startDemoServer } from './demo-server.ts';
import { type RunningOfframp, untilAskedToStop } from './serve.ts';

/** Options of `offramp demo`. */
interface DemoOptions {
  readonly once?: boolean;
  /** The demo on a real Envoy Gateway: not part of the published package. */
  readonly gateway?: boolean;
}

const needsCheckout = [
  'the demo on a real Envoy Gateway needs a checkout of Offramp. There, type:',
  '    npm ci && npm run demo -- --gateway',
];

/**
 * `offramp demo`: the real server on its defaults, called over gRPC with a hook request that a real
 * Envoy Gateway sent; prints what changed. Ends on SIGINT or SIGTERM, or at once with `once`.
 * Throws OfframpError for `gateway`.
 */
export async function demo({ once = false, gateway = false }: DemoOptions): Promise<void> {
  if (gateway) throw new OfframpError('unsuitable-input', needsCheckout);
  const examples = join(dirname(protoFolder()), 'examples');
  const folder = mkdtempSync(join(tmpdir(), 'offramp-demo-'));
  const stateFile = join(folder, 'connectors.yaml');
  writeFileSync(stateFile, readFileSync(join(examples, 'demo', 'connectors.yaml')));
  const logged: string[] = [];
  const asked = untilAskedToStop();
  const offramp = await startDemoServer(folder, logged);
  try {
    const request = readFileSync(join(examples, 'demo', 'post-translate-modify.binpb'));
    await show(offramp, request, logged);
    if (once) return;
    print(
      '',
      `Offramp stays up: hook on ${offramp.grpcAddress}, http://${offramp.httpAddress}/metrics`,
      `Flip a connector in ${stateFile}; Offramp notices by itself.`,
      'To attach Envoy Gateway, paste extensionManager from examples/envoy-gateway.yaml into its',
      'configuration, with the socket of this demo:',
      `    service: { unix: { path: ${socketIn(folder)} } }`,
      'Ctrl-C ends the demo.',
    );
    await asked;
  } finally {
    await offramp.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function show(offramp: RunningOfframp, request: Buffer, logged: string[]): Promise<void> {
  const before = await scrape(offramp);
  const response = await callHook(offramp.grpcAddress, request);
  const after = await scrape(offramp);
  print(
    'A real Envoy Gateway 1.9.0 sent this snapshot (recorded), Offramp answered over gRPC:',
    `${request.length} bytes came, ${response.length} bytes went back.`,
  );
  for (const difference of decodeDifferences(readSnapshot(request), response)) {
    print('', ...describe(difference));
  }
  print('', 'Metrics that moved:', ...moved(before, after).map((line) => `  ${line}`));
  const line = logged.find((one) => one.includes('"PostTranslateModify"')) ?? '';
  print('', 'Log line:', `  ${line.trim()}`);
}

function callHook(address: string, request: Buffer): Promise<Buffer> {
  const client = new Client(address, credentials.createInsecure(), {
    'grpc.max_receive_message_length': maxMessageBytes,
  });
  const rpc = extensionService.PostTranslateModify;
  if (rpc === undefined) throw new Error('PostTranslateModify is not part of the service');
  return new Promise<Buffer>((resolve, reject) => {
    const asIs = (bytes: Buffer) => bytes;
    client.makeUnaryRequest(rpc.path, asIs, asIs, request, (error, response) => {
      client.close();
      if (error !== null) reject(error);
      else resolve(response ?? Buffer.alloc(0));
    });
  });
}

function describe({ kind, name, virtualHost, route, before, after }: Difference): string[] {
  const what = { clusters: 'cluster', secrets: 'secret', listeners: 'listener', routes: 'routes' };
  const host = virtualHost === undefined ? '' : ` > ${virtualHost}`;
  const title = `${what[kind]} ${name}${host}${route === undefined ? '' : ` > ${route}`}`;
  if (before === undefined) return [title, '  + new', ...prefixed('  + ', after)];
  const [was, is] = differingParts(before, after);
  return [title, ...prefixed('  - ', was), ...prefixed('  + ', is)];
}

function prefixed(prefix: string, value: unknown): string[] {
  if (value === undefined) return [];
  return stringify(value)
    .trimEnd()
    .split('\n')
    .map((line) => prefix + line);
}

/** Both values without what they have in common, so that a page of listener becomes two lines. */
function differingParts(before: unknown, after: unknown): [unknown, unknown] {
  if (JSON.stringify(before) === JSON.stringify(after)) return [undefined, undefined];
  if (Array.isArray(before) && Array.isArray(after)) return differingItems(before, after);
  if (!isObject(before) || !isObject(after)) return [before, after];
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  const parts = keys.map((key) => [key, ...differingParts(before[key], after[key])] as const);
  return [
    objectOf(parts.map(([key, was]) => [key, was])),
    objectOf(parts.map(([key, , is]) => [key, is])),
  ];
}

function differingItems(before: readonly unknown[], after: readonly unknown[]): [unknown, unknown] {
  const without = (items: readonly unknown[], others: readonly unknown[]) => {
    const known = new Set(others.map((item) => JSON.stringify(item)));
    return items.filter((item) => !known.has(JSON.stringify(item)));
  };
  const [was, is] = [without(before, after), without(after, before)];
  const listOf = (items: readonly unknown[]) => (items.length === 0 ? undefined : items);
  if (was.length !== is.length) return [listOf(was), listOf(is)];
  const parts = was.map((item, at) => differingParts(item, is[at]));
  const side = (at: 0 | 1) =>
    listOf(parts.map((part) => part[at]).filter((part) => part !== undefined));
  return [side(0), side(1)];
}

function objectOf(entries: (readonly [string, unknown])[]): unknown {
  const present = entries.filter(([, value]) => value !== undefined);
  return present.length === 0 ? undefined : Object.fromEntries(present);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

async function scrape(offramp: RunningOfframp): Promise<Map<string, string>> {
  const answer = await fetch(`http://${offramp.httpAddress}/metrics`);
  const samples = (await answer.text())
    .split('\n')
    .filter((line) => /^offramp_.*_total/.test(line));
  return new Map(
    samples.map((line) => {
      const space = line.lastIndexOf(' ');
      return [line.slice(0, space), line.slice(space + 1)];
    }),
  );
}

function moved(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): string[] {
  return [...after]
    .filter(([name, value]) => (before.get(name) ?? '0') !== value)
    .map(([name, value]) => `${name}  ${before.get(name) ?? '0'} -> ${value}`);
}

function print(...lines: string[]): void {
  process.stdout.write(`${lines.join('\n')}\n`);
}
