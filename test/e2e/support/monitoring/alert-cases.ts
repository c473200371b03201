/** Series by name and labels, with values a minute apart in promtool's notation. */
type Series = Readonly<Record<string, string>>;

/** When an alert speaks up, and when something similar leaves it silent. */
interface AlertCase {
  readonly fires: Series;
  /** Labels of the alert beside its severity. */
  readonly labels: Readonly<Record<string, string>>;
  /** Minutes after the start at which both are looked at. */
  readonly at: number;
  readonly quiet: Series;
}

const job = { namespace: 'edge', job: 'offramp' };
const [one, two] = ['10.0.0.1:8080', '10.0.0.2:8080'];

/** A series of one pod: `name{its labels}`. */
function of(name: string, labels: Readonly<Record<string, string>> = {}, instance = one): string {
  const all = Object.entries({ ...job, instance, ...labels });
  return `${name}{${all.map(([key, value]) => `${key}="${value}"`).join(',')}}`;
}

const grpc = { check: 'grpc' };
const state = { check: 'state kubernetes' };
const failed = { outcome: 'failed' };
const skipped = (reason: string) => of('offramp_rewrites_skipped_total', { reason });
const violated = (reason: string) => of('offramp_invariant_violations_total', { reason });
const unresolved = (reason: string) => of('offramp_empty_backends_unresolved_total', { reason });
const durationBucket = (le: string) =>
  of('offramp_hook_duration_seconds_bucket', { outcome: 'ok', le });
const sizeBucket = (le: string) => of('offramp_snapshot_bytes_bucket', { le });
const refused = (port: string, reason: string) =>
  of('offramp_connections_refused_total', { port, reason });
const expiry = (certificate: string, instance = one) =>
  of('offramp_certificate_expiry_timestamp_seconds', { certificate }, instance);
const day = 86_400;
const notReplayed = 'envoy_cluster_upstream_internal_redirect_failed_total';
const vm = { envoy_cluster_name: 'httproute/default/vm/rule/0' };
const answered = (route: string, digit: string) =>
  of('envoy_vhost_route_upstream_rq_xx', {
    envoy_route: `offramp-${route}`,
    envoy_response_code_class: digit,
  });

