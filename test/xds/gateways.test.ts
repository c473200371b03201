import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { concatenate, encodeField, encodeString } from '../../src/xds/encoding.ts';
import { fields } from '../../src/xds/fields.ts';
import {
  gatewayAnnotationsOf,
  gatewaysOf,
  gatewaysOfVirtualHosts,
  virtualHostKey,
} from '../../src/xds/gateways.ts';
import { readSnapshot } from '../../src/xds/snapshot.ts';
import { encodeRequest, encodeXds } from '../support/xds.ts';

function virtualHost(name: string, resource?: object) {
  const metadata = resource && { filter_metadata: { 'envoy-gateway': { resources: [resource] } } };
  return { name, ...(metadata && { metadata }) };
}

const eg = { kind: 'Gateway', namespace: 'a', name: 'eg' };
const annotations = { 'offramp-generation': 'abc' };

const request = encodeRequest({
  routes: [
    {
      name: 'one',
      virtual_hosts: [
        virtualHost('without'),
        virtualHost('nameless', { ...eg, name: '' }),
        virtualHost('eg/http', { ...eg, sectionName: 'http', annotations }),
        virtualHost('eg/https', { ...eg, sectionName: 'https', annotations }),
      ],
    },
    { name: 'two', virtual_hosts: [virtualHost('other', { ...eg, name: 'other' })] },
  ],
});

setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');

/** A request, of which nobody else knows, after its annotations were looked for in vain. */
function askedForAnnotations(): WeakRef<ArrayBufferLike> {
  const { PostTranslateModifyRequest, RouteConfiguration, VirtualHost, Struct } = fields;
  const entryOf = (key: string, value: Uint8Array) =>
    concatenate([
      encodeField(fields.MapEntry.key, encodeString(key)),
      encodeField(fields.MapEntry.value, value),
    ]);
  const cutOff = encodeField(fields.Value.string_value, encodeString('Gateway')).subarray(0, -1);
  const entries = encodeField(Struct.fields, entryOf('kind', cutOff));
  const object = encodeField(fields.Value.struct_value, entries);
  const list = encodeField(fields.Value.list_value, encodeField(fields.ListValue.values, object));
  const struct = encodeField(Struct.fields, entryOf('resources', list));
  const metadata = encodeField(fields.Metadata.filter_metadata, entryOf('envoy-gateway', struct));
  const host = encodeField(VirtualHost.metadata, metadata);
  const configuration = encodeField(RouteConfiguration.virtual_hosts, host);
  const own = Uint8Array.from(encodeField(PostTranslateModifyRequest.routes, configuration));
  expect(gatewayAnnotationsOf(readSnapshot(own), 'x').size).toBe(0);
  return new WeakRef(own.buffer);
}

describe('the Gateways of a snapshot', () => {
  it('keep nothing of it in memory, where they cannot be read either', async () => {
    const request = askedForAnnotations();
    await new Promise((resolve) => setImmediate(resolve));
    collect();
    expect(request.deref()).toBeUndefined();
  });

  it('are named by its virtual hosts, each once', () => {
    expect(gatewaysOf(readSnapshot(request))).toEqual([
      { namespace: 'a', name: 'eg' },
      { namespace: 'a', name: 'other' },
    ]);
  });

  it('come with the annotation that they had when they were translated', () => {
    const found = gatewayAnnotationsOf(readSnapshot(request), 'offramp-generation');
    expect([...found]).toEqual([
      ['a/eg', 'abc'],
      ['a/other', undefined],
    ]);
  });

  it('are known for each virtual host that says its own', () => {
    expect([...gatewaysOfVirtualHosts(readSnapshot(request))]).toEqual([
      [virtualHostKey('one', 'eg/http'), 'a/eg'],
      [virtualHostKey('one', 'eg/https'), 'a/eg'],
      [virtualHostKey('two', 'other'), 'a/other'],
    ]);
  });

  it('are found beside a route configuration that cannot be read', () => {
    const routes = { message: '', name: 'routes', number: 5 };
    const broken = encodeField(routes, Uint8Array.of(0x12, 0x7f));
    const snapshot = readSnapshot(Buffer.concat([broken, request]));
    expect(gatewaysOf(snapshot)).toHaveLength(2);
  });

  it('are the same ones in all lists, where metadata of others than Envoy Gateway is odd', () => {
    const { PostTranslateModifyRequest, RouteConfiguration, VirtualHost, Metadata } = fields;
    const withoutText = Uint8Array.of(0x10, 0x01); // a map entry whose value is a number
    const metadata = concatenate([
      encodeField(Metadata.filter_metadata, withoutText),
      encodeXds('envoy.config.core.v3.Metadata', virtualHost('odd', eg).metadata ?? {}),
    ]);
    const host = encodeField(VirtualHost.metadata, metadata);
    const configuration = encodeField(RouteConfiguration.virtual_hosts, host);
    const odd = readSnapshot(encodeField(PostTranslateModifyRequest.routes, configuration));
    expect(gatewaysOf(odd)).toEqual([{ namespace: 'a', name: 'eg' }]);
    expect([...gatewayAnnotationsOf(odd, 'x').keys()]).toEqual(['a/eg']);
    expect([...gatewaysOfVirtualHosts(odd).values()]).toEqual(['a/eg']);
  });
});
