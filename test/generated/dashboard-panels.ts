/** A PromQL expression, and how each of its series is called. */
interface Query {
  readonly expr: string;
  readonly legend: string;
}

/** One panel: what it shows, what to make of it, and how. */
export interface PanelPlan {
  readonly title: string;
  readonly meaning: string;
  /** Of Grafana's units: `s`, `bytes`, `short`, `reqps`. */
  readonly unit: string;
  readonly shape: 'lines' | 'state' | 'table';
  readonly queries: readonly Query[];
}

/** Panels that answer one question of an operator. */
export interface RowPlan {
  readonly title: string;
  readonly panels: readonly PanelPlan[];
}

const offramp = 'job=~"$job"';
const recent = '[$__rate_interval]';

function lines(
  title: string,
  unit: string,
  meaning: string,
  ...queries: readonly Query[]
): PanelPlan {
  return { title, meaning, unit, shape: 'lines', queries };
}

function rate(metric: string, by: string, more = ''): Query {
  const expr = `sum by (${by}) (rate(${metric}{${offramp}${more}}${recent}))`;
  return { expr, legend: `{{${by}}}` };
}

function quantile(metric: string, part: number): Query {
  const buckets = `sum by (le) (rate(${metric}_bucket{${offramp}}${recent}))`;
  return { expr: `histogram_quantile(${part}, ${buckets})`, legend: `${part * 100} %` };
}

/** What one hook call counted on average: Envoy Gateway sends the whole snapshot each time. */
function perCall(metric: string, legend: string, by = ''): Query {
  const grouped = by === '' ? 'sum' : `sum by (${by})`;
  const calls = `sum(rate(offramp_hook_calls_total{${offramp}}${recent}))`;
  const divided = by === '' ? '/' : '/ on () group_left ()';
  const expr = `${grouped} (rate(${metric}{${offramp}}${recent})) ${divided} ${calls}`;
  return { expr, legend };
}

function highest(metric: string, by: string, more = ''): Query {
  return { expr: `max by (${by}) (${metric}{${offramp}${more}})`, legend: `{{${by}}}` };
}

const isItWell: RowPlan = {
  title: 'Is it well?',
  panels: [
    {
      title: 'Ready',
      meaning: 'Each pod. Envoy Gateway publishes nothing new while none is ready.',
      unit: 'short',
      shape: 'state',
      queries: [{ expr: `min by (instance) (offramp_ready{${offramp}})`, legend: '{{instance}}' }],
    },
    {
      title: 'Why not ready',
      meaning: 'What is missing. /readyz of the pod says more.',
      unit: 'short',
      shape: 'table',
      queries: [
        { expr: `min by (instance, check) (offramp_ready{${offramp}}) == 0`, legend: '{{check}}' },
      ],
    },
    {
      title: 'Alerts',
      meaning: 'Those that fire. docs/monitoring.md says what to do about each.',
      unit: 'short',
      shape: 'table',
      queries: [
        {
          expr: 'count by (alertname, severity) (ALERTS{alertname=~"Offramp.*", alertstate="firing"})',
          legend: '{{alertname}}',
        },
      ],
    },
    lines(
      'Age of the state',
      's',
      'How long the state in use has not been known to be current. 0 while all is well.',
      highest('offramp_state_age_seconds', 'source'),
    ),
    {
      title: 'Kinds that are not watched',
      meaning: 'Of Kubernetes: waiting, stale, absent or forbidden.',
      unit: 'short',
      shape: 'table',
      queries: [
        {
          expr: `max by (kind, condition) (offramp_kubernetes_watches{${offramp}, condition!="watching"}) > 0`,
          legend: '{{kind}} {{condition}}',
        },
      ],
    },
  ],
};

const hookCalls: RowPlan = {
  title: 'Hook calls',
  panels: [
    lines(
      'Calls by outcome',
      'reqps',
      'Any outcome but ok is a translation that was not published.',
      rate('offramp_hook_calls_total', 'outcome'),
    ),
    lines(
      'Seconds to answer',
      's',
      'Envoy Gateway waits for each call.',
      quantile('offramp_hook_duration_seconds', 0.5),
      quantile('offramp_hook_duration_seconds', 0.99),
    ),
    lines(
      'Seconds by phase',
      's',
      'Where the time of an average call goes.',
      perCall('offramp_phase_duration_seconds_sum', '{{phase}}', 'phase'),
    ),
    lines(
      'Snapshot size',
      'bytes',
      'Compare with maxMessageSize of Envoy Gateway; Offramp takes 256 MiB.',
      quantile('offramp_snapshot_bytes', 0.5),
      quantile('offramp_snapshot_bytes', 1),
    ),
    lines(
      'gRPC calls by method',
      'reqps',
      'All six hooks, and what was not OK of them.',
      rate('grpc_server_handled_total', 'grpc_method'),
      {
        expr: `sum by (grpc_method, grpc_code) (rate(grpc_server_handled_total{${offramp}, grpc_code!="OK"}${recent}))`,
        legend: '{{grpc_method}} {{grpc_code}}',
      },
    ),
  ],
};

