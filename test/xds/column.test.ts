import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Column } from '../../src/xds/column.ts';

const step = fc.oneof(
  fc.record({ push: fc.integer(), times: fc.constantFrom(1, 7, 900, 5_000) }),
  fc.record({ keep: fc.double({ min: 0, max: 1, noNaN: true }) }),
);

it('has the numbers that were put into it, however many, as an array would', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
      const column = new Column();
      const expected: number[] = [];
      for (const one of steps) {
        if ('keep' in one) {
          expected.length = Math.floor(expected.length * one.keep);
          column.truncate(expected.length);
        } else {
          for (let time = 0; time < one.times; time++) {
            const value = (one.push + time) | 0;
            expected.push(value);
            column.push(value);
          }
        }
      }
      expect(column.length).toBe(expected.length);
      expect(expected.map((_, place) => column.at(place))).toEqual(expected);
    }),
  );
});
