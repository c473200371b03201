import { parseGoDuration } from '../config/go-duration.ts';
import type { ManagerEntry } from './extension-managers.ts';
import { type Finding, fatalFinding, finding } from './findings.ts';
import type { ExtensionRetry } from './schema.ts';

const statusCodes: readonly string[] = [
  ...['CANCELLED', 'UNKNOWN', 'INVALID_ARGUMENT', 'DEADLINE_EXCEEDED', 'NOT_FOUND'],
  ...['ALREADY_EXISTS', 'PERMISSION_DENIED', 'RESOURCE_EXHAUSTED', 'FAILED_PRECONDITION'],
  ...['ABORTED', 'OUT_OF_RANGE', 'UNIMPLEMENTED', 'INTERNAL', 'UNAVAILABLE', 'DATA_LOSS'],
  'UNAUTHENTICATED',
];

/** What Offramp answers alike however often it is asked. */
const finalCodes = ['INVALID_ARGUMENT', 'RESOURCE_EXHAUSTED', 'UNIMPLEMENTED'];

/** Seconds that Envoy Gateway may wait between attempts, all in all, before that is worth telling. */
const patience = 30;

const path = ['service', 'retry'] as const;

/** What Envoy Gateway does with an error of a hook call. */
export function checkFailureHandling(entry: ManagerEntry): Finding[] {
  const { failOpen, service } = entry.manager;
  return [
    ...(failOpen ? [failsOpen(entry)] : []),
    ...(service?.retry ? checkRetry(entry, service.retry) : []),
  ];
}

function failsOpen(entry: ManagerEntry): Finding {
  return finding('fail-open', entry.place('failOpen'), {
    problem: 'an error of Offramp publishes the snapshot without Offramp’s answers',
    consequence:
      'One failed call takes every answer and every tunnel out of Envoy, until the next translation. It does not help when Offramp is down: Envoy Gateway waits for it all the same.',
    remedy: 'Leave it out: on an error the last good configuration stays.',
    yaml: entry.yaml(['failOpen'], false),
  });
}

/** The fields as Envoy Gateway uses them, defaults filled in; undefined is a value it cannot read. */
function readRetry(retry: ExtensionRetry) {
  const { numerator, denominator } = retry.backoffMultiplier ?? {};
  return {
    maxAttempts: retry.maxAttempts ?? 4,
    initialBackoff: parseGoDuration(retry.initialBackoff ?? '100ms'),
    maxBackoff: parseGoDuration(retry.maxBackoff ?? '1s'),
    backoffMultiplier: retry.backoffMultiplier ? (numerator ?? 0) / (denominator ?? 100) : 2,
    codes: retry.RetryableStatusCodes?.length ? retry.RetryableStatusCodes : ['UNAVAILABLE'],
  };
}

function checkRetry(entry: ManagerEntry, retry: ExtensionRetry): Finding[] {
  const invalid = invalidRetry(entry, retry);
  if (invalid.length > 0) return invalid;
  return [
    ...unhelpfulRetry(entry, retry),
    finding('retry-small-only', entry.place(...path), {
      problem: 'retry has an effect on small snapshots only',
      consequence:
        'A call of more than 256 KiB, about 30 Gateways, is made once: Envoy Gateway does not keep it for another attempt.',
      remedy: 'Nothing to do; do not count on it.',
    }),
  ];
}

/** What gRPC takes for an invalid service configuration, so that no call is made at all. */
function invalidRetry(entry: ManagerEntry, retry: ExtensionRetry): Finding[] {
  const { maxAttempts, initialBackoff, maxBackoff, backoffMultiplier, codes } = readRetry(retry);
  const invalid = (field: string, problem: string, remedy: string): Finding =>
    fatalFinding('retry-invalid', entry.place(...path, field), 'fails', {
      problem,
      remedy,
      failOpen: entry.manager.failOpen ?? false,
    });
  const findings: Finding[] = [];
  if (maxAttempts < 2) {
    const problem = `${maxAttempts} is less than the 2 that gRPC takes; it counts the first call too`;
    findings.push(invalid('maxAttempts', problem, 'Say 2 or more, or leave it out for 4.'));
  }
  for (const [field, seconds] of Object.entries({ initialBackoff, maxBackoff })) {
    if (seconds !== undefined && isWritable(seconds)) continue;
    const problem = 'it is no duration above zero, as 100ms or 1s are';
    findings.push(invalid(field, problem, 'Write one, or leave it out.'));
  }
  if (!isWritable(backoffMultiplier)) {
    const problem = 'numerator / denominator is no number above zero';
    findings.push(invalid('backoffMultiplier', problem, 'Leave it out for 2.'));
  }
  const unknown = codes.filter((code) => !statusCodes.includes(code));
  if (unknown.length > 0) {
    const problem = `${unknown.join(', ')}: no gRPC status`;
    findings.push(invalid('RetryableStatusCodes', problem, 'Leave it out for UNAVAILABLE.'));
  }
  return findings;
}

/** Envoy Gateway writes these with six decimals; what is then zero, or no number, gRPC refuses. */
function isWritable(value: number): boolean {
  return Number.isFinite(value) && Number(value.toFixed(6)) > 0;
}

function unhelpfulRetry(entry: ManagerEntry, retry: ExtensionRetry): Finding[] {
  const { codes, backoffMultiplier } = readRetry(retry);
  const unhelpful = (field: string, problem: string, consequence: string): Finding =>
    finding('retry-unhelpful', entry.place(...path, field), {
      problem,
      consequence,
      remedy: 'Leave it out: the defaults fit Offramp.',
    });
  const findings: Finding[] = [];
  if (!codes.includes('UNAVAILABLE')) {
    const problem =
      'UNAVAILABLE is not in it, the one error of Offramp that another attempt can heal';
    const consequence = 'A call that a restart of Offramp cuts off ends the translation.';
    findings.push(unhelpful('RetryableStatusCodes', problem, consequence));
  }
  const final = codes.filter((code) => finalCodes.includes(code));
  if (final.length > 0) {
    const problem = `Offramp answers ${final.join(', ')} alike however often it is asked`;
    findings.push(
      unhelpful('RetryableStatusCodes', problem, 'Each attempt delays the error for nothing.'),
    );
  }
  if (backoffMultiplier < 1) {
    const problem = `a multiplier of ${backoffMultiplier}; without denominator the numerator is in hundredths`;
    findings.push(unhelpful('backoffMultiplier', problem, 'Each wait is shorter than the last.'));
  }
  const seconds = longestWait(retry);
  if (seconds > patience) {
    const problem = `Envoy Gateway waits up to ${Math.round(seconds)} s between attempts, all in all`;
    findings.push(unhelpful('maxAttempts', problem, 'For so long nothing else is translated.'));
  }
  return findings;
}

/** Seconds between the first attempt and the last, without gRPC's jitter. */
function longestWait(retry: ExtensionRetry): number {
  const { maxAttempts, initialBackoff = 0, maxBackoff = 0, backoffMultiplier } = readRetry(retry);
  let seconds = 0;
  let wait = initialBackoff;
  for (let attempt = 1; attempt < Math.min(maxAttempts, 10_000); attempt++) {
    if (wait >= maxBackoff) return seconds + (maxAttempts - attempt) * maxBackoff;
    seconds += wait;
    wait *= backoffMultiplier;
  }
  return seconds;
}
