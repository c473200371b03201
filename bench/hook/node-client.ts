// Where there is no Go: the client in Node. It reads and prints what `hook client` does.
import { readFileSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { Client, credentials } from '@grpc/grpc-js';
import { asIs, channelOptions, hookPath } from './raw-service.ts';

const request = readFileSync(process.argv[2] ?? '');
const clients = new Map<string, Client>();

for await (const line of createInterface({ input: process.stdin })) {
  const [address = '', file] = line.split(' ');
  const known = clients.get(address);
  const client = known ?? new Client(address, credentials.createInsecure(), channelOptions);
  clients.set(address, client);
  const started = performance.now();
  const answer = await call(client);
  const took = performance.now() - started;
  if (answer instanceof Error) {
    console.log(`error ${JSON.stringify(answer.message)}`);
    continue;
  }
  if (file !== undefined) writeFileSync(file, answer);
  console.log(`ok ${took.toFixed(3)} ${answer.length}`);
}
for (const client of clients.values()) client.close();

function call(client: Client): Promise<Buffer | Error> {
  return new Promise((resolve) => {
    client.makeUnaryRequest(hookPath, asIs, asIs, request, (error, response) =>
      resolve(error ?? response ?? Buffer.alloc(0)),
    );
  });
}
