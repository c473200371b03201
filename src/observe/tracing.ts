import type { Logger } from 'pino';
import type { Outcome } from './metrics.ts';

/** What a span says of its call, beside its times. */
export type TraceAttributes = Readonly<Record<string, string | number>>;

/** Ends a part of a call; `failed` when it threw. */
export type EndPhase = (failed: boolean) => void;

/** The trace of one hook call. */
export interface HookTrace {
  /** 32 hexadecimal digits; the log line has them too. */
  readonly traceId: string;
  /** Begins a part of the call, as a span of its own below the call's; what it answers ends that. */
  startPhase(name: string): EndPhase;
  /** What came of the call. */
  describe(attributes: TraceAttributes): void;
  /** Ends the call's span. `error` is what was thrown. */
  end(outcome: Outcome, error?: unknown): void;
}

/** Gives the value of a header of the call, in lower case, or undefined. */
export type ReadHeader = (name: string) => string | undefined;

/** Where hook calls are traced to. */
export interface Tracing {
  /** Begins the trace of a call, below the span that its caller names in `traceparent`. */
  startCall(readHeader: ReadHeader): HookTrace;
  /** Sends what is waiting, if that takes no longer than `withinMs` milliseconds. */
  stop(withinMs: number): Promise<void>;
}

/** Environment variables, as the process has them. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** How spans can leave: to a collector by OTLP, or to standard output. */
export type SpanExporterName = 'otlp' | 'console';

/**
 * Which exporters OpenTelemetry's own variables ask for; none without any. An endpoint alone asks for
 * OTLP, `OTEL_SDK_DISABLED=true` and `OTEL_TRACES_EXPORTER=none` for nothing.
 */
export function wantedExporters(env: Environment): {
  readonly exporters: readonly SpanExporterName[];
  readonly unknown: readonly string[];
} {
  const nothing = { exporters: [], unknown: [] };
  if (env.OTEL_SDK_DISABLED?.trim().toLowerCase() === 'true') return nothing;
  const endpoint = env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT || env.OTEL_EXPORTER_OTLP_ENDPOINT;
  const named = env.OTEL_TRACES_EXPORTER || (endpoint ? 'otlp' : 'none');
  const names = named.split(',').map((name) => name.trim());
  if (names.includes('none')) return nothing;
  return {
    exporters: (['otlp', 'console'] as const).filter((name) => names.includes(name)),
    unknown: names.filter((name) => name !== 'otlp' && name !== 'console'),
  };
}

/** Starts tracing when the environment asks for it; only then is any of it loaded. */
export async function openTracing(env: Environment, log: Logger): Promise<Tracing | undefined> {
  const { exporters, unknown } = wantedExporters(env);
  if (unknown.length > 0) {
    log.warn({ unknown }, 'OTEL_TRACES_EXPORTER: known are otlp, console and none');
  }
  if (exporters.length === 0) return undefined;
  const { startOpenTelemetry } = await import('./open-telemetry.ts');
  return startOpenTelemetry(env, exporters, log);
}
