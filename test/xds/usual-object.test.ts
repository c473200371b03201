import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FieldReader } from '../../src/xds/field-reader.ts';
import { fields } from '../../src/xds/fields.ts';
import { readGatewayObject } from '../../src/xds/gateway-metadata.ts';
import { MalformedMessageError } from '../../src/xds/malformed.ts';
import { hashObject, hashText } from '../../src/xds/name-hash.ts';
import { ObjectScanner } from '../../src/xds/object-scan.ts';
import type { Span } from '../../src/xds/span.ts';
import { ObjectSpans, readUsualObject } from '../../src/xds/usual-object.ts';
import { bytesBehind, wordsOf } from '../../src/xds/words.ts';
import { encodeVarint, lengthDelimited, message } from './arbitrary-message.ts';

const utf8 = (text: string) => Buffer.from(text);
const textValue = (text: string) => lengthDelimited(3, utf8(text));
const listOf = (...items: Uint8Array[]) =>
  lengthDelimited(6, Buffer.concat(items.map((item) => lengthDelimited(1, item))));
const structOf = (...entries: Uint8Array[]) =>
  lengthDelimited(5, Buffer.concat(entries.map((entry) => lengthDelimited(1, entry))));
const entry = (key: string, value: Uint8Array) =>
  Buffer.concat([lengthDelimited(1, utf8(key)), lengthDelimited(2, value)]);
const metadataOf = (...entries: Uint8Array[]) =>
  Buffer.concat(entries.map((one) => lengthDelimited(1, one)));

/** Metadata of an object with these entries, as Envoy Gateway encodes it. */
function usual(...entries: Uint8Array[]): Uint8Array {
  const resources = lengthDelimited(1, entry('resources', listOf(structOf(...entries))));
  return metadataOf(entry('envoy-gateway', resources));
}

const berlin = [
  entry('kind', textValue('HTTPRoute')),
  entry('namespace', textValue('default')),
  entry('name', textValue('berlin')),
  entry('sectionName', textValue('http')),
  entry('annotations', structOf(entry('name', textValue('not this')))),
];

function readUsual(metadata: Uint8Array) {
  const spans = new ObjectSpans();
  // Between other bytes, which it must not look at.
  const behind = [lengthDelimited(1, utf8('behind')), Buffer.alloc(bytesBehind)];
  const whole = Buffer.concat([utf8('before'), metadata, ...behind]);
  const from = 'before'.length;
  if (!readUsualObject(wordsOf(whole), from, from + metadata.length, spans)) return undefined;
  const text = ({ from: start, to }: Span) => whole.toString('utf8', start, to);
  return { namespace: text(spans.namespace), name: text(spans.name) };
}

/** As in a snapshot: there is something behind it in its buffer. */
function withBytesBehind(message: Uint8Array): Uint8Array {
  return Buffer.concat([message, Buffer.alloc(bytesBehind, 0x0a)]).subarray(0, message.length);
}

/** One for all: what it found last must not show in what it finds next. */
const scanner = new ObjectScanner();

function scan(metadata: Uint8Array) {
  const route = withBytesBehind(lengthDelimited(fields.Route.metadata.number, metadata));
  const reader = new FieldReader(route);
  reader.next();
  try {
    return (
      scanner.scan(reader, fields.Route.metadata, wordsOf(route)) && {
        object: scanner.object,
        name: scanner.name,
      }
    );
  } catch (error) {
    if (!(error instanceof MalformedMessageError)) throw error;
    return 'malformed';
  }
}

/** Usual metadata, but that its last entry has no more than these bytes. */
function usualUpTo(bytes: readonly number[]): Uint8Array {
  const last = Uint8Array.from(bytes);
  const entries = [lengthDelimited(1, entry('name', textValue('berlin'))), last];
  const object = lengthDelimited(5, Buffer.concat(entries));
  const resources = lengthDelimited(1, entry('resources', listOf(object)));
  return metadataOf(entry('envoy-gateway', resources));
}

