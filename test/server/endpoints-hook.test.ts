import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ChannelCredentials } from '@grpc/grpc-js';
import fc from 'fast-check';
import { expect, it, onTestFinished } from 'vitest';
import { assignmentOf, endpointsRequest } from '../support/assignments.ts';
import { makeAuthority } from '../support/authority.ts';
import { connectExtension, serverName, tlsCredentials } from '../support/extension-connection.ts';
import { startTestServer, type TestServer } from '../support/running-server.ts';
import { decodeSnapshot, encodeRequest, requestFromResponse } from '../support/xds.ts';

const byHook = { emptyBackends: { endpoints: 'hook' } };
const prod = 'httproute/default/shop/rule/0/backend/0';
const canary = 'httproute/default/shop/rule/0/backend/1';
const inService = 0;
const draining = 3;
const snapshot = encodeRequest({
  clusters: [prod, canary].map((name) => ({ name, type: 3 })),
  routes: [
    {
      name: 'default/eg/http',
      virtual_hosts: [
        {
          name: 'default/eg/http/shop_example_com',
          domains: ['shop.example.com'],
          routes: [
            {
              name: 'httproute/default/shop/rule/0/match/0/shop_example_com',
              match: { prefix: '/' },
              route: {
                weighted_clusters: {
                  clusters: [
                    { name: prod, weight: { value: 90 } },
                    { name: canary, weight: { value: 10 } },
                  ],
                },
              },
            },
          ],
        },
      ],
    },
  ],
});

type Gateway = ReturnType<typeof connect>;

function connect({ grpcAddress }: TestServer, shown?: ChannelCredentials) {
  const connection = connectExtension(grpcAddress, shown);
  onTestFinished(() => connection.close());
  return {
    say: (cluster: string, ...health: number[]) =>
      connection.call('PostEndpointsModify', endpointsRequest(assignmentOf(cluster, ...health))),
    /** Whether the canary is still in the split. */
    keepsCanary: async (request = snapshot) => {
      const answer = await connection.call('PostTranslateModify', request);
      const { routes } = decodeSnapshot(requestFromResponse(answer));
      return JSON.stringify(routes).includes(canary);
    },
  };
}

it('drops what Envoy Gateway said to be drained, over TCP and over a unix socket', async () => {
  const tcp = await startTestServer({}, byHook);
  const address = `unix:${join(tcp.folder, 'offramp.sock')}`;
  const unix = await startTestServer({}, { ...byHook, grpc: { address } });
  for (const server of [tcp, unix]) {
    const { say, keepsCanary } = connect(server);
    await say(prod, inService);
    await say(canary, draining);
    expect(await keepsCanary()).toBe(false);
    await say(prod, inService);
    await say(canary, draining, inService);
    expect(await keepsCanary()).toBe(true);
  }
});

it('drops nothing, counts it and says what to configure when Envoy Gateway said nothing', async () => {
  const server = await startTestServer({}, byHook);
  expect(await connect(server).keepsCanary()).toBe(true);
  const { text } = await server.get('/metrics');
  expect(text).toContain('offramp_empty_backends_unresolved_total{reason="endpoints-unknown"} 1');
  const line = server.log.find(({ msg }) => msg === 'PostTranslateModify');
  expect(JSON.stringify(line)).toMatch(/endpoints-unknown: .*hooks\.xdsTranslator\.post/);
});

it('drops nothing when it was restarted in the middle of a translation', async () => {
  const { say, keepsCanary } = connect(await startTestServer({}, byHook));
  await say(canary, draining); // the first half went to the one before
  expect(await keepsCanary()).toBe(true);
});

it('does not take what was said for one snapshot for the next one', async () => {
  const { say, keepsCanary } = connect(await startTestServer({}, byHook));
  await say(prod, inService);
  await say(canary, draining);
  expect(await keepsCanary()).toBe(false);
  expect(await keepsCanary()).toBe(true);
});

