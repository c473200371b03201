import { expect, it } from 'vitest';
import { ReportBuilder } from '../../src/rewrites/report-builder.ts';

const place = { kind: 'routes', resource: 'default/eg/http' } as const;

it('forgets what was reported of work that failed half-way, and nothing else', () => {
  const report = new ReportBuilder('offline-connectors');
  report.changed('route-answered', place, ['berlin'], 'done');
  const half = () =>
    report.allOrNothing(() => {
      report.changed('mirror-dropped', place, ['berlin'], 'undone');
      report.skipped('total-weight', place, 'undone');
      throw new Error('half-way');
    });
  expect(half).toThrow('half-way');
  expect(report.allOrNothing(() => 'whole')).toBe('whole');
  const { changes, skips } = report.finish([]);
  expect(changes.map(({ detail }) => detail)).toEqual(['done']);
  expect(skips).toEqual([]);
});
