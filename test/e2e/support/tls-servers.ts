import http2 from 'node:http2';
import type { Certificate } from './certificate.ts';
import { GONE, type RecordingServer, type WholeRequest } from './fallback-kernel/servers.ts';
import { listenOnLoopback } from './listen.ts';

/** A request, and the TLS connection on which it came. */
export interface TlsRequest extends WholeRequest {
  readonly authority: string;
  readonly httpVersion: string;
  /** The server name that was asked for. */
  readonly sni: string;
  /** The name in the verified client certificate; undefined without one. */
  readonly client: string | undefined;
}

/** A server that is reached over TLS only. */
export interface TlsServer extends RecordingServer {
  take(): TlsRequest[];
}

/** How a server is reached. */
export interface TlsServerOptions {
  readonly name: string;
  readonly certificate: Certificate;
  /** Demands a certificate of this CA of each client. */
  readonly clientCa?: Certificate | undefined;
}

/** Starts a server of HTTP/2 and HTTP/1.1 that answers its name, or `gone` to an `x-case` that says so. */
export async function startTlsServer(options: TlsServerOptions): Promise<TlsServer> {
  const { name, certificate, clientCa } = options;
  const demand = clientCa === undefined ? {} : { ca: clientCa.cert, requestCert: true };
  const server = http2.createSecureServer({ ...certificate, ...demand, allowHTTP1: true });
  const connections = new Map<number, Pick<TlsRequest, 'sni' | 'client'>>();
  server.on('secureConnection', (socket) => {
    const client = socket.authorized ? socket.getPeerCertificate().subject.CN : undefined;
    connections.set(socket.remotePort ?? 0, { sni: String(socket.servername), client });
  });
  const seen: TlsRequest[] = [];
  server.on('request', (request, response) => {
    const { method, url: path, rawHeaders: headers, httpVersion } = request;
    const authority = request.authority ?? '';
    const of = connections.get(request.socket.remotePort ?? 0) ?? { sni: '', client: undefined };
    seen.push({ method, path, headers, body: '', authority, httpVersion, ...of });
    request.resume();
    if (request.headers['x-case'] !== `gone at ${name}`) return void response.end(name);
    response.writeHead(404, { 'content-type': 'application/json' }).end(GONE);
  });
  const { port, stop } = await listenOnLoopback(server);
  return { port, take: () => seen.splice(0), stop };
}
