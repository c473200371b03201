import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ask, eventsOf, type Question } from './support/fallback-kernel/ask.ts';
import { passwordOf, type RouteUsers } from './support/fallback-kernel/configuration.ts';
import { type Kernel, startKernel } from './support/fallback-kernel/envoy.ts';
import {
  type RecordingServer,
  startControlPlane,
  startVm,
} from './support/fallback-kernel/servers.ts';

let vm: RecordingServer;
let controlPlane: RecordingServer;

beforeAll(async () => {
  vm = await startVm();
  controlPlane = await startControlPlane();
});

afterAll(async () => {
  await vm?.stop();
  await controlPlane?.stop();
});

let sessions = 0;
function newSession(): string {
  sessions += 1;
  return `session-${sessions}`;
}

/** No credentials, those of each user of the routes, and some of nobody's. */
const clients = [undefined, 'alice', 'bob', 'mallory'];

const setups: readonly [string, RouteUsers][] = [
  ['on no route', {}],
  ['on the VM route only', { vm: 'alice' }],
  ['on the control-plane route only', { controlPlane: 'alice' }],
  ['alike on both', { vm: 'alice', controlPlane: 'alice' }],
  ['different on both', { vm: 'alice', controlPlane: 'bob' }],
];

function as(user: string | undefined, question: Question = {}): Question {
  if (user === undefined) return question;
  const basic = Buffer.from(`${user}:${passwordOf(user)}`).toString('base64');
  return { ...question, headers: { ...question.headers, authorization: `Basic ${basic}` } };
}

/** What reached the two servers since the last look. */
function reached(): { vm: number; controlPlane: number } {
  return { vm: vm.take().length, controlPlane: controlPlane.take().length };
}

// With a filter that makes Envoy choose the route again, a chain could meet another route's filters.
describe.each([
  ['as routes are chosen', false],
  ['when a filter chooses the route again', true],
])('%s', (_, chooseAgain) => {
  describe.each(setups)('authentication %s', (_, users) => {
    let kernel: Kernel;
    beforeAll(async () => {
      kernel = await startKernel(
        { vm: vm.port, controlPlane: controlPlane.port },
        { users, chooseAgain },
      );
    });
    afterAll(() => kernel?.stop());

    const may = (user: string | undefined, wanted: string | undefined): boolean =>
      wanted === undefined || wanted === user;

    it.each(clients)('is asked of a request that falls back: %s', async (user) => {
      const question = { path: eventsOf(newSession()), headers: { 'x-case': 'gone' } };
      const answer = await ask(kernel.ports[0], as(user, question));
      const passesVm = may(user, users.vm);
      const passes = passesVm && may(user, users.controlPlane);
      expect(answer.status).toBe(passes ? 200 : 401);
      expect(reached()).toEqual({ vm: passesVm ? 1 : 0, controlPlane: passes ? 1 : 0 });
    });

    it.each(clients)('is asked of a remembered session: %s', async (user) => {
      const session = newSession();
      const gone = { path: eventsOf(session), headers: { 'x-case': 'gone' } };
      await ask(kernel.ports[0], as(users.vm, gone));
      reached();
      const passes = may(user, users.controlPlane);
      for (const method of ['GET', 'POST', 'DELETE']) {
        const question = as(user, { path: `/browsers/${session}/x`, method });
        expect((await ask(kernel.ports[0], question)).status).toBe(passes ? 200 : 401);
        expect(reached()).toEqual({ vm: 0, controlPlane: passes ? 1 : 0 });
      }
    });

    it.each(clients)('is asked of a live session: %s', async (user) => {
      const question = { path: `/browsers/${newSession()}/x`, method: 'POST' };
      const answer = await ask(kernel.ports[0], as(user, question));
      expect(answer.status).toBe(may(user, users.vm) ? 200 : 401);
      expect(reached()).toEqual({ vm: may(user, users.vm) ? 1 : 0, controlPlane: 0 });
    });
  });
});

describe('while a filter waits and then has the route chosen again', () => {
  let kernel: Kernel;
  beforeAll(async () => {
    kernel = await startKernel(
      { vm: vm.port, controlPlane: controlPlane.port },
      { users: { vm: 'alice', controlPlane: 'bob' }, chooseAgain: true, ttl: 2 },
    );
  });
  afterAll(() => kernel?.stop());
  afterEach(reached);

  it('stays at the VM with a session that is gone meanwhile', async () => {
    const session = newSession();
    const paused = {
      path: `/browsers/${session}/x`,
      method: 'POST',
      headers: { 'x-pause': '700' },
    };
    const slow = ask(kernel.ports[0], as('alice', paused));
    const gone = { path: eventsOf(session), headers: { 'x-case': 'gone' } };
    await new Promise((resolve) => setTimeout(resolve, 200));
    await ask(kernel.ports[0], as('alice', gone));
    reached();
    const next = await ask(kernel.ports[0], as('bob', { path: `/browsers/${session}/x` }));
    expect(next.headers['x-from']).toBe('control-plane');
    expect((await slow).headers['x-from']).toBe('vm');
  });

  it('stays at the control plane with a session that is forgotten meanwhile', async () => {
    const session = newSession();
    const gone = { path: eventsOf(session), headers: { 'x-case': 'gone' } };
    await ask(kernel.ports[0], as('alice', gone));
    const paused = { path: `/browsers/${session}/x`, headers: { 'x-pause': '3000' } };
    const slow = await ask(kernel.ports[0], as('bob', paused));
    expect(slow.headers['x-from']).toBe('control-plane');
    const next = await ask(kernel.ports[0], as('alice', { path: `/browsers/${session}/x` }));
    expect(next.headers['x-from']).toBe('vm');
  });
});
