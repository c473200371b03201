const ours = /^offramp-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}Z-\d{6,}\.binpb\.gz$/;

/**
 * The file name of a recording, in UTC: names sort by the time of the call. The number tells calls
 * of one millisecond apart.
 */
export function recordingName(at: Date, sequence: number): string {
  const time = at.toISOString().replaceAll(':', '-'); // a colon is no file name everywhere
  return `offramp-${time}-${String(sequence).padStart(6, '0')}.binpb.gz`;
}

/** The name of a recording while it is written: hidden, so that nobody reads half of one. */
export function partialName(recording: string): string {
  return `.${recording}.partial`;
}

/** Whether this is the name of a recording; files with any other name are not ours. */
export function isRecording(name: string): boolean {
  return ours.test(name);
}

/** Whether this is the name of a recording that is being written, or was when Offramp died. */
export function isPartial(name: string): boolean {
  return /^\..*\.partial$/.test(name) && isRecording(name.slice(1, -'.partial'.length));
}