/** For each alert what it is for, and the nearest thing that is none of its business. */
export const alertCases: Readonly<Record<string, AlertCase>> = {
  OfframpAbsent: {
    fires: { 'up{job="something-else"}': '1x20' },
    labels: {},
    at: 10,
    quiet: { [of('offramp_ready', grpc)]: '0x20' },
  },
  OfframpNotReady: {
    // Another check of each pod fails.
    fires: {
      [of('offramp_ready', grpc)]: '0x20',
      [of('offramp_ready', state)]: '1x20',
      [of('offramp_ready', grpc, two)]: '1x20',
      [of('offramp_ready', state, two)]: '0x20',
    },
    labels: job,
    at: 5,
    quiet: {
      [of('offramp_ready', grpc)]: '0x20',
      [of('offramp_ready', grpc, two)]: '1x20',
      [of('offramp_ready', state, two)]: '1x20',
    },
  },
  OfframpPodNotReady: {
    fires: { [of('offramp_ready', grpc)]: '0x30', [of('offramp_ready', grpc, two)]: '1x30' },
    labels: { ...job, instance: one },
    at: 20,
    quiet: { [of('offramp_ready', grpc)]: '0x10 1x20', [of('offramp_ready', grpc, two)]: '1x30' },
  },
  OfframpRestarts: {
    fires: {
      [of('process_start_time_seconds')]: '100x5 500x5 900x5 1300x15',
      [of('offramp_ready', grpc)]: '1x40',
    },
    labels: { ...job, instance: one },
    at: 25,
    // An upgrade, and another program that keeps starting.
    quiet: {
      [of('process_start_time_seconds')]: '100x10 500x30',
      [of('offramp_ready', grpc)]: '1x40',
      'process_start_time_seconds{job="other",instance="10.0.0.9:80"}': '1x5 500x5 900x5 1300x15',
    },
  },
  OfframpHookFails: {
    fires: { [of('offramp_hook_calls_total', { outcome: 'invalid' })]: '0x5 1x10' },
    labels: job,
    at: 8,
    quiet: {
      [of('offramp_hook_calls_total', { outcome: 'ok' })]: '0+7x20',
      [of('offramp_hook_calls_total', { outcome: 'error' })]: '3x20',
    },
  },
  OfframpPanics: {
    fires: { [of('offramp_hook_panics_total')]: '0x5 1x10' },
    labels: job,
    at: 8,
    quiet: { [of('offramp_hook_panics_total')]: '1x20' },
  },
  OfframpRefusesCalls: {
    fires: { [of('offramp_calls_refused_total', { reason: 'queue-full' })]: '0x5 1x10' },
    labels: { ...job, reason: 'queue-full' },
    at: 8,
    // At the end of a pod, and long ago.
    quiet: {
      [of('offramp_calls_refused_total', { reason: 'stopping' })]: '0+1x20',
      [of('offramp_calls_refused_total', { reason: 'too-large' })]: '2x20',
    },
  },
  OfframpRefusesConnections: {
    fires: { [refused('grpc', 'expired-certificate')]: '0x10 1x20' },
    labels: { ...job, reason: 'expired-certificate' },
    at: 20,
    // A slow browser at the status page.
    quiet: {
      [refused('http', 'too-slow')]: '0+1x30',
      [refused('grpc', 'expired-certificate')]: '3x30',
    },
  },
  OfframpCertificateRefused: {
    fires: { [of('offramp_tls_reload_errors_total')]: '0x10 1x40' },
    labels: job,
    at: 35,
    quiet: {
      [of('offramp_tls_reload_errors_total')]: '1x50',
      [of('offramp_tls_reloads_total')]: '0+1x50',
    },
  },
  OfframpCertificateEnds: {
    // Of two pods one got the new certificate. Time starts at 0.
    fires: {
      [expiry('server')]: `${6 * day}x40`,
      [expiry('server', two)]: `${90 * day}x40`,
    },
    labels: { ...job, certificate: 'server' },
    at: 20,
    quiet: {
      [expiry('server')]: `${6 * day}x10 ${90 * day}x30`,
      [expiry('client-ca')]: '864000x40',
    },
  },
  OfframpInvariantViolated: {
    fires: { [violated('invariant-weights')]: '0x5 1x10', [violated('invariant-name')]: '0x20' },
    labels: { ...job, reason: 'invariant-weights' },
    at: 8,
    // Long ago, and what was left alone for a reason that is no bug.
    quiet: {
      [violated('invariant-weights')]: '1x20',
      [skipped('shared-cluster')]: '0+1x20',
    },
  },
  OfframpIsSlow: {
    fires: {
      [durationBucket('1')]: '0+90x20',
      [durationBucket('2.5')]: '0+100x20',
      [durationBucket('+Inf')]: '0+100x20',
    },
    labels: job,
    at: 15,
    // One in two hundred.
    quiet: {
      [durationBucket('1')]: '0+199x20',
      [durationBucket('2.5')]: '0+200x20',
      [durationBucket('+Inf')]: '0+200x20',
    },
  },
  OfframpSnapshotIsLarge: {
    fires: { [sizeBucket('67108864')]: '0+5x20', [sizeBucket('+Inf')]: '0+6x20' },
    labels: job,
    at: 18,
    quiet: { [sizeBucket('67108864')]: '0+6x20', [sizeBucket('+Inf')]: '0+6x20' },
  },
  OfframpStateIsOld: {
    fires: { [of('offramp_state_age_seconds', { source: 'kubernetes' })]: '0+60x20' },
    labels: { ...job, instance: one, source: 'kubernetes' },
    at: 6,
    quiet: { [of('offramp_state_age_seconds', { source: 'kubernetes' })]: '0+60x5 0x20' },
  },
  OfframpMayNotRead: {
    fires: {
      [of('offramp_kubernetes_watches', { kind: 'Connector', condition: 'forbidden' })]: '1x20',
    },
    labels: { ...job, kind: 'Connector' },
    at: 5,
    quiet: {
      [of('offramp_kubernetes_watches', { kind: 'Connector', condition: 'forbidden' })]: '0x20',
      [of('offramp_kubernetes_watches', { kind: 'Connector', condition: 'absent' })]: '1x20',
    },
  },
  OfframpObjectsUnusable: {
    fires: { [of('offramp_state_unusable_objects', { source: 'kubernetes' })]: '2x30' },
    labels: job,
    at: 20,
    quiet: { [of('offramp_state_unusable_objects', { source: 'kubernetes' })]: '2x10 0x20' },
  },
  OfframpRetriggerFails: {
    fires: { [of('offramp_retriggers_total', failed)]: '0x5 1x10' },
    labels: job,
    at: 8,
    quiet: { [of('offramp_retriggers_total', { outcome: 'ok' })]: '0+1x20' },
  },
  OfframpSelfCorrectionFails: {
    fires: { [of('offramp_self_corrections_total', failed)]: '0x5 1x10' },
    labels: job,
    at: 8,
    quiet: { [of('offramp_self_corrections_total', { outcome: 'ok' })]: '0+1x20' },
  },
  OfframpEmptyBackendsUnresolved: {
    fires: { [unresolved('weights-disagree')]: '0+1x60' },
    labels: { ...job, reason: 'weights-disagree' },
    at: 40,
    // Once, while Envoy Gateway and Offramp saw different moments.
    quiet: { [unresolved('weights-disagree')]: '0x10 1x50' },
  },
  OfframpSkips: {
    fires: { [skipped('shared-cluster')]: '0+1x60' },
    labels: { ...job, reason: 'shared-cluster' },
    at: 40,
    // Said by another alert, and not worth one.
    quiet: {
      [skipped('endpoints-unknown')]: '0+1x60',
      [skipped('fallback-route-missing')]: '0+1x60',
      [skipped('invariant-weights')]: '0+1x60',
    },
  },
  OfframpRecordingFails: {
    fires: { [of('offramp_recordings_total', failed)]: '0x5 1x10' },
    labels: job,
    at: 8,
    quiet: {
      [of('offramp_recordings_total', { outcome: 'dropped' })]: '0+1x20',
      [of('offramp_recordings_total', { outcome: 'ok' })]: '0+1x20',
    },
  },
  OfframpFallbackNotReplayed: {
    fires: { [of(notReplayed, vm)]: '0x5 1x10' },
    labels: { ...job, ...vm },
    at: 8,
    quiet: {
      [of(notReplayed, vm)]: '0x20',
      [of('envoy_cluster_upstream_internal_redirect_succeeded_total', vm)]: '0+9x20',
    },
  },
  OfframpControlPlaneFails: {
    fires: {
      [answered('replay', '2')]: '0+90x30',
      [answered('remembered', '5')]: '0+10x30',
    },
    labels: job,
    at: 15,
    // Four in a hundred; and 5xx of other routes, which are not the fallback's.
    quiet: {
      [answered('replay', '2')]: '0+96x30',
      [answered('replay', '5')]: '0+4x30',
      'envoy_vhost_route_upstream_rq_xx{envoy_route="other",envoy_response_code_class="5"}':
        '0+90x30',
    },
  },
};