it.each(['TCP', 'a unix socket'])(
  'keeps apart what Envoy Gateways say of clusters of the same name, over %s',
  async (way) => {
    const folder = makeFolder();
    const grpc = { address: `unix:${join(folder, 'offramp.sock')}` };
    const server = await startTestServer({}, way === 'TCP' ? byHook : { ...byHook, grpc });
    await expectKeptApart(connect(server), connect(server));
  },
);

it('keeps them apart over TLS on a unix socket', async () => {
  const folder = makeFolder();
  const authority = await makeAuthority('the authority');
  const { cert, key } = await authority.issue({ dns: [serverName] });
  const [certFile, keyFile] = [join(folder, 'tls.crt'), join(folder, 'tls.key')];
  writeFileSync(certFile, cert);
  writeFileSync(keyFile, key);
  const grpc = { address: `unix:${join(folder, 'offramp.sock')}`, tls: { certFile, keyFile } };
  const server = await startTestServer({}, { ...byHook, grpc });
  const shown = tlsCredentials(authority.cert);
  await expectKeptApart(connect(server, shown), connect(server, shown));
});

function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'offramp-test-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

async function expectKeptApart(one: Gateway, other: Gateway): Promise<void> {
  await one.say(prod, inService);
  await other.say(prod, inService);
  await one.say(canary, draining);
  await other.say(canary, inService);
  expect(await other.keepsCanary()).toBe(true);
  expect(await one.keepsCanary()).toBe(false);
}

it('remembers what was said until a call succeeds, since a failed one comes again', async () => {
  const { say, keepsCanary } = connect(await startTestServer({}, byHook));
  await say(prod, inService);
  await say(canary, draining);
  await expect(keepsCanary(snapshot.subarray(0, 100))).rejects.toMatchObject({ code: 3 });
  expect(await keepsCanary()).toBe(false);
});

it('changes nothing in shadow, and reports what it would', async () => {
  const server = await startTestServer({}, { ...byHook, mode: 'shadow' });
  const { say, keepsCanary } = connect(server);
  await say(prod, inService);
  await say(canary, draining);
  expect(await keepsCanary()).toBe(true);
  expect((await server.get('/metrics')).text).toContain('offramp_empty_backends_dropped_total 1');
});

it('does not listen with endpoints by slices', async () => {
  const { say, keepsCanary } = connect(await startTestServer({}));
  await say(prod, inService);
  await say(canary, draining);
  expect(await keepsCanary()).toBe(true);
});

it('answers each assignment byte for byte, without its context', async () => {
  const server = await startTestServer({}, byHook);
  const connection = connectExtension(server.grpcAddress);
  onTestFinished(() => connection.close());
  const context = Buffer.from([0x12, 0x00]);
  const assignment = endpointsRequest(assignmentOf(prod, inService, draining));
  const unknown = Buffer.from([0x0a, 0x04, 0x9a, 0x06, 0x01, 0x78]); // field 99: `x`
  const broken = Buffer.from([0x0a, 0x02, 0x0a, 0x7f]);
  for (const one of [assignment, unknown, broken, Buffer.concat([assignment, assignment])]) {
    const answer = await connection.call('PostEndpointsModify', Buffer.concat([one, context]));
    expect(Buffer.compare(answer, one)).toBe(0);
  }
});

it.each(['PostEndpointsModify', 'PostRouteModify'])(
  '%s never answers with an error, whatever comes',
  async (rpc) => {
    const server = await startTestServer({}, byHook);
    const connection = connectExtension(server.grpcAddress);
    onTestFinished(() => connection.close());
    expect(await connection.call(rpc, Buffer.alloc(0))).toEqual(Buffer.alloc(0));
    // A length that is longer than what is there: Envoy Gateway keeps its own resource.
    expect(await connection.call(rpc, Buffer.from([0x0a, 0x7f]))).toEqual(Buffer.alloc(0));
    const bytes = fc.uint8Array({ maxLength: 64 });
    await fc.assert(
      fc.asyncProperty(bytes, async (request) => {
        await connection.call(rpc, request);
      }),
    );
  },
);
