import { captures } from '../../support/captures.ts';
import type { ExtensionConnection } from '../../support/extension-connection.ts';

const [{ request } = { request: new Uint8Array() }] = captures;

/** Calls that go on until they are stopped. */
export interface SteadyCalls {
  stop(): Promise<{ readonly made: number; readonly failed: readonly string[] }>;
}

/** Calls of the hook without a pause: by one connection that stays, and by a new one each time. */
export function startCalls(connect: () => Promise<ExtensionConnection>): SteadyCalls {
  let isRunning = true;
  let made = 0;
  const failed: string[] = [];
  const callBy = async (client: ExtensionConnection): Promise<void> => {
    made++;
    await client.call('PostTranslateModify', request).catch((error) => failed.push(String(error)));
  };
  const keepOne = async () => {
    const client = await connect();
    while (isRunning) await callBy(client);
    client.close();
  };
  const takeNewOnes = async () => {
    while (isRunning) {
      const client = await connect();
      await callBy(client);
      client.close();
    }
  };
  const callers = [keepOne(), takeNewOnes()];
  return {
    async stop() {
      isRunning = false;
      await Promise.all(callers);
      return { made, failed };
    },
  };
}
