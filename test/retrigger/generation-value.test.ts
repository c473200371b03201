import { describe, expect, it } from 'vitest';
import { annotationFor, generationOf } from '../../src/retrigger/generation-value.ts';

describe('the annotation of a Gateway', () => {
  it('becomes the generation', () => {
    expect(annotationFor({ generation: 'new' }, undefined, undefined)).toBe('new');
    expect(annotationFor({ generation: 'new' }, 'old', undefined)).toBe('new');
    expect(annotationFor({ generation: 'new' }, 'old-3', undefined)).toBe('new');
  });

  it('stays when it is the generation already, whoever wrote it', () => {
    expect(annotationFor({ generation: 'new' }, 'new', undefined)).toBe('new');
    expect(annotationFor({ generation: 'new' }, 'new-2', undefined)).toBe('new-2');
  });

  it('goes when nothing behind a connector is left', () => {
    expect(annotationFor({ generation: 'none' }, 'old', undefined)).toBeUndefined();
    expect(annotationFor({ generation: 'none' }, undefined, undefined)).toBeUndefined();
  });

  it('is counted up when we answered that very translation from an older state', () => {
    const answered = { annotation: 'new', generation: 'old' };
    expect(annotationFor({ generation: 'new' }, 'new', answered)).toBe('new-1');
    expect(
      annotationFor({ generation: 'new' }, 'new-1', { ...answered, annotation: 'new-1' }),
    ).toBe('new-2');
    const without = { annotation: undefined, generation: 'old' };
    expect(annotationFor({ generation: 'none' }, undefined, without)).toBe('none-1');
  });

  it('is not counted up for a translation that we answered from this state', () => {
    const answered = { annotation: 'new', generation: 'new' };
    expect(annotationFor({ generation: 'new' }, 'new', answered)).toBe('new');
  });

  it('is not counted up for an earlier translation: this one another Offramp may have answered', () => {
    const answered = { annotation: 'old', generation: 'old' };
    expect(annotationFor({ generation: 'new' }, 'new', answered)).toBe('new');
    expect(
      annotationFor({ generation: 'new' }, 'new-1', { annotation: 'new', generation: 'old' }),
    ).toBe('new-1');
  });

  it('names the state that a decision has to be made anew from, with connectors or without', () => {
    const wanted = { generation: 'new', correction: 'empty' };
    expect(annotationFor(wanted, 'new', undefined)).toBe('new.empty');
    expect(annotationFor(wanted, 'old.empty-2', undefined)).toBe('new.empty');
    expect(annotationFor({ ...wanted, generation: 'none' }, undefined, undefined)).toBe(
      'none.empty',
    );
  });

  it('keeps the name of a state that is decided from, and loses it with the next change', () => {
    expect(annotationFor({ generation: 'new' }, 'new.empty', undefined)).toBe('new.empty');
    expect(annotationFor({ generation: 'none' }, 'none.empty', undefined)).toBe('none.empty');
    expect(annotationFor({ generation: 'newer' }, 'new.empty', undefined)).toBe('newer');
    expect(annotationFor({ generation: 'none' }, 'new.empty', undefined)).toBeUndefined();
  });

  it('is counted up when we answered that very translation, and have to decide anew', () => {
    const wanted = { generation: 'new', correction: 'empty' };
    const answered = { annotation: 'new.empty', generation: 'new' };
    expect(annotationFor(wanted, 'new.empty', answered)).toBe('new.empty-1');
    const earlier = { annotation: 'new', generation: 'new' };
    expect(annotationFor(wanted, 'new.empty', earlier)).toBe('new.empty');
  });

  it('stands for its generation, with a count or without', () => {
    expect(generationOf('abc')).toBe('abc');
    expect(generationOf('abc-12')).toBe('abc');
    expect(generationOf('abc.def-12')).toBe('abc');
    expect(generationOf(undefined)).toBe('none');
    expect(generationOf('none-1')).toBe('none');
  });
});
