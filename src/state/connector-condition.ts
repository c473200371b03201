/** Since when something is as it is. */
export interface Since {
  /** Milliseconds since 1970. */
  readonly at: number;
  /** That is when it was first looked at: it may have been so before. */
  readonly orBefore: boolean;
}

/** A connector as people ask for it: is it online, since when, and what is behind it. */
export interface ConnectorCondition {
  readonly name: string;
  readonly online: boolean;
  readonly since: Since;
  /** What it is claimed by, in a few words. */
  readonly serves: string;
}

/** Since when `online` holds, by what was known until now. */
export function sinceWhen(
  before: Pick<ConnectorCondition, 'online' | 'since'> | undefined,
  online: boolean,
  now: number,
): Since {
  if (before === undefined) return { at: now, orBefore: true };
  return before.online === online ? before.since : { at: now, orBefore: false };
}

/** The first of several, and how many more there are. */
export function nameFirst(names: readonly string[], none: string): string {
  const [first, ...others] = names;
  if (first === undefined) return none;
  return others.length === 0 ? first : `${first} and ${others.length} more`;
}

/** Sorts by name; the same everywhere, whatever the locale. */
export function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : Number(a.name > b.name);
}