const whatItChanges: RowPlan = {
  title: 'What it changes, in an average snapshot',
  panels: [
    lines(
      'Offline connectors',
      'short',
      'Routes answered, virtual hosts in which something changed, and clusters that became tunnels.',
      perCall('offramp_connector_offline_routes_total', 'routes answered'),
      perCall('offramp_connector_routes_applied_total', 'virtual hosts changed'),
      perCall('offramp_connector_clusters_replaced_total', 'clusters replaced'),
    ),
    lines(
      'Empty backendRefs',
      'short',
      'Those that left their split, and splits that stayed because it could not be told.',
      perCall('offramp_empty_backends_dropped_total', 'dropped'),
      perCall('offramp_empty_backends_unresolved_total', 'unresolved: {{reason}}', 'reason'),
    ),
    lines(
      'Control-plane fallback',
      'short',
      'Routes to VMs that have it.',
      perCall('offramp_fallback_routes_total', 'routes'),
    ),
    lines(
      'Left alone, by reason',
      'short',
      'Of what the state speaks of. explain names them.',
      perCall('offramp_rewrites_skipped_total', '{{reason}}', 'reason'),
    ),
  ],
};

const state: RowPlan = {
  title: 'State, and how it reaches Envoy',
  panels: [
    lines(
      'Connectors by state',
      'short',
      'Those that something belongs to.',
      highest('offramp_connectors', 'state'),
    ),
    lines(
      'Retriggers',
      'reqps',
      'Gateways that Envoy Gateway was made to translate again.',
      rate('offramp_retriggers_total', 'outcome'),
    ),
    lines(
      'Self-corrections',
      'reqps',
      'Retriggers because the last answer went by an older state than Envoy Gateway had.',
      rate('offramp_self_corrections_total', 'outcome'),
    ),
    lines(
      'State file, unusable objects, recordings',
      'short',
      'What could not be read, used or recorded.',
      {
        ...rate('offramp_state_reloads_total', 'outcome', ', outcome="rejected"'),
        legend: 'refused edits',
      },
      { ...highest('offramp_state_unusable_objects', 'source'), legend: 'unusable objects' },
      { ...rate('offramp_recordings_total', 'outcome'), legend: 'recordings {{outcome}}' },
    ),
  ],
};

const whoCalls: RowPlan = {
  title: 'Who calls',
  panels: [
    lines(
      'Connections',
      'short',
      'Open ones, by port. Envoy Gateway has one to gRPC.',
      highest('offramp_connections', 'port'),
    ),
    lines(
      'Refused connections, by reason',
      'reqps',
      'On gRPC: who may not call, or an Envoy Gateway with a wrong certificate. The log has addresses.',
      {
        expr: `sum by (port, reason) (rate(offramp_connections_refused_total{${offramp}}${recent}))`,
        legend: '{{port}} {{reason}}',
      },
    ),
    lines(
      'Calls that wait, and refused ones',
      'short',
      'Both are 0 as a rule: Envoy Gateway makes one hook call at a time.',
      { ...highest('offramp_calls_waiting', 'instance'), legend: '{{instance}} waiting' },
      { ...rate('offramp_calls_refused_total', 'reason'), legend: 'refused: {{reason}}' },
    ),
    lines('Time until certificates end', 's', 'The first of all pods. Empty without grpc.tls.', {
      expr: `min by (certificate) (offramp_certificate_expiry_timestamp_seconds{${offramp}}) - time()`,
      legend: '{{certificate}}',
    }),
  ],
};

const route = 'envoy_route=~"offramp-(replay|remembered)"';
const inEnvoy: RowPlan = {
  title: 'Fallback in Envoy (needs a Prometheus that scrapes the Envoys)',
  panels: [
    lines(
      'Requests that fell back',
      'reqps',
      'By cluster of the VM. Not replayed: their clients got the answer of the VM.',
      {
        expr: `sum by (envoy_cluster_name) (rate(envoy_cluster_upstream_internal_redirect_succeeded_total${recent}))`,
        legend: '{{envoy_cluster_name}}',
      },
      {
        expr: `sum by (envoy_cluster_name) (rate(envoy_cluster_upstream_internal_redirect_failed_total${recent}))`,
        legend: '{{envoy_cluster_name}} not replayed',
      },
    ),
    lines(
      'What the control plane said',
      'reqps',
      'offramp-replay: to requests that fell back. offramp-remembered: to sessions known as gone.',
      {
        expr: `sum by (envoy_route, envoy_response_code_class) (rate(envoy_vhost_route_upstream_rq_xx{${route}}${recent}))`,
        legend: '{{envoy_route}} {{envoy_response_code_class}}xx',
      },
    ),
  ],
};

const ownProcess: RowPlan = {
  title: 'Process',
  panels: [
    lines(
      'Memory',
      'bytes',
      'Resident, and of it the heap. A snapshot needs several times its size for a moment.',
      highest('process_resident_memory_bytes', 'instance'),
      { ...highest('nodejs_heap_size_used_bytes', 'instance'), legend: '{{instance}} heap' },
    ),
    lines(
      'Event loop',
      's',
      'How late timers are, 99 of 100. It is busy while a hook call is answered.',
      highest('nodejs_eventloop_lag_p99_seconds', 'instance'),
    ),
    lines('CPU', 'short', 'Cores in use.', rate('process_cpu_seconds_total', 'instance')),
  ],
};

/** The whole dashboard, from the most urgent question down. */
export const dashboardRows: readonly RowPlan[] = [
  isItWell,
  hookCalls,
  whatItChanges,
  state,
  whoCalls,
  inEnvoy,
  ownProcess,
];
