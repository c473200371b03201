import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type RouteEdit,
  VirtualHostEdit,
} from '../../src/rewrites/offline-connectors/virtual-host-edit.ts';
import { concatenate, encodeField, encodeString } from '../../src/xds/encoding.ts';
import { fields } from '../../src/xds/fields.ts';
import { MalformedMessageError } from '../../src/xds/malformed.ts';
import { editFields, hasValue, valuesOf } from '../../src/xds/wire.ts';
import { encodeTag } from '../xds/arbitrary-message.ts';

const { VirtualHost } = fields;

const name = encodeField(VirtualHost.name, encodeString('host'));
const domain = encodeField(VirtualHost.domains, encodeString('a.example.com'));
const unknown = Buffer.concat([encodeTag(1000, 0), Uint8Array.of(1)]);
const route = fc.uint8Array({ maxLength: 3 });
const routeField = route.map((one) => encodeField(VirtualHost.routes, one));
const host = fc
  .array(fc.oneof({ weight: 3, arbitrary: routeField }, fc.constantFrom(name, domain, unknown)), {
    maxLength: 8,
  })
  .map(concatenate);

/** Routes that take the place of others, one of ours, and what comes last. */
const plan = fc.record({
  replaced: fc.dictionary(fc.constantFrom('0', '1', '2'), fc.array(route, { maxLength: 3 })),
  inserted: fc.option(
    fc.record({
      field: fc.constant(encodeField(VirtualHost.routes, encodeString('ours'))),
      at: fc.nat(6),
      how: fc.constantFrom('before' as const, 'after' as const, 'instead' as const),
    }),
    { nil: undefined },
  ),
  appended: fc.array(fc.constantFrom(domain, unknown), { maxLength: 2 }),
});

/** Visits the routes with their places. */
function editRoutes(
  message: Uint8Array,
  edit: (field: Uint8Array, place: number) => readonly Uint8Array[],
): Uint8Array {
  let place = 0;
  return editFields(message, (field) =>
    field.number === VirtualHost.routes.number ? edit(field.raw(), place++) : 'keep',
  );
}

function insertBeside(field: Uint8Array, { field: ours, how }: RouteEdit): readonly Uint8Array[] {
  if (how === 'instead') return [ours];
  return how === 'before' ? [ours, field] : [field, ours];
}

describe('all edits of a virtual host at once', () => {
  it('come to the same as one after the other', () => {
    fc.assert(
      fc.property(host, plan, (message, { replaced, inserted, appended }) => {
        const edit = new VirtualHostEdit(message);
        const count = valuesOf(message, VirtualHost.routes).length;
        for (const [place, routes] of Object.entries(replaced)) {
          if (Number(place) < count) edit.replaceRoute(Number(place), routes);
        }
        const routed = editRoutes(
          message,
          (field, place) =>
            replaced[place]?.map((one) => encodeField(VirtualHost.routes, one)) ?? [field],
        );
        const seen: Uint8Array[] = [];
        edit.forEachRoute((reader) => seen.push(Uint8Array.from(reader.rest())), undefined);
        expect(seen).toEqual(
          valuesOf(routed, VirtualHost.routes).map((one) => Uint8Array.from(one)),
        );
        if (inserted !== undefined) edit.insertRoute(inserted);
        edit.append(appended);
        const whole = editRoutes(routed, (field, place) =>
          inserted?.at === place ? insertBeside(field, inserted) : [field],
        );
        const made = concatenate(edit.finish() ?? [message]);
        expect(Buffer.compare(made, concatenate([whole, ...appended]))).toBe(0);
      }),
      { numRuns: 1_000 },
    );
  });

  it('leave what it came with alone when there is none', () => {
    fc.assert(
      fc.property(host, (message) => {
        expect(new VirtualHostEdit(message).finish()).toBeUndefined();
      }),
    );
  });

  it('know the domains it came with', () => {
    fc.assert(
      fc.property(host, fc.constantFrom('a.example.com', 'b.example.com', ''), (message, text) => {
        const bytes = encodeString(text);
        const expected = hasValue(message, VirtualHost.domains, bytes);
        expect(new VirtualHostEdit(message).hasDomain(text)).toBe(expected);
      }),
    );
  });

  it('say of an odd domain where it is, behind routes that replace others', () => {
    const before = encodeField(VirtualHost.routes, encodeString('before'));
    const odd = Buffer.concat([encodeTag(VirtualHost.domains.number, 0), Uint8Array.of(1)]);
    const edit = new VirtualHostEdit(concatenate([name, before, odd]));
    expect(offsetOf(() => edit.hasDomain('a'))).toBe(name.length + before.length);
    const routes = ['the first', 'the second'].map(encodeString);
    edit.replaceRoute(0, routes);
    const edited = concatenate(routes.map((one) => encodeField(VirtualHost.routes, one)));
    expect(offsetOf(() => edit.hasDomain('a'))).toBe(name.length + edited.length);
  });
});

function offsetOf(call: () => unknown): number {
  try {
    call();
  } catch (error) {
    if (error instanceof MalformedMessageError) return error.offset;
    throw error;
  }
  throw new Error('nothing was thrown');
}
