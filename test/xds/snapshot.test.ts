import fc from 'fast-check';
import protobuf from 'protobufjs';
import { describe, expect, it } from 'vitest';
import { encodeString } from '../../src/xds/encoding.ts';
import { FieldReader } from '../../src/xds/field-reader.ts';
import { MalformedMessageError } from '../../src/xds/malformed.ts';
import {
  countResources,
  encodeResponse,
  mapResources,
  mapResourcesInSteps,
  type ResourceKind,
  readSnapshot,
  type Snapshot,
  type UnreadableResource,
} from '../../src/xds/snapshot.ts';
import { captures } from '../support/captures.ts';
import { resourcesOf } from '../support/xds.ts';
import {
  encodeTag,
  encodeVarint,
  lengthDelimited,
  type MadeField,
  messageWith,
} from './arbitrary-message.ts';

interface SentField {
  readonly number: number;
  readonly value: string;
}

/** The length-delimited fields of a message, by protobufjs: independent of what is tested. */
function decode(bytes: Uint8Array): SentField[] {
  const reader = protobuf.Reader.create(Buffer.from(bytes));
  const found: SentField[] = [];
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    expect(tag & 7).toBe(2);
    const length = reader.uint32();
    const value = Buffer.from(reader.buf.subarray(reader.pos, reader.pos + length));
    found.push({ number: tag >>> 3, value: value.toString('hex') });
    reader.skip(length);
  }
  return found;
}

/** What the response to these request fields has to hold when nobody changes anything. */
function answerTo(requested: readonly SentField[]): SentField[] {
  return requested
    .filter(({ number }) => number >= 2 && number <= 5)
    .map(({ number, value }) => ({ number: number - 1, value }));
}

const text = (number: number, value: string) => lengthDelimited(number, encodeString(value));

function valuesIn(snapshot: Snapshot, kind: ResourceKind): string[] {
  return [...snapshot.resources.lists[kind]].map((value) => Buffer.from(value).toString());
}

describe('an answer in which nothing was changed', () => {
  it('has each request list under its own number, minus one', () => {
    const request = [text(2, 'cluster'), text(3, 'secret'), text(4, 'listener'), text(5, 'route')];
    const response = encodeResponse(readSnapshot(Buffer.concat(request)));
    expect(decode(response).map(({ number }) => number)).toEqual([1, 2, 3, 4]);
  });

  it('keeps the order, lists that are mixed included', () => {
    const request = Buffer.concat([text(5, 'r1'), text(2, 'c1'), text(5, 'r2'), text(2, 'c2')]);
    const response = encodeResponse(readSnapshot(request));
    expect(decode(response)).toEqual(answerTo(decode(request)));
  });

  it('leaves out the context and the fields of newer protocol versions', () => {
    const group = Buffer.concat([encodeTag(9, 3), text(2, 'inside a group'), encodeTag(9, 4)]);
    const unknown = [
      text(1, 'context'),
      text(6, 'newer list'),
      Buffer.concat([encodeTag(7, 0), encodeVarint(300n, 5)]),
      Buffer.concat([encodeTag(8, 1), new Uint8Array(8)]),
      Buffer.concat([encodeTag(10, 5), new Uint8Array(4)]),
      group,
    ];
    const snapshot = readSnapshot(Buffer.concat([...unknown, text(2, 'kept'), ...unknown]));
    expect(snapshot.contexts.map((context) => Buffer.from(context).toString())).toEqual([
      'context',
      'context',
    ]);
    expect(Buffer.from(encodeResponse(snapshot))).toEqual(text(1, 'kept'));
  });

  it('keeps overlong lengths and tags byte for byte, the list number aside', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(2, 3, 4, 5),
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 1, max: 10 }),
        fc.uint8Array({ maxLength: 200 }),
        (number, tagSize, lengthSize, value) => {
          const encode = (field: number) =>
            Buffer.concat([
              encodeTag(field, 2, tagSize),
              encodeVarint(BigInt(value.length), lengthSize),
              value,
            ]);
          const response = encodeResponse(readSnapshot(encode(number)));
          expect(Buffer.compare(response, encode(number - 1))).toBe(0);
        },
      ),
    );
  });

  it('holds exactly what was asked, for any envelope', () => {
    const isList = ({ number }: MadeField) => number >= 1 && number <= 5;
    const envelope = fc
      .array(messageWith(2), { maxLength: 3 })
      .map((messages) => messages.flatMap(({ fields }) => fields))
      .map((fields) => fields.filter((field) => !isList(field) || field.wireType === 2));
    fc.assert(
      fc.property(envelope, (fields) => {
        const lists = fields
          .filter((field) => isList(field) && field.number > 1)
          .map(({ number, value }) => ({ number, value: Buffer.from(value).toString('hex') }));
        const request = Buffer.concat(fields.map(({ bytes }) => bytes));
        const before = Buffer.from(request);
        expect(decode(encodeResponse(readSnapshot(request)))).toEqual(answerTo(lists));
        expect(Buffer.compare(request, before)).toBe(0);
      }),
      { numRuns: 300 },
    );
  });

  it('is empty for an empty request', () => {
    expect(encodeResponse(readSnapshot(new Uint8Array()))).toHaveLength(0);
  });

  it('is the same when asked twice: answering does not use up the request', () => {
    const snapshot = readSnapshot(Buffer.concat([text(2, 'c'), text(5, 'r')]));
    expect(Buffer.compare(encodeResponse(snapshot), encodeResponse(snapshot))).toBe(0);
  });

  it.each(captures)('equals what the real Envoy Gateway sent: $name', ({ request }) => {
    const requested = decode(request);
    expect(requested.length).toBeGreaterThan(3);
    expect(decode(encodeResponse(readSnapshot(request)))).toEqual(answerTo(requested));
  });
});

