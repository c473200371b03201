/**
 * Every error of Offramp by its stable code: how a command ends with it and, where a hook call can
 * meet it, the gRPC status that Envoy Gateway gets. docs/reference/errors.md has a section for each.
 */
export const errorTable = {
  'configuration-invalid': { exitCode: 2 },
  'state-invalid': { exitCode: 2 },
  'address-unusable': { exitCode: 2 },
  'file-unreadable': { exitCode: 2 },
  'file-unwritable': { exitCode: 2 },
  'certificate-unusable': { exitCode: 2 },
  'cluster-unreadable': { exitCode: 2 },
  'recording-invalid': { exitCode: 2 },
  'unsuitable-input': { exitCode: 2 },
  usage: { exitCode: 2 },
  'malformed-message': { exitCode: 2, grpcStatus: 'INVALID_ARGUMENT' },
  'budget-exceeded': { exitCode: 70, grpcStatus: 'UNAVAILABLE' },
  'event-loop-blocked': { exitCode: 75 },
  unexpected: { exitCode: 70, grpcStatus: 'UNAVAILABLE' },
} as const satisfies Record<string, ErrorConsequence>;

/** What an error leads to. */
export interface ErrorConsequence {
  readonly exitCode: number;
  readonly grpcStatus?: 'INVALID_ARGUMENT' | 'UNAVAILABLE';
}

/** The stable code of an error: printed, logged, and sent with the gRPC status. */
export type ErrorCode = keyof typeof errorTable;

/** What should not happen; the message says what, where and, if that helps, what to do. */
export class OfframpError extends Error {
  readonly code: ErrorCode;

  /** `problems`: each is a line of the message. */
  constructor(code: ErrorCode, problems: readonly string[], options?: ErrorOptions) {
    super(problems.join('\n'), options);
    this.name = 'OfframpError';
    this.code = code;
  }
}

/** The text of whatever was thrown. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
