import { describe, expect, it } from 'vitest';
import {
  NamespaceOrigins,
  readNamespaceOrigin,
  upstreamNamespaceLabel,
} from '../../../src/state/kubernetes/upstream-namespace.ts';

describe('a Namespace', () => {
  it('names its upstream namespace in a label', () => {
    const labels = { [upstreamNamespaceLabel]: 'project', other: 'x' };
    expect(readNamespaceOrigin({ metadata: { labels } })).toEqual({ upstream: 'project' });
  });

  it.each([
    { metadata: {} },
    { metadata: { labels: null } },
    { metadata: { labels: { other: 'x' } } },
    { metadata: { labels: { [upstreamNamespaceLabel]: '' } } },
    null,
  ])('is no replica without it: %j', (object) => {
    expect(readNamespaceOrigin(object)).toEqual({});
  });
});

describe('the namespaces in which the HTTPProxy of a route can be', () => {
  function origins(entries: Readonly<Record<string, string | undefined>>): NamespaceOrigins {
    const all = new NamespaceOrigins();
    for (const [namespace, upstream] of Object.entries(entries)) {
      all.set(namespace, upstream === undefined ? {} : { upstream });
    }
    return all;
  }

  it('is its own alone, when nothing is replicated', () => {
    expect([...origins({ a: undefined, b: undefined }).candidates('a')]).toEqual(['a']);
  });

  it('is its own before the one that its label names', () => {
    expect([...origins({ 'ns-1': 'project' }).candidates('ns-1')]).toEqual([
      'ns-1',
      'project',
      'ns-1',
    ]);
  });

  it('is its own before its replicas, and these in the order of their names', () => {
    const all = origins({ 'ns-2': 'project', 'ns-1': 'project' });
    expect([...all.candidates('project')]).toEqual(['project', 'ns-1', 'ns-2']);
  });

  it('forgets a label that goes, and a Namespace that goes', () => {
    const all = origins({ 'ns-1': 'project', 'ns-2': 'project' });
    all.set('ns-1', {});
    expect([...all.candidates('project')]).toEqual(['project', 'ns-2']);
    all.set('ns-2', undefined);
    expect([...all.candidates('project')]).toEqual(['project']);
    expect(all.exists('ns-1')).toBe(true);
    expect(all.exists('ns-2')).toBe(false);
  });

  it('follows a label that changes', () => {
    const all = origins({ 'ns-1': 'project' });
    all.set('ns-1', { upstream: 'other' });
    expect([...all.candidates('project')]).toEqual(['project']);
    expect([...all.candidates('other')]).toEqual(['other', 'ns-1']);
  });
});
