import dgram from 'node:dgram';
import { once } from 'node:events';
import net from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  complementOf,
  startHttpsUpstream,
  startTcpUpstream,
  startUdpUpstream,
} from './support/byte-upstreams.ts';
import { type Certificate, makeCertificate } from './support/certificate.ts';
import { connectOverHttp2, readBytes } from './support/connect-stream.ts';
import { differingPlaces } from './support/dump-differences.ts';
import { backendYaml } from './support/example-resources.ts';
import { recommendedExtensionManager } from './support/extension-manager.ts';
import { freePort } from './support/free-ports.ts';
import { type RunningGateway, startGateway } from './support/gateway.ts';
import { PROTOCOL_HEADER, startHttp3Client } from './support/http3-client.ts';
import type { Listening } from './support/listen.ts';
import { type OfframpProcess, startOfframpProcess } from './support/offramp.ts';
import { reportedPlaces } from './support/reported-places.ts';
import { sendRequest } from './support/send-request.ts';
import { startHttpUpstream, type Upstream } from './support/upstreams.ts';

const host = 'app.example.com';

describe('an offline connector behind a Gateway with listeners of every protocol', () => {
  const ports = { http: 0, https: 0, tcp: 0, passthrough: 0, udp: 0 };
  let certificate: Certificate;
  let passedThrough: Certificate;
  let berlin: Upstream;
  let healthy: Upstream;
  const others: Listening[] = [];
  let http3: Listening;
  let offramp: OfframpProcess;
  let gateway: RunningGateway;
  let plainDump: unknown;

  beforeAll(async () => {
    certificate = await makeCertificate(host);
    passedThrough = await makeCertificate('passthrough.example.com');
    berlin = await startHttpUpstream('berlin');
    healthy = await startHttpUpstream('healthy');
    const tcp = await startTcpUpstream('tcp');
    const passthrough = await startHttpsUpstream('passthrough', passedThrough);
    const udp = await startUdpUpstream('udp');
    others.push(tcp, passthrough, udp);
    ports.http = await freePort();
    ports.https = await freePort();
    ports.tcp = await freePort();
    ports.passthrough = await freePort();
    ports.udp = await freePort();
    const resources = [
      gatewayYaml(ports),
      certificateYaml(certificate),
      ...Object.entries({ berlin, healthy, tcp, passthrough, udp }).map(([name, { port }]) =>
        backendYaml(name, port),
      ),
      routesYaml,
    ].join('---\n');
    plainDump = await dumpWithoutOfframp(resources);
    offramp = await startOfframpProcess({
      connectors: [
        { name: 'berlin', online: false, routes: [{ kind: 'HTTPRoute', name: 'app', rule: 0 }] },
      ],
    });
    gateway = await startGateway({
      resources,
      extensionManager: recommendedExtensionManager({ host: '127.0.0.1', port: offramp.port }),
    });
    const target = { port: ports.https, serverName: host, ca: certificate.cert };
    http3 = await startHttp3Client(target);
  });

  afterAll(async () => {
    await http3?.stop();
    await gateway?.stop();
    await offramp?.stop();
    for (const one of [berlin, healthy, ...others]) await one?.stop();
  });

  describe.each(['http', 'https'] as const)('over %s', (listener) => {
    const target = () => ({
      port: ports[listener],
      host,
      ...(listener === 'https' ? { ca: certificate.cert } : {}),
    });

    it('is answered, and its sibling path is not', async () => {
      const answered = await sendRequest(target());
      expect(answered).toMatchObject({ status: 503, body: 'Tunnel not online' });
      const sibling = await sendRequest({ ...target(), path: '/health' });
      expect(sibling).toMatchObject({ status: 200, body: 'healthy\n' });
    });

    it('is answered to CONNECT, too', async () => {
      const overHttp1 = await sendRequest({ ...target(), method: 'CONNECT' });
      expect(overHttp1).toMatchObject({ status: 503, body: 'Tunnel not online' });
      const overHttp2 = await connectOverHttp2(target());
      expect(overHttp2).toEqual({ status: 503, body: 'Tunnel not online' });
    });
  });

  it('is answered over HTTP/3, CONNECT included, and its sibling path is not', async () => {
    const send = async (request: { path?: string; method?: string }) => {
      const { status, body, headers } = await sendRequest({ port: http3.port, host, ...request });
      return { status, body, protocol: headers[PROTOCOL_HEADER] };
    };
    const offline = { status: 503, body: 'Tunnel not online', protocol: 'HTTP/3' };
    expect(await send({})).toEqual(offline);
    expect(await send({ method: 'CONNECT' })).toEqual(offline);
    const sibling = { status: 200, body: 'healthy\n', protocol: 'HTTP/3' };
    expect(await send({ path: '/health' })).toEqual(sibling);
  });

  it('is answered with the offer of HTTP/3 that its route makes without Offramp', async () => {
    const { headers } = await sendRequest({ port: ports.https, host, ca: certificate.cert });
    expect(headers['alt-svc']).toContain(`h3=":${ports.https}"`);
  });

  it('does not concern TCP', async () => {
    const socket = net.connect(ports.tcp, '127.0.0.1');
    socket.write('ping');
    const received = await readBytes(socket, 8);
    socket.destroy();
    expect(received).toEqual(
      Buffer.concat([Buffer.from('tcp\n'), complementOf(Buffer.from('ping'))]),
    );
  });

  it('does not concern TLS that is passed through', async () => {
    const target = { port: ports.passthrough, host: 'passthrough.example.com' };
    const response = await sendRequest({ ...target, ca: passedThrough.cert });
    expect(response).toMatchObject({ status: 200, body: 'passthrough\n' });
  });

  it('does not concern UDP', async () => {
    const socket = dgram.createSocket('udp4');
    socket.send('ping', ports.udp, '127.0.0.1');
    const [answer] = await once(socket, 'message', { signal: AbortSignal.timeout(10_000) });
    socket.close();
    expect(String(answer)).toBe('udp: ping');
  });

  it('changes its own routes, and lets CONNECT through to them on TCP and QUIC alike', async () => {
    const dump = await gateway.configDump();
    const changed = differingPlaces(plainDump, dump);
    const route = 'httproute/default/app/rule/0/match/0/app_example_com';
    const expected = ['http', 'https'].flatMap((name) => {
      const listener = `default/eg/${name}`;
      const inHost = `routes ${listener} > ${listener}/app_example_com >`;
      return [
        `${inHost} connector-offline-default-eg-${name}-app-example-com`,
        `${inHost} ${route}`,
        `${inHost} ${route}/offline-websocket`,
        `listeners ${listener}`,
      ];
    });
    expect(changed).toEqual([...expected, 'listeners default/eg/https-quic'].toSorted());
    expect(changed).toEqual(reportedPlaces(offramp));
    const otherwise = differingPlaces(plainDump, withoutConnectUpgrade(dump));
    expect(otherwise.filter((place) => place.startsWith('listeners'))).toEqual([]);
    expect(berlin.connectionCount()).toBe(0);
  });

  async function dumpWithoutOfframp(resources: string): Promise<unknown> {
    const alone = await startGateway({ resources });
    try {
      const response = await sendRequest({ port: ports.https, host, ca: certificate.cert });
      expect(response).toMatchObject({ status: 200, body: 'berlin\n' });
      return await alone.configDump();
    } finally {
      await alone.stop();
      berlin.reset();
    }
  }
});