describe('an envelope that is not one', () => {
  it.each([
    [1, 'post_translate_context'],
    [2, 'clusters'],
    [3, 'secrets'],
    [4, 'listeners'],
    [5, 'routes'],
  ])('is told by the message and the field: list %i in another wire type', (number, name) => {
    const request = Buffer.concat([text(2, 'x'), encodeTag(number, 0), encodeVarint(1n)]);
    expect(() => readSnapshot(request)).toThrow(
      `PostTranslateModifyRequest at byte 3: ${name} (field ${number} of ` +
        'envoygateway.extension.PostTranslateModifyRequest) is length-delimited, ' +
        'but came with wire type 0',
    );
  });

  it('is told by the message and the offset where it is cut', () => {
    const request = Buffer.concat([text(2, 'whole'), text(5, 'cut')]).subarray(0, -1);
    expect(() => readSnapshot(request)).toThrow(
      'PostTranslateModifyRequest at byte 7: field 5 wants 3 bytes, 2 are left',
    );
    expect(() => readSnapshot(request)).toThrow(MalformedMessageError);
  });
});

describe('mapResourcesInSteps', () => {
  const half = new Uint8Array(600 * 1024);
  const mixed = Array.from({ length: 8 }, (_, at) => ({
    kind: at % 2 === 0 ? ('routes' as const) : ('clusters' as const),
    value: half,
  }));
  const numbers = { routes: 5, clusters: 2 };
  const received = readSnapshot(
    Buffer.concat(mixed.map(({ kind, value }) => lengthDelimited(numbers[kind], value))),
  );
  const made = { ...readSnapshot(new Uint8Array()), resources: resourcesOf(mixed) };

  it.each([
    ['as they came', received],
    ['as a rewrite made them', made],
  ])('pauses after each megabyte of resources of the kind, %s, and spends each', (_, snapshot) => {
    const spent: number[] = [];
    const steps = mapResourcesInSteps(
      { ...snapshot, budget: { spend: (bytes) => spent.push(bytes) } },
      'routes',
      { rewrite: (value) => value, unreadable: () => undefined },
      undefined,
    );
    let pauses = 0;
    while (steps.next().done !== true) pauses++;
    expect(pauses).toBe(2);
    expect(spent).toEqual(new Array(4).fill(half.length));
  });
});