/** What is read of metadata behind which its buffer has that many bytes. */
function readBefore(behind: number, metadata: Uint8Array) {
  const route = lengthDelimited(fields.Route.metadata.number, metadata);
  const buffer = new Uint8Array(route.length + behind).fill(0x0a);
  buffer.set(route);
  try {
    return readGatewayObject(buffer.subarray(0, route.length), fields.Route.metadata);
  } catch (error) {
    if (!(error instanceof MalformedMessageError)) throw error;
    return error.message;
  }
}

/** In front of metadata it changes nothing of what it says, but makes it unusual. */
const unknownField = lengthDelimited(15, utf8('x'));

function readUnusual(metadata: Uint8Array) {
  const other = Buffer.concat([unknownField, metadata]);
  const route = lengthDelimited(fields.Route.metadata.number, other);
  return readGatewayObject(route, fields.Route.metadata);
}

/** Whether the object is found by its usual encoding or not, the same is found. */
function expectSameWay(metadata: Uint8Array): void {
  const found = scan(metadata);
  expect(found).toEqual(scan(Buffer.concat([unknownField, metadata])));
  if (found === 'malformed') return;
  const route = withBytesBehind(lengthDelimited(fields.Route.metadata.number, metadata));
  const object = readGatewayObject(route, fields.Route.metadata);
  expect(object).toEqual(readUnusual(metadata));
  const { namespace = '', name = '' } = object ?? {};
  const hashes = { object: hashObject(hashText(namespace), hashText(name)), name: hashText(name) };
  expect(found).toEqual(object === undefined ? false : hashes);
}

const texts = fc.oneof(fc.constantFrom('', 'default', 'x'.repeat(200)), fc.string());
const odd = message.map(({ bytes }) => bytes);
const values = fc.oneof(
  { weight: 8, arbitrary: texts.map(textValue) },
  { weight: 2, arbitrary: texts.map((text) => structOf(entry('name', textValue(text)))) },
  { weight: 1, arbitrary: texts.map((text) => listOf(textValue(text))) },
  { weight: 1, arbitrary: texts.map((text) => Buffer.concat([listOf(), textValue(text)])) },
  { weight: 1, arbitrary: odd },
);
const keys = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom('kind', 'namespace', 'name', 'sectionName') },
  { weight: 1, arbitrary: fc.string({ maxLength: 10 }) },
);
const entries = fc.oneof(
  { weight: 12, arbitrary: fc.tuple(keys, values).map(([key, value]) => entry(key, value)) },
  // The value in front of the key, a key alone, another field behind both, two values.
  {
    weight: 1,
    arbitrary: fc
      .tuple(keys, values)
      .map(([key, value]) =>
        Buffer.concat([lengthDelimited(2, value), lengthDelimited(1, utf8(key))]),
      ),
  },
  { weight: 1, arbitrary: keys.map((key) => lengthDelimited(1, utf8(key))) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(keys, values, odd)
      .map(([key, value, behind]) => Buffer.concat([entry(key, value), behind])),
  },
  { weight: 1, arbitrary: odd },
);
const manyEntries = fc.array(entries, { maxLength: 6 });

describe('the object of usual metadata', () => {
  it('is found in whatever order its entries are, beside annotations', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray(berlin, { minLength: berlin.length }), (shuffled) => {
        expect(readUsual(usual(...shuffled))).toEqual({ namespace: 'default', name: 'berlin' });
      }),
    );
  });

  it('has names of any length that one or two bytes tell, and "" for one that it lacks', () => {
    for (const length of [0, 1, 127, 128, 253, 16_000]) {
      const name = 'n'.repeat(length);
      expect(readUsual(usual(entry('name', textValue(name))))).toEqual({ namespace: '', name });
    }
    expect(readUsual(usual(entry('name', textValue('n'.repeat(17_000)))))).toBeUndefined();
  });

  it('has the last of two names, which decoders keep, and no name that is not text', () => {
    const name = (value: Uint8Array) => entry('name', value);
    const found = readUsual(
      usual(...berlin, name(textValue('oslo')), name(structOf(entry('name', textValue('x'))))),
    );
    expect(found).toEqual({ namespace: 'default', name: 'oslo' });
  });

  it.each([
    ['nothing at all', new Uint8Array()],
    ['another key', metadataOf(entry('envoy-gatewaY', listOf(structOf(...berlin))))],
    ['two keys', Buffer.concat([usual(...berlin), metadataOf(entry('x', structOf()))])],
    ['another field beside it', Buffer.concat([usual(...berlin), unknownField])],
    ['an entry without a value', usual(lengthDelimited(1, utf8('name')))],
    ['a number as a value', usual(entry('name', Uint8Array.of(0x11, 0, 0, 0, 0, 0, 0, 0, 0)))],
    ['an end in the middle', usual(...berlin).subarray(0, -1)],
  ])('is left to others to find with %s', (_, metadata) => {
    expect(readUsual(metadata)).toBeUndefined();
  });
});

