import { describe, expect, it } from 'vitest';
import {
  generationAnnotation,
  readGatewayMark,
  readParentGateways,
} from '../../src/retrigger/gateway-objects.ts';

function route(...parentRefs: unknown[]) {
  return { metadata: { namespace: 'shop', name: 'berlin' }, spec: { parentRefs } };
}

describe('the Gateways of an HTTPRoute', () => {
  it('are its parents, in its own namespace unless they name another', () => {
    expect(readParentGateways(route({ name: 'eg' }, { name: 'eg', namespace: 'infra' }))).toEqual([
      'infra/eg',
      'shop/eg',
    ]);
  });

  it('are named once, however many of their listeners are', () => {
    const refs = [
      { name: 'eg', sectionName: 'http' },
      { name: 'eg', sectionName: 'https' },
    ];
    expect(readParentGateways(route(...refs))).toEqual(['shop/eg']);
  });

  it('are no parents of another kind or group', () => {
    const refs = [
      { name: 'a', kind: 'Service', group: '' },
      { name: 'b', kind: 'Gateway', group: 'example.com' },
      { name: 'c', kind: 'Gateway', group: 'gateway.networking.k8s.io' },
    ];
    expect(readParentGateways(route(...refs))).toEqual(['shop/c']);
  });

  it.each([
    [null],
    [{ metadata: { namespace: 'a' } }],
    [{ metadata: {}, spec: { parentRefs: 1 } }],
  ])('are none in %j', (object) => {
    expect(readParentGateways(object)).toEqual([]);
  });
});

describe('the mark of a Gateway', () => {
  it('is its annotation', () => {
    const annotations = { [generationAnnotation]: 'abc', other: 'x' };
    expect(readGatewayMark({ metadata: { annotations } })).toEqual({ generation: 'abc' });
  });

  it.each([
    { metadata: {} },
    { metadata: { annotations: null } },
    { metadata: { annotations: { other: 'x' } } },
    null,
  ])('is not there in %j', (object) => {
    expect(readGatewayMark(object)).toEqual({});
  });
});
