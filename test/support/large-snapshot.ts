import { captures } from './captures.ts';

const recorded = captures.find(({ name }) => name.startsWith('connectors-standalone/'));

/** A hook request of at least so many bytes: a recorded one, over and over. Route `berlin` is in it. */
export function largeRequest(bytes: number): Buffer {
  if (recorded === undefined) throw new Error('the recorded request is missing');
  const times = Math.ceil(bytes / recorded.request.length);
  return Buffer.concat(Array.from({ length: times }, () => recorded.request));
}
