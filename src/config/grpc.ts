import * as z from 'zod';
import { grpcAddressSchema, readAddress } from './addresses.ts';
import { durationSchema } from './durations.ts';

/** Where Offramp listens when nobody says otherwise: closed to other machines and other users. */
export const defaultGrpcAddress = 'unix:run/offramp.sock';

const mebibyte = 1024 * 1024;

/** A DNS name, perhaps with `*.` in front, or a URI, perhaps with `/*` behind it. */
const dnsPattern = /^(\*\.)?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/;
const uriPattern = /^[A-Za-z][A-Za-z0-9+.-]*:\/\/[^\s*]+(\/\*)?$/;

const tlsSchema = z
  .strictObject({
    certFile: z
      .string()
      .min(1)
      .describe('The server’s certificate, PEM, with its intermediates behind it.'),
    keyFile: z.string().min(1).describe('Its private key, PEM.'),
    clientCAFile: z
      .string()
      .min(1)
      .optional()
      .describe(
        'CA certificates, PEM. Given, a client needs a certificate of one of them. Without it, whoever ' +
          'reaches the port may call.',
      ),
    allowedSANs: z
      .array(
        z.string().refine((san) => dnsPattern.test(san) || uriPattern.test(san), {
          error:
            'expected a DNS name (*.example.com has one label for *) or a URI (spiffe://a/b/*)',
        }),
      )
      .default([])
      .describe(
        'Who may call: DNS names and URIs, of which the client’s certificate has to have one. ' +
          '*.example.com is one label more, spiffe://a/b/* any path below. Empty: whoever the CA knows.',
      ),
  })
  .refine(
    ({ allowedSANs, clientCAFile }) => allowedSANs.length === 0 || clientCAFile !== undefined,
    {
      path: ['clientCAFile'],
      error: 'needed, because allowedSANs says who may call: without a CA a name proves nothing',
    },
  )
  .describe(
    'TLS 1.3. The files, relative to the configuration file, are watched and read anew when they change.',
  );

const limitsSchema = z
  .strictObject({
    messageBytes: z
      .int()
      .min(64 * 1024)
      .max(1024 * mebibyte)
      .default(256 * mebibyte)
      .describe('Largest request and answer, in bytes. A larger one: RESOURCE_EXHAUSTED.'),
    connections: z
      .int()
      .min(1)
      .max(100_000)
      .default(256)
      .describe(
        'Connections at a time. For a further one the longest idle without a call goes. Envoy Gateway has one.',
      ),
    concurrentCalls: z
      .int()
      .min(1)
      .max(1000)
      .default(8)
      .describe('Calls that are received, answered and sent at a time. Further ones wait.'),
    queuedCalls: z
      .int()
      .min(0)
      .max(10_000)
      .default(128)
      .describe('Calls that may wait. Further ones: RESOURCE_EXHAUSTED.'),
    handshakeTimeout: durationSchema(0.1, 60)
      .default('10s')
      .describe(
        'For a new connection to have done its TLS and HTTP/2 handshakes; else it is closed.',
      ),
    transferTimeout: durationSchema(1, 600)
      .default('60s')
      .describe(
        'For a call, from its beginning to the last byte of its answer. A slower one: RESOURCE_EXHAUSTED.',
      ),
    callBudget: durationSchema(0.01, 60)
      .default('5s')
      .describe(
        'For deciding a snapshot, not counting what other calls compute meanwhile. When it takes longer: ' +
          'UNAVAILABLE, and Envoy Gateway keeps the last configuration. Shorter than watchdog.blockedFor.',
      ),
  })
  .prefault({});

/** `grpc` of the configuration. */
export const grpcSchema = z
  .strictObject({
    address: grpcAddressSchema
      .default(defaultGrpcAddress)
      .describe(
        'Where Envoy Gateway calls: unix:path, or host:port. A relative socket path starts from the ' +
          'working directory; its folder is made. host:port needs grpc.tls, or insecure; port 0 takes ' +
          'a free one.',
      ),
    insecure: z
      .boolean()
      .default(false)
      .describe(
        'Plain text over TCP, on loopback too. Whoever reaches the port may call, and whoever is on the ' +
          'way reads and changes snapshots. A unix socket does not need it.',
      ),
    tls: tlsSchema.optional(),
    limits: limitsSchema,
  })
  .superRefine(({ address, insecure, tls }, { addIssue }) => {
    const refuse = (path: string, message: string) => {
      addIssue({ code: 'custom', path: [path], message });
    };
    if (tls !== undefined && insecure) refuse('insecure', 'there is grpc.tls; give one of the two');
    const isTcp = readAddress(address).kind === 'tcp';
    if (isTcp && tls === undefined && !insecure) {
      refuse(
        'address',
        `${address} is TCP, where gRPC would be plain text: give grpc.tls {certFile, keyFile, ` +
          `clientCAFile}, or listen on a unix socket (${defaultGrpcAddress}), or ask for plain text ` +
          'by grpc.insecure: true',
      );
    }
  })
  .prefault({});

/** What `grpc.tls` says. */
export type TlsConfig = z.output<typeof tlsSchema>;

/** What `grpc.limits` says. */
export type GrpcLimits = z.output<typeof limitsSchema>;
