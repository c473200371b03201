import { mkdir, rm, truncate, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { StartedProcess } from './support/child-process.ts';
import { type DrillGateway, startDrillGateway } from './support/drills/drill-gateway.ts';
import { DrillLog } from './support/drills/drill-log.ts';
import { makeOfframpPlace, type OfframpPlace } from './support/drills/offramp-place.ts';
import { waitFor } from './support/wait-for.ts';

const tenMegabytes = 10_000_000;

/** Milliseconds in which Offramp notices, or refuses. */
const soon = { timeoutMs: 15_000, intervalMs: 50 };

let place: OfframpPlace;
let offramp: StartedProcess;
let gateway: DrillGateway;
let log: DrillLog;

beforeAll(async () => {
  place = await makeOfframpPlace();
  await place.restore();
  offramp = await place.start();
  gateway = await startDrillGateway(place.grpcPort);
  log = new DrillLog(gateway.traffic);
});

beforeEach(async () => {
  await place.restore();
  if (offramp.ending() !== undefined) await startAgain();
});

afterAll(async () => {
  await gateway?.stop();
  await offramp?.stop();
  await place?.remove();
  log?.print();
});

/** Envoy Gateway asks, and Envoy gets what Offramp answers now. */
async function change(): Promise<void> {
  await gateway.untilLive(await gateway.change());
}

/** It is killed, and another one is started in its place. */
async function startAgain(flags?: readonly string[], through?: readonly string[]): Promise<void> {
  if (offramp.ending() === undefined) process.kill(offramp.pid, 'SIGKILL');
  await offramp.stop();
  offramp = await place.start(flags, through);
}

const losses = [
  { how: 'deleted', spoil: (file: string) => rm(file) },
  { how: 'emptied', spoil: (file: string) => truncate(file) },
  {
    how: 'replaced by a directory',
    spoil: async (file: string) => {
      await rm(file);
      await mkdir(file);
    },
  },
  { how: '10 MB long', spoil: (file: string) => writeFile(file, '['.repeat(tenMegabytes)) },
] as const;

describe('the state file', () => {
  const rejections = 'offramp_state_reloads_total{outcome="rejected"}';
  const age = 'offramp_state_age_seconds{source="file"}';

  const gone = {
    how: 'gone with its folder',
    spoil: (file: string) => rm(dirname(file), { recursive: true }),
  };

  it.each([...losses, gone])('$how: the last good state stays, for changes too', async (drill) => {
    const figures = await log.during(`state file ${drill.how}`, async () => {
      const before = await place.metric(rejections);
      await drill.spoil(place.stateFile);
      const noticed = async () => (await place.metric(rejections)) > before;
      await waitFor('the loss to be counted', noticed, soon);
      await change();
      expect(await place.metric(age)).toBeGreaterThan(0);
      expect(await place.get('/readyz?verbose')).toMatchObject({
        status: 200,
        text: expect.stringContaining(place.stateFile),
      });
      await place.restore();
      await waitFor('the state to be read', async () => (await place.metric(age)) === 0, soon);
      await change();
    });
    expect(figures.wrong).toEqual([]);
    expect(figures.sent).toBeGreaterThan(10);
  });

  it('deleted, and Offramp started again: no connector is known until it is back', async () => {
    const figures = await log.during('state file deleted, and Offramp restarted', async () => {
      await rm(place.stateFile);
      await startAgain();
      expect(offramp.log()).toContain('no connector is known until the state file says so');
      await change();
      await place.restore();
      const known = async () => (await place.get('/readyz?verbose')).text.includes('1 connectors');
      await waitFor('the state to be read', known, soon);
      await change();
    });
    // What the route led to before there was a connector.
    expect(figures.wrong.join('\n')).not.toContain('healthy.example.com');
    expect(figures.wrong.length).toBeGreaterThan(0);
    await expectRight();
  });
});

describe('the configuration file', () => {
  const refusals: Readonly<Record<(typeof losses)[number]['how'], string>> = {
    deleted: 'file-unreadable',
    emptied: 'the file is empty',
    'replaced by a directory': 'EISDIR',
    '10 MB long': 'the file is too long',
  };

  it.each(losses)(
    '$how: a running Offramp goes on, and a start is refused at once',
    async (drill) => {
      const figures = await log.during(`configuration file ${drill.how}`, async (tell) => {
        await drill.spoil(place.configFile);
        await change();
        const started = performance.now();
        await startAgain();
        expect(offramp.ending()).toBe('exit status 2');
        expect(offramp.log()).toContain(refusals[drill.how]);
        expect(offramp.log()).toContain(place.configFile);
        tell(`refused within ${Math.round(performance.now() - started)} ms`);
        const waiting = await gateway.change();
        await place.restore();
        await startAgain();
        tell(
          `the change is live ${Math.round(await gateway.untilLive(waiting))} ms after the next start`,
        );
      });
      expect(figures.wrong).toEqual([]);
      expect(figures.sent).toBeGreaterThan(10);
    },
  );
});

describe('a port', () => {
  it.each([
    { port: 'gRPC', named: () => `grpc.address 127.0.0.1:${place.grpcPort}` },
    { port: 'HTTP', named: () => `http.address 127.0.0.1:${place.httpPort}` },
  ])(
    'of $port that is taken refuses a second Offramp, and leaves the first alone',
    async (drill) => {
      const figures = await log.during(`${drill.port} port taken`, async () => {
        const other = await makeOfframpPlace();
        const taken = drill.port === 'gRPC' ? 'grpcPort' : 'httpPort';
        const config = other.texts.config.replace(`:${other[taken]}`, `:${place[taken]}`);
        await other.restore();
        await writeFile(other.configFile, config);
        const second = await other.start();
        expect(second.ending()).toBe('exit status 2');
        expect(second.log()).toContain('address-unusable');
        expect(second.log()).toContain(drill.named());
        await other.remove();
        await change();
      });
      expect(figures.wrong).toEqual([]);
    },
  );
});

describe('the disk of --record', () => {
  const folder = () => join(place.folder, 'recordings');

  // A file system of eight pages that is full, in a mount namespace of its own.
  const onFullDisk = `mount -t tmpfs -o size=32k tmpfs "$1"
head -c 65536 /dev/zero > "$1/ballast" 2> /dev/null
shift
exec "$@"`;

  beforeEach(async () => {
    await mkdir(folder());
    const through = ['unshare', '--user', '--map-root-user', '--mount'];
    await startAgain(['--record', folder()], [...through, 'sh', '-c', onFullDisk, 'sh', folder()]);
  });

  it('full: answers go on, and recordings once there is room', async () => {
    const recordings = (outcome: string) => `offramp_recordings_total{outcome="${outcome}"}`;
    const figures = await log.during('disk full for --record', async () => {
      await change();
      await change();
      const counted = async () => (await place.metric(recordings('failed'))) >= 2;
      await waitFor('the failures to be counted', counted, soon);
      expect(offramp.log().match(/could not be recorded/g)).toHaveLength(1);
      expect(offramp.log()).toContain('ENOSPC');
      await rm(join('/proc', String(offramp.pid), 'root', folder(), 'ballast'));
      await change();
      const recorded = async () => (await place.metric(recordings('ok'))) > 0;
      await waitFor('a recording', recorded, soon);
      expect(offramp.log()).toContain('hook requests are recorded again');
    });
    expect(figures.wrong).toEqual([]);
  });
});

/** That users see what they have to see, from now on. */
async function expectRight(): Promise<void> {
  const { wrong, sent } = await log.during('afterwards', async () => {
    const before = gateway.traffic.sent();
    await waitFor('more requests', () => gateway.traffic.sent() >= before + 20, soon);
  });
  expect(sent).toBeGreaterThan(0);
  expect(wrong).toEqual([]);
}
