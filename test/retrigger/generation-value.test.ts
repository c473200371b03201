import { describe, expect, it } from 'vitest';
import { annotationFor, generationOf } from '../../src/retrigger/generation-value.ts';

describe('the annotation of a Gateway', () => {
  it('becomes the generation', () => {
    expect(annotationFor('new', undefined, undefined)).toBe('new');
    expect(annotationFor('new', 'old', undefined)).toBe('new');
    expect(annotationFor('new', 'old-3', undefined)).toBe('new');
  });

  it('stays when it is the generation already, whoever wrote it', () => {
    expect(annotationFor('new', 'new', undefined)).toBe('new');
    expect(annotationFor('new', 'new-2', undefined)).toBe('new-2');
  });

  it('goes when nothing behind a connector is left', () => {
    expect(annotationFor('none', 'old', undefined)).toBeUndefined();
    expect(annotationFor('none', undefined, undefined)).toBeUndefined();
  });

  it('is counted up when we answered that very translation from an older state', () => {
    const answered = { annotation: 'new', generation: 'old' };
    expect(annotationFor('new', 'new', answered)).toBe('new-1');
    expect(annotationFor('new', 'new-1', { ...answered, annotation: 'new-1' })).toBe('new-2');
    const without = { annotation: undefined, generation: 'old' };
    expect(annotationFor('none', undefined, without)).toBe('none-1');
  });

  it('is not counted up for a translation that we answered from this state', () => {
    const answered = { annotation: 'new', generation: 'new' };
    expect(annotationFor('new', 'new', answered)).toBe('new');
  });

  it('is not counted up for an earlier translation: this one another Offramp may have answered', () => {
    const answered = { annotation: 'old', generation: 'old' };
    expect(annotationFor('new', 'new', answered)).toBe('new');
    expect(annotationFor('new', 'new-1', { annotation: 'new', generation: 'old' })).toBe('new-1');
  });

  it('stands for its generation, with a count or without', () => {
    expect(generationOf('abc')).toBe('abc');
    expect(generationOf('abc-12')).toBe('abc');
    expect(generationOf(undefined)).toBe('none');
    expect(generationOf('none-1')).toBe('none');
  });
});