describe('mapResources', () => {
  const snapshot = readSnapshot(
    Buffer.concat([text(2, 'a'), text(5, 'r'), text(2, 'b'), text(2, 'c')]),
  );
  const ignore = () => undefined;

  it('answers the same snapshot when every resource is kept', () => {
    expect(
      mapResources(snapshot, 'clusters', { rewrite: (value) => value, unreadable: ignore }),
    ).toBe(snapshot);
    expect(
      mapResources(snapshot, 'secrets', {
        rewrite: () => encodeString('none'),
        unreadable: ignore,
      }),
    ).toBe(snapshot);
  });

  it('replaces in place, counts within the list, and shares what it keeps', () => {
    const indexes: number[] = [];
    const mapped = mapResources(snapshot, 'clusters', {
      rewrite: (value, index) => {
        indexes.push(index);
        return index === 1 ? encodeString('replaced') : value;
      },
      unreadable: ignore,
    });
    expect(indexes).toEqual([0, 1, 2]);
    expect(valuesIn(mapped, 'clusters')).toEqual(['a', 'replaced', 'c']);
    expect([...mapped.resources].map(({ kind }) => kind)).toEqual([
      'clusters',
      'routes',
      'clusters',
      'clusters',
    ]);
    const [a, r] = mapped.resources;
    expect([a?.value, r?.value]).toEqual(['a', 'r'].map(encodeString));
    const [cameA, cameR] = snapshot.resources;
    expect(a?.value).toBe(cameA?.value);
    expect(r?.value).toBe(cameR?.value);
    expect(Buffer.from(encodeResponse(mapped))).toEqual(
      Buffer.concat([text(1, 'a'), text(4, 'r'), text(1, 'replaced'), text(1, 'c')]),
    );
  });

  it('looks only at those that are concerned, and makes one view of each', () => {
    const looked: string[] = [];
    const rewrite = {
      isConcerned: (index: number) => index === 2,
      rewrite: (value: Uint8Array) => {
        looked.push(Buffer.from(value).toString());
        return encodeString('replaced');
      },
      unreadable: ignore,
    };
    const mapped = mapResources(snapshot, 'clusters', rewrite);
    expect(looked).toEqual(['c']);
    expect(valuesIn(mapped, 'clusters')).toEqual(['a', 'b', 'replaced']);
    const { clusters } = snapshot.resources.lists;
    expect(mapped.resources.lists.clusters.valueAt(1)).toBe(clusters.valueAt(1));
  });

  it('keeps what was replaced before, and what is behind all others, when it is done again', () => {
    const longer = {
      ...snapshot,
      resources: snapshot.resources.plus('clusters', [encodeString('d')]),
    };
    const replacing = (of: Snapshot, at: number) =>
      mapResources(of, 'clusters', {
        rewrite: (value, index) => (index === at ? encodeString(`new ${at}`) : value),
        unreadable: ignore,
      });
    const mapped = replacing(replacing(longer, 1), 0);
    expect(valuesIn(mapped, 'clusters')).toEqual(['new 0', 'new 1', 'c', 'd']);
    expect(Buffer.from(encodeResponse(mapped))).toEqual(
      Buffer.concat([text(1, 'new 0'), text(4, 'r'), text(1, 'new 1'), text(1, 'c'), text(1, 'd')]),
    );
    expect(valuesIn(snapshot, 'clusters')).toEqual(['a', 'b', 'c']);
  });

  it('writes lengths of every size for what was replaced', () => {
    for (const size of [0, 127, 128, 16_383, 16_384, 3_000_000]) {
      const mapped = mapResources(snapshot, 'routes', {
        rewrite: () => new Uint8Array(size),
        unreadable: ignore,
      });
      const route = decode(encodeResponse(mapped)).find(({ number }) => number === 4);
      expect(route?.value).toHaveLength(size * 2);
    }
  });

  it('passes a malformed resource through, tells of it, and goes on with the others', () => {
    const broken = Buffer.concat([text(1, 'name'), Uint8Array.of(0x0e)]);
    const request = Buffer.concat([
      text(5, 'not looked at'),
      lengthDelimited(2, text(1, 'good')),
      lengthDelimited(2, broken, 3),
      lengthDelimited(2, text(1, 'good too')),
    ]);
    const told: UnreadableResource[] = [];
    const mapped = mapResources(readSnapshot(request), 'clusters', {
      rewrite: (value) => {
        const reader = new FieldReader(value);
        while (reader.next());
        return text(1, 'rewritten');
      },
      unreadable: (resource) => told.push(resource),
    });
    expect(told).toMatchObject([
      { kind: 'clusters', index: 1, error: { path: 'clusters[1]', offset: 6 } },
    ]);
    expect(told[0]?.error.message).toBe('clusters[1] at byte 6: wire type 6 does not exist');
    expect(Buffer.from(encodeResponse(mapped))).toEqual(
      Buffer.concat([
        text(4, 'not looked at'),
        lengthDelimited(1, text(1, 'rewritten')),
        lengthDelimited(1, broken, 3),
        lengthDelimited(1, text(1, 'rewritten')),
      ]),
    );
  });

  it('answers the same snapshot when the only resource is malformed', () => {
    const malformed = () => {
      throw new MalformedMessageError('broken', '', 0);
    };
    expect(mapResources(snapshot, 'routes', { rewrite: malformed, unreadable: ignore })).toBe(
      snapshot,
    );
  });

  it('does not hide errors of other classes', () => {
    const fail = () => {
      throw new RangeError('not ours');
    };
    expect(() => mapResources(snapshot, 'clusters', { rewrite: fail, unreadable: ignore })).toThrow(
      RangeError,
    );
  });

  it('finds all of a list that is mixed with others, also when there are more resources than came', () => {
    const kinds = ['clusters', 'secrets', 'listeners', 'routes'] as const;
    const resources = fc.array(fc.constantFrom(...kinds), { maxLength: 12 });
    const seenOf = (of: Snapshot, kind: ResourceKind) => {
      const seen: string[] = [];
      const rewrite = (value: Uint8Array, index: number) => {
        seen.push(`${index} ${Buffer.from(value)}`);
        return encodeString(`${Buffer.from(value)}!`);
      };
      return { rewritten: mapResources(of, kind, { rewrite, unreadable: ignore }), seen };
    };
    fc.assert(
      fc.property(resources, resources, (came, added) => {
        const request = came.map((kind, at) => text(kinds.indexOf(kind) + 2, `${kind} ${at}`));
        let current = readSnapshot(Buffer.concat(request));
        let expected = came.map((kind, at) => ({ kind, value: `${kind} ${at}` }));
        const ofKind = (wanted: ResourceKind) =>
          expected.filter(({ kind }) => kind === wanted).map(({ value }, at) => `${at} ${value}`);
        for (const kind of [...kinds, ...kinds]) {
          const { rewritten, seen } = seenOf(current, kind);
          expect(seen).toEqual(ofKind(kind));
          current = rewritten;
          expected = expected.map((one) =>
            one.kind === kind ? { kind, value: `${one.value}!` } : one,
          );
        }
        for (const kind of kinds) expect(seenOf(current, kind).seen).toEqual(ofKind(kind));
        let { resources } = current;
        const more = ['added', 'with it'].map(encodeString);
        for (const kind of added) resources = resources.plus(kind, more);
        const longer = { ...current, resources };
        expected = [
          ...expected,
          ...added.flatMap((kind) => ['added', 'with it'].map((value) => ({ kind, value }))),
        ];
        const all = [...resources].map(({ kind, value }) => ({
          kind,
          value: Buffer.from(value).toString(),
        }));
        expect(all).toEqual(expected);
        for (const kind of kinds) {
          expect(countResources(longer)[kind]).toBe(ofKind(kind).length);
          expect(seenOf(longer, kind).seen).toEqual(ofKind(kind));
        }
      }),
    );
  });

  it('is counted by kind', () => {
    const counts = { clusters: 3, secrets: 0, listeners: 0, routes: 1 };
    expect(countResources(snapshot)).toEqual(counts);
  });
});