/** The same dump without the one thing that Offramp adds to connection managers. */
function withoutConnectUpgrade(dump: unknown): unknown {
  const allowed = JSON.stringify([{ upgrade_type: 'CONNECT' }]);
  return JSON.parse(JSON.stringify(dump), (key, value: unknown) =>
    key === 'upgrade_configs' && JSON.stringify(value) === allowed ? undefined : value,
  );
}

function gatewayYaml(ports: Readonly<Record<string, number>>): string {
  return `apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: { name: eg }
spec: { controllerName: gateway.envoyproxy.io/gatewayclass-controller }
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: eg, namespace: default }
spec:
  gatewayClassName: eg
  listeners:
    - { name: http, protocol: HTTP, port: ${ports.http} }
    - name: https
      protocol: HTTPS
      port: ${ports.https}
      tls: { mode: Terminate, certificateRefs: [{ name: app }] }
    - { name: tcp, protocol: TCP, port: ${ports.tcp} }
    - { name: passthrough, protocol: TLS, port: ${ports.passthrough}, tls: { mode: Passthrough } }
    - { name: udp, protocol: UDP, port: ${ports.udp} }
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: ClientTrafficPolicy
metadata: { name: http3, namespace: default }
spec:
  targetRefs:
    - { group: gateway.networking.k8s.io, kind: Gateway, name: eg, sectionName: https }
  http3: {}
`;
}

function certificateYaml({ cert, key }: Certificate): string {
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  return `apiVersion: v1
kind: Secret
metadata: { name: app, namespace: default }
type: kubernetes.io/tls
data: { tls.crt: ${base64(cert)}, tls.key: ${base64(key)} }
`;
}

const backend = (name: string) => `{ group: gateway.envoyproxy.io, kind: Backend, name: ${name} }`;

const routesYaml = `apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: app, namespace: default }
spec:
  parentRefs: [{ name: eg, sectionName: http }, { name: eg, sectionName: https }]
  hostnames: [${host}]
  rules:
    - backendRefs: [${backend('berlin')}]
    - matches: [{ path: { type: PathPrefix, value: /health } }]
      backendRefs: [${backend('healthy')}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: TCPRoute
metadata: { name: app, namespace: default }
spec:
  parentRefs: [{ name: eg, sectionName: tcp }]
  rules: [{ backendRefs: [${backend('tcp')}] }]
---
apiVersion: gateway.networking.k8s.io/v1
kind: TLSRoute
metadata: { name: app, namespace: default }
spec:
  parentRefs: [{ name: eg, sectionName: passthrough }]
  hostnames: [passthrough.example.com]
  rules: [{ backendRefs: [${backend('passthrough')}] }]
---
apiVersion: gateway.networking.k8s.io/v1
kind: UDPRoute
metadata: { name: app, namespace: default }
spec:
  parentRefs: [{ name: eg, sectionName: udp }]
  rules: [{ backendRefs: [${backend('udp')}] }]
`;
