import { type handleBidiStreamingCall, Server, type ServiceDefinition } from '@grpc/grpc-js';
import { z } from 'zod';
import { bindGrpcServer } from '../../support/bind-grpc-server.ts';
import { decodeXds, encodeXds } from '../../support/xds.ts';

/** What a processor was shown of one pass of a request: header names to values. */
export interface ProcessedPass {
  readonly request: Readonly<Record<string, string>>;
  /** Undefined when the response did not come to it. */
  response: Readonly<Record<string, string>> | undefined;
}

/** A running external processing service. */
export interface ExternalProcessor {
  readonly port: number;
  /** The passes since the last call. */
  take(): ProcessedPass[];
  stop(): void;
}

/** What it says to request headers, as an `envoy.service.ext_proc.v3.ProcessingResponse`. */
export type Process = (request: ProcessedPass['request']) => object;

const identity = (bytes: Buffer): Buffer => bytes;
const service = {
  process: {
    path: '/envoy.service.ext_proc.v3.ExternalProcessor/Process',
    requestStream: true,
    responseStream: true,
    requestSerialize: identity,
    requestDeserialize: identity,
    responseSerialize: identity,
    responseDeserialize: identity,
  },
} satisfies ServiceDefinition;

const headerSchema = z.object({ key: z.string(), raw_value: z.base64() });
const headersSchema = z.object({ headers: z.object({ headers: z.array(headerSchema) }) });
const shownSchema = z.object({
  request_headers: headersSchema.optional(),
  response_headers: headersSchema.optional(),
});

/** Starts one that keeps what it is shown and leaves responses as they are. */
export async function startExternalProcessor(process: Process): Promise<ExternalProcessor> {
  const passes: ProcessedPass[] = [];
  const answer: handleBidiStreamingCall<Buffer, Buffer> = (call) => {
    let pass: ProcessedPass | undefined;
    const say = (response: object) => {
      const type = 'envoy.service.ext_proc.v3.ProcessingResponse';
      call.write(Buffer.from(encodeXds(type, response)));
    };
    call.on('data', (bytes: Buffer) => {
      const message = decodeXds('envoy.service.ext_proc.v3.ProcessingRequest', bytes);
      const { request_headers, response_headers } = shownSchema.parse(message);
      if (request_headers !== undefined) {
        pass = { request: textsOf(request_headers), response: undefined };
        passes.push(pass);
        say(process(pass.request));
      }
      if (response_headers !== undefined) {
        if (pass !== undefined) pass.response = textsOf(response_headers);
        say({ response_headers: {} });
      }
    });
    call.on('end', () => call.end());
    // Envoy ends the stream of a pass that has no response.
    call.on('error', () => call.end());
  };
  const server = new Server();
  server.addService(service, { process: answer });
  const port = await bindGrpcServer(server);
  return { port, take: () => passes.splice(0), stop: () => server.forceShutdown() };
}

function textsOf({ headers }: z.output<typeof headersSchema>): Record<string, string> {
  const pairs = headers.headers.map(({ key, raw_value }) => [
    key,
    Buffer.from(raw_value, 'base64').toString(),
  ]);
  return Object.fromEntries(pairs);
}
