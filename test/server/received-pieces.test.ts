import {
  Client,
  credentials,
  type handleUnaryCall,
  Server,
  ServerCredentials,
  ServerInterceptingCall,
  type ServerInterceptor,
} from '@grpc/grpc-js';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { expect, it, onTestFinished } from 'vitest';
import { ServerMetrics } from '../../src/observe/server-metrics.ts';
import { CallGate } from '../../src/server/call-gate.ts';
import { extensionService, serviceName } from '../../src/server/extension-service.ts';
import { Refusals } from '../../src/server/refusals.ts';

const mebibyte = 2 ** 20;

/** How large the buffers are that an object leads to, each counted once. */
function bytesReachableFrom(start: object): number {
  const reached = new Set<object>([start]);
  let bytes = 0;
  for (const one of reached) {
    if (one instanceof ArrayBuffer) bytes += one.byteLength;
    else if (ArrayBuffer.isView(one)) reached.add(one.buffer);
    else {
      for (const key of Reflect.ownKeys(one)) {
        const value = Reflect.getOwnPropertyDescriptor(one, key)?.value;
        if (typeof value === 'object' && value !== null) reached.add(value);
      }
    }
  }
  return bytes;
}

it('has a request in memory once while it is answered: not in the pieces too in which it came', async () => {
  const metrics = new ServerMetrics(new Registry(), 'offramp_');
  const limits = { concurrentCalls: 1, queuedCalls: 1 };
  const gate = new CallGate(
    limits,
    metrics,
    new Refusals('grpc', metrics, pino({ level: 'silent' })),
  );
  const calls: object[] = [];
  const note: ServerInterceptor = (_, call) => {
    calls.push(call);
    return new ServerInterceptingCall(call);
  };
  const server = new Server({
    'grpc.max_receive_message_length': -1,
    interceptors: [gate.interceptor(() => true), note],
  });
  onTestFinished(() => server.forceShutdown());
  const held: number[] = [];
  const answerCall: handleUnaryCall<Buffer, Uint8Array> = ({ request }, answer) => {
    held.push(request.length, ...calls.map(bytesReachableFrom));
    answer(null, new Uint8Array());
  };
  server.addService(extensionService, {
    PostTranslateModify: answerCall,
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  onTestFinished(() => client.close());
  const asIs = (bytes: Buffer) => bytes;
  await new Promise((resolve, reject) => {
    const path = `/${serviceName}/PostTranslateModify`;
    client.makeUnaryRequest(path, asIs, asIs, Buffer.alloc(8 * mebibyte), (error, response) =>
      error === null ? resolve(response) : reject(error),
    );
  });
  expect(held).toEqual([8 * mebibyte, expect.any(Number)]);
  expect(held[1]).toBeLessThan(mebibyte);
});
