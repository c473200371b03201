import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ToldAssignments } from '../../src/state/told-assignments.ts';
import { assignmentOf, endpointsRequest } from '../support/assignments.ts';

const inService = 0;
const unhealthy = 2;
const draining = 3;
const timedOut = 4;
const degraded = 5;
const hear = (told: ToldAssignments, caller: string, cluster: string, ...health: number[]) =>
  told.hear(caller, endpointsRequest(assignmentOf(cluster, ...health)));

describe('what Envoy Gateway said of a cluster', () => {
  it.each([
    ['no endpoint', [], false],
    ['one in service', [inService], true],
    ['one that is degraded', [degraded], true],
    ['none but unhealthy, draining and timed out ones', [unhealthy, draining, timedOut], false],
    ['one in service among others', [draining, inService], true],
  ])('with %s', (_what, health, isUsable) => {
    const told = new ToldAssignments();
    hear(told, 'eg', 'shop', ...health);
    expect(told.saidBy('eg').isUsable('shop')).toBe(isUsable);
    expect(told.saidBy('eg').isUsable('other')).toBeUndefined();
  });

  it('is only for the caller who said it, whose snapshot may have the same name', () => {
    const told = new ToldAssignments();
    hear(told, 'one', 'shop', inService);
    hear(told, 'other', 'shop', draining);
    expect(told.saidBy('one').isUsable('shop')).toBe(true);
    expect(told.saidBy('other').isUsable('shop')).toBe(false);
    expect(told.saidBy('third').isUsable('shop')).toBeUndefined();
  });

  it('stays as it was for a snapshot that is being decided, whatever is said meanwhile', () => {
    const told = new ToldAssignments();
    hear(told, 'eg', 'shop', inService);
    const atStart = told.saidBy('eg');
    hear(told, 'eg', 'shop', draining);
    hear(told, 'eg', 'cart', draining);
    expect(atStart.isUsable('shop')).toBe(true);
    expect(atStart.isUsable('cart')).toBeUndefined();
    expect(told.saidBy('eg').isUsable('shop')).toBe(false);
    told.forget('eg');
    expect(atStart.isUsable('shop')).toBe(true);
  });

  it('is forgotten with its snapshot: the next one says it anew', () => {
    const told = new ToldAssignments();
    hear(told, 'eg', 'shop', draining);
    told.forget('eg');
    expect(told.saidBy('eg').isUsable('shop')).toBeUndefined();
    expect(told.size).toBe(0);
  });

  it('is what was said last', () => {
    const told = new ToldAssignments();
    hear(told, 'eg', 'shop', draining);
    hear(told, 'eg', 'shop', inService);
    expect(told.saidBy('eg').isUsable('shop')).toBe(true);
  });

  it('is given up a minute after the caller went silent, not while it speaks', () => {
    let now = 0;
    const told = new ToldAssignments(() => now);
    hear(told, 'eg', 'first', inService);
    now = 50_000;
    hear(told, 'eg', 'second', inService);
    now = 100_000;
    expect(told.saidBy('eg').isUsable('first')).toBe(true);
    now = 110_001;
    expect(told.saidBy('eg').isUsable('first')).toBeUndefined();
    hear(told, 'eg', 'third', inService);
    expect(told.saidBy('eg').isUsable('first')).toBeUndefined();
    expect(told.saidBy('eg').isUsable('third')).toBe(true);
  });

  it('takes bounded memory, however many callers come and go', () => {
    const told = new ToldAssignments();
    for (let caller = 0; caller < 1_000; caller++) hear(told, `${caller}`, 'shop', inService);
    expect(told.size).toBe(32);
    expect(told.saidBy('999').isUsable('shop')).toBe(true);
    expect(told.saidBy('0').isUsable('shop')).toBeUndefined();
  });

  it('takes bounded memory, however many clusters a caller names', () => {
    const told = new ToldAssignments();
    for (let n = 0; n < 100_010; n++) told.hear('eg', named(`c${n}`));
    expect(told.size).toBe(100_000);
    expect(told.saidBy('eg').isUsable('c100009')).toBeUndefined();
  });

  it('is nothing where it is said twice in one request, or cannot be read', () => {
    const told = new ToldAssignments();
    const once = endpointsRequest(assignmentOf('shop', draining));
    told.hear('eg', Buffer.concat([once, once]));
    expect(told.saidBy('eg').isUsable('shop')).toBeUndefined();
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        told.hear('eg', bytes);
      }),
    );
  });
});

/** An assignment without endpoints, by hand: quicker than the official protos. */
function named(cluster: string): Uint8Array {
  const name = Buffer.from(cluster);
  return Buffer.from([0x0a, name.length + 2, 0x0a, name.length, ...name]);
}
