import { describe, expect, it } from 'vitest';
import { fields } from '../../src/xds/fields.ts';
import { readAnnotatedObject, readGatewayObject } from '../../src/xds/gateway-metadata.ts';
import { MalformedMessageError } from '../../src/xds/malformed.ts';
import { encodeXds } from '../support/xds.ts';
import { lengthDelimited } from './arbitrary-message.ts';

const field = fields.Route.metadata;
const berlin = { kind: 'HTTPRoute', namespace: 'default', name: 'berlin' };

function withMetadata(filterMetadata: object): Uint8Array {
  return encodeXds('envoy.config.route.v3.Route', {
    metadata: { filter_metadata: filterMetadata },
  });
}

const read = (filterMetadata: object) => readGatewayObject(withMetadata(filterMetadata), field);

describe('the object that Envoy Gateway names in metadata', () => {
  it('has kind, namespace and name, and no section where there is none', () => {
    expect(read({ 'envoy-gateway': { resources: [berlin] } })).toEqual({
      ...berlin,
      sectionName: '',
    });
  });

  it.each([
    ['no value', [], undefined],
    ['a number as its value', [0x10, 0x01], MalformedMessageError],
  ])('is not taken from another entry where its own has %s', (_, value, error) => {
    const other = { filter_metadata: { other: { resources: [berlin] } } };
    const key = lengthDelimited(1, Buffer.from('envoy-gateway'));
    const metadata = Buffer.concat([
      encodeXds('envoy.config.core.v3.Metadata', other),
      lengthDelimited(1, Buffer.concat([key, Uint8Array.from(value)])),
    ]);
    const readIt = () => readGatewayObject(lengthDelimited(field.number, metadata), field);
    if (error === undefined) expect(readIt()).toBeUndefined();
    else expect(readIt).toThrow(error);
  });

  it('has its section: the rule or the listener', () => {
    const resources = [{ ...berlin, sectionName: 'http' }];
    expect(read({ 'envoy-gateway': { resources } })?.sectionName).toBe('http');
  });

  it('is the first of several', () => {
    const resources = [berlin, { ...berlin, name: 'oslo' }];
    expect(read({ 'envoy-gateway': { resources } })?.name).toBe('berlin');
  });

  it('is found beside other metadata, annotations and keys that every object has', () => {
    const resource = {
      annotations: { name: 'not this' },
      toString: 'x',
      ...berlin,
      constructor: 'y',
    };
    const found = read({
      other: { resources: [] },
      'envoy-gateway': { a: 1, resources: [resource] },
    });
    expect(found).toEqual({ ...berlin, sectionName: '' });
  });

  it('is found in virtual hosts and clusters under their own field', () => {
    const metadata = { filter_metadata: { 'envoy-gateway': { resources: [berlin] } } };
    const virtualHost = encodeXds('envoy.config.route.v3.VirtualHost', { metadata });
    expect(readGatewayObject(virtualHost, fields.VirtualHost.metadata)?.name).toBe('berlin');
  });

  it.each([
    ['no such key', { other: { resources: [berlin] } }],
    ['no resources', { 'envoy-gateway': {} }],
    ['resources that are no list', { 'envoy-gateway': { resources: 'text' } }],
    ['an empty list', { 'envoy-gateway': { resources: [] } }],
    ['a list of text', { 'envoy-gateway': { resources: ['text'] } }],
  ])('is unknown with %s', (_name, filterMetadata) => {
    expect(read(filterMetadata)).toBeUndefined();
  });

  it('is unknown without metadata', () => {
    expect(readGatewayObject(new Uint8Array(), field)).toBeUndefined();
  });

  it('has "" where a value is no text', () => {
    const resources = [{ ...berlin, namespace: 7 }];
    expect(read({ 'envoy-gateway': { resources } })).toMatchObject({ namespace: '' });
  });

  it('comes from the last entry of a key given twice, which decoders keep', () => {
    const metadata = (name: string) =>
      encodeXds('envoy.config.core.v3.Metadata', {
        filter_metadata: { 'envoy-gateway': { resources: [{ ...berlin, name }] } },
      });
    const both = Buffer.concat([metadata('first'), metadata('last')]);
    expect(readGatewayObject(lengthDelimited(field.number, both), field)?.name).toBe('last');
  });

  it('throws where the metadata is malformed, and says where', () => {
    const broken = lengthDelimited(field.number, lengthDelimited(1, Uint8Array.of(0x0e)));
    expect(() => readGatewayObject(broken, field)).toThrow(MalformedMessageError);
    expect(() => readGatewayObject(broken, field)).toThrow('filter_metadata[0]');
  });
});

describe('an annotation of that object', () => {
  const annotation = (resources: unknown) =>
    readAnnotatedObject(withMetadata({ 'envoy-gateway': { resources } }), field, 'generation')
      ?.annotation;

  it('is found among others, beside the object', () => {
    const annotations = { other: 'x', generation: 'abc', 'another-one': 'y' };
    const resources = [{ ...berlin, annotations }];
    expect(annotation(resources)).toBe('abc');
    const message = withMetadata({ 'envoy-gateway': { resources } });
    expect(readAnnotatedObject(message, field, 'other')).toEqual({
      ...berlin,
      sectionName: '',
      annotation: 'x',
    });
  });

  it('is looked for in vain where there is no object', () => {
    expect(annotation([])).toBeUndefined();
  });

  it('is that of the first object alone', () => {
    const annotations = { generation: 'abc' };
    expect(annotation([berlin, { ...berlin, annotations }])).toBeUndefined();
  });

  it.each([
    ['no annotations', berlin],
    ['others', { ...berlin, annotations: { other: 'x' } }],
    ['one that is no text', { ...berlin, annotations: { generation: 1 } }],
    ['annotations that are no map', { ...berlin, annotations: 'generation' }],
  ])('is not there with %s', (_what, object) => {
    expect(annotation([object])).toBeUndefined();
  });
});
