import { createServer, type IncomingMessage } from 'node:http';
import { gunzipSync } from 'node:zlib';
import { Server } from '@grpc/grpc-js';
import protobuf from 'protobufjs';
import { z } from 'zod';
import { listenOnLoopback } from '../e2e/support/listen.ts';
import { bindGrpcServer } from './bind-grpc-server.ts';

/** What of OTLP's protos a span of ours has. */
const proto = `syntax = "proto3";
message Export { repeated ResourceSpans resource_spans = 1; }
message ResourceSpans { Resource resource = 1; repeated ScopeSpans scope_spans = 2; }
message Resource { repeated KeyValue attributes = 1; }
message ScopeSpans { repeated Span spans = 2; }
message Span {
  bytes trace_id = 1; bytes span_id = 2; bytes parent_span_id = 4; string name = 5; int32 kind = 6;
  fixed64 start_time_unix_nano = 7; fixed64 end_time_unix_nano = 8;
  repeated KeyValue attributes = 9; Status status = 15;
}
message KeyValue { string key = 1; AnyValue value = 2; }
message AnyValue { oneof value { string string_value = 1; int64 int_value = 3; } }
message Status { string message = 2; int32 code = 3; }`;
const exportType = protobuf.parse(proto).root.lookupType('Export');

const valueSchema = z.union([
  z.object({ stringValue: z.string() }).transform(({ stringValue }) => stringValue),
  z.object({ intValue: z.coerce.number() }).transform(({ intValue }) => intValue),
  z.unknown(),
]);
const attributesSchema = z
  .array(z.object({ key: z.string(), value: valueSchema }))
  .default([])
  .transform((all) => Object.fromEntries(all.map(({ key, value }) => [key, value])));
const spanSchema = z.object({
  traceId: z.string(),
  spanId: z.string(),
  parentSpanId: z.string().default(''),
  name: z.string(),
  kind: z.number().default(0),
  startTimeUnixNano: z.coerce.bigint(),
  endTimeUnixNano: z.coerce.bigint(),
  attributes: attributesSchema,
  status: z.object({ code: z.number().default(0), message: z.string().default('') }).prefault({}),
});
const exportSchema = z.object({
  resourceSpans: z.array(
    z.object({
      resource: z.object({ attributes: attributesSchema }),
      scopeSpans: z.array(z.object({ spans: z.array(spanSchema) })),
    }),
  ),
});

/** A span as it arrived, with what its sender says of itself. */
export type ReceivedSpan = z.output<typeof spanSchema> & {
  readonly resource: Readonly<Record<string, unknown>>;
};

/** A collector of traces. */
export interface OtlpReceiver {
  readonly port: number;
  /** Everything that arrived, in its order. */
  readonly spans: readonly ReceivedSpan[];
  stop(): Promise<void>;
}

/** Takes OTLP over HTTP, protobuf and JSON. */
export async function receiveOverHttp(): Promise<OtlpReceiver> {
  const spans: ReceivedSpan[] = [];
  const server = createServer(async (request, response) => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part);
    if (request.url === '/v1/traces') spans.push(...decode(Buffer.concat(parts), request));
    response.writeHead(200, { 'content-type': request.headers['content-type'] }).end();
  });
  return { ...(await listenOnLoopback(server)), spans };
}

/** Takes OTLP over gRPC. */
export async function receiveOverGrpc(): Promise<OtlpReceiver> {
  const spans: ReceivedSpan[] = [];
  const asIs = (bytes: Buffer) => bytes;
  const server = new Server();
  const method = {
    path: '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
    requestStream: false,
    responseStream: false,
    requestSerialize: asIs,
    requestDeserialize: asIs,
    responseSerialize: asIs,
    responseDeserialize: asIs,
  } as const;
  server.addService(
    { Export: method },
    {
      Export(
        { request }: { request: Buffer },
        answer: (error: Error | null, bytes: Buffer) => void,
      ) {
        spans.push(...spansOf(fromProtobuf(request)));
        answer(null, Buffer.alloc(0));
      },
    },
  );
  const port = await bindGrpcServer(server);
  return { port, spans, stop: async () => server.forceShutdown() };
}

function decode(body: Buffer, { headers }: IncomingMessage): readonly ReceivedSpan[] {
  const plain = headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body;
  const isJson = headers['content-type'] === 'application/json';
  return spansOf(isJson ? JSON.parse(plain.toString()) : fromProtobuf(plain));
}

function fromProtobuf(body: Buffer): unknown {
  const message = exportType.toObject(exportType.decode(body), { longs: String, bytes: Buffer });
  const text = JSON.stringify(message, (_, value) => {
    const isBytes = z.object({ type: z.literal('Buffer'), data: z.array(z.number()) });
    const bytes = isBytes.safeParse(value);
    return bytes.success ? Buffer.from(bytes.data.data).toString('hex') : value;
  });
  return JSON.parse(text);
}

function spansOf(message: unknown): readonly ReceivedSpan[] {
  return exportSchema
    .parse(message)
    .resourceSpans.flatMap(({ resource, scopeSpans }) =>
      scopeSpans.flatMap(({ spans }) =>
        spans.map((span) => ({ ...span, resource: resource.attributes })),
      ),
    );
}