describe('the object that a scan finds', () => {
  it('is the one that any other way of reading finds: entries of every kind', () => {
    fc.assert(
      fc.property(manyEntries, (made) => expectSameWay(usual(...made))),
      { numRuns: 2_000 },
    );
  });

  it('is the same with odd lists and maps around it', () => {
    const lists = fc.array(
      fc.oneof(
        manyEntries.map((made) => structOf(...made)),
        odd,
      ),
      {
        maxLength: 3,
      },
    );
    const structs = fc.array(
      fc.tuple(
        fc.constantFrom('resources', 'resourceS'),
        fc.oneof(
          lists.map((l) => listOf(...l)),
          odd,
        ),
      ),
      { maxLength: 2 },
    );
    const metadata = fc
      .array(fc.tuple(fc.constantFrom('envoy-gateway', 'envoy-gatewax', ''), structs), {
        maxLength: 2,
      })
      .map((all) =>
        metadataOf(
          ...all.map(([key, made]) => entry(key, metadataOf(...made.map((one) => entry(...one))))),
        ),
      );
    fc.assert(fc.property(metadata, expectSameWay), { numRuns: 1_000 });
  });

  it('is the same where bytes are damaged, and neither way reads what is malformed', () => {
    const good = usual(...berlin);
    const changes = fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), {
      minLength: 1,
      maxLength: 3,
    });
    fc.assert(
      fc.property(changes, fc.nat(3), (damage, cut) => {
        const damaged = Buffer.from(good.subarray(0, good.length - cut));
        for (const [at, value] of damage) damaged[at % damaged.length] = value;
        expectSameWay(damaged);
      }),
      { numRuns: 5_000 },
    );
    for (let at = 0; at < good.length; at++) {
      const damaged = Buffer.from(good);
      damaged[at] = 0xff;
      expectSameWay(damaged);
    }
  });

  it('is the same at the end of a buffer, and no byte behind that is looked at', () => {
    const long = entry('sectionName', textValue('x'.repeat(150)));
    const whole = [[], berlin, [...berlin, long]].map((some) => usual(...some));
    const cutOff = [[0x0a], [0x0a, 0x01], [0x0a, 0x80], [0x0a, 0x02, 0x0a]].map(usualUpTo);
    for (const metadata of [...whole, ...cutOff]) {
      const found = readBefore(bytesBehind, metadata);
      for (const behind of [0, 1, 3]) expect(readBefore(behind, metadata)).toEqual(found);
    }
  });

  it('is the same with lengths that have more bytes than they need', () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 8, maxLength: 8 });
    fc.assert(
      fc.property(sizes, manyEntries, (lengthSizes, made) => {
        const wrap = (number: number, value: Uint8Array, index: number) => {
          const length = encodeVarint(BigInt(value.length), lengthSizes[index] ?? 1);
          return Buffer.concat([Uint8Array.of(number * 8 + 2), length, value]);
        };
        const key = (text: string) => lengthDelimited(1, utf8(text));
        const object = Buffer.concat(made.map((one) => wrap(1, one, 0)));
        const list = wrap(6, wrap(1, wrap(5, object, 1), 2), 3);
        const resources = wrap(1, Buffer.concat([key('resources'), wrap(2, list, 4)]), 5);
        expectSameWay(wrap(1, Buffer.concat([key('envoy-gateway'), wrap(2, resources, 6)]), 7));
      }),
      { numRuns: 500 },
    );
  });
});
