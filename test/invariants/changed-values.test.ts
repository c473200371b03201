import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { ChangedValues } from '../../src/invariants/changed-values.ts';
import { concatenate, encodeField } from '../../src/xds/encoding.ts';
import { FieldReader } from '../../src/xds/field-reader.ts';
import { MalformedMessageError } from '../../src/xds/malformed.ts';
import { valuesOf } from '../../src/xds/wire.ts';
import { type MadeField, messageWith } from '../xds/arbitrary-message.ts';

const field = { message: 'Made', name: 'made', number: 2 };

/** Walks all of them, one after the other. */
const values = new ChangedValues(field);

/** What changed, value by value: of each what it was and what it is. */
function changedIn(before: Uint8Array, after: Uint8Array) {
  values.over(before, after);
  const changed: (string | undefined)[][] = [];
  while (values.next()) changed.push([hexOf(values.before?.value()), hexOf(values.after.value())]);
  return { changed, counts: [values.countBefore, values.countAfter] };
}

/** The same, by all values of both. */
function expectedIn(before: Uint8Array, after: Uint8Array) {
  const then = valuesOf(before, field).map(hexOf);
  const now = valuesOf(after, field).map(hexOf);
  const changed = now.map((value, at) => [then[at], value]).filter(([was, is]) => was !== is);
  return { changed, counts: [then.length, now.length] };
}

function hexOf(value: Uint8Array | undefined): string | undefined {
  return value && Buffer.from(value).toString('hex');
}

function outcome<T>(work: () => T) {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof MalformedMessageError)) throw error;
    return 'malformed';
  }
}

const fields = messageWith(field.number).map((message) => message.fields);
const bytesOf = (all: readonly MadeField[]) => concatenate(all.map(({ bytes }) => bytes));

describe('the values that are not what they were', () => {
  it('are found among others, whatever came between, went, or has another byte', () => {
    const edit = fc.tuple(fc.nat(8), fc.nat(2), fields);
    const odd = fc.option(fc.tuple(fc.nat(200), fc.nat(255)), { nil: undefined });
    fc.assert(
      fc.property(fc.array(fields), fc.array(edit, { maxLength: 3 }), odd, (parts, edits, byte) => {
        const all = parts.flat();
        const before = bytesOf(all);
        for (const [at, without, added] of edits) all.splice(at, without, ...added);
        const after = Uint8Array.from(bytesOf(all));
        if (byte !== undefined && byte[0] < after.length) after[byte[0]] = byte[1];
        expect(outcome(() => changedIn(before, after))).toEqual(
          outcome(() => expectedIn(before, after)),
        );
      }),
      { numRuns: 1_000 },
    );
  });

  it('are found without a walk over all that are the same in front of them', () => {
    const value = (byte: number) => encodeField(field, new Uint8Array(50).fill(byte));
    const same = Array.from({ length: 1_000 }, (_, index) => value(index));
    const before = concatenate([...same, value(1)]);
    const after = concatenate([...same, encodeField(field, new Uint8Array(60))]);
    const next = vi.spyOn(FieldReader.prototype, 'next');
    const { changed, counts } = changedIn(before, after);
    const walked = next.mock.calls.length;
    next.mockRestore();
    expect([changed.length, counts]).toEqual([1, [1_001, 1_001]]);
    expect(walked).toBeLessThan(10);
  });
});
