/** Rows of one page of a long table. */
export interface Paged<T> {
  /** From 1; the last one when a later one was asked for. */
  readonly page: number;
  readonly pages: number;
  /** How many rows there are on all pages. */
  readonly found: number;
  readonly rows: readonly T[];
}

/** Rows of a page: what a person looks through, and a browser shows at once. */
export const pageSize = 50;

/** One page of a list. */
export function pageOf<T>(all: readonly T[], wanted: number): Paged<T> {
  const pages = Math.max(1, Math.ceil(all.length / pageSize));
  const page = Math.min(wanted, pages);
  const rows = all.slice((page - 1) * pageSize, page * pageSize);
  return { page, pages, found: all.length, rows };
}
