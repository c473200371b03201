import {
  type Context,
  context,
  DiagLogLevel,
  diag,
  type Span,
  SpanKind,
  SpanStatusCode,
  type TextMapGetter,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import { callWithTimeout, W3CTraceContextPropagator } from '@opentelemetry/core';
import {
  defaultResource,
  detectResources,
  envDetector,
  resourceFromAttributes,
} from '@opentelemetry/resources';
import {
  BasicTracerProvider,
  BatchSpanProcessor,
  ConsoleSpanExporter,
  SimpleSpanProcessor,
  type SpanExporter,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import type { Logger } from 'pino';
import { reasonOf } from '../errors.ts';
import type { Outcome } from './metrics.ts';
import type {
  EndPhase,
  Environment,
  HookTrace,
  ReadHeader,
  SpanExporterName,
  TraceAttributes,
  Tracing,
} from './tracing.ts';

const rpc = {
  service: 'envoygateway.extension.EnvoyGatewayExtension',
  method: 'PostTranslateModify',
} as const;

const headers: TextMapGetter<ReadHeader> = {
  get: (readHeader, name) => readHeader(name),
  keys: () => [],
};

/**
 * Starts OpenTelemetry's SDK by its standard variables: exporter, endpoint, protocol, headers,
 * certificates, sampler, limits, batches, service name and resource attributes.
 */
export async function startOpenTelemetry(
  env: Environment,
  exporters: readonly SpanExporterName[],
  log: Logger,
): Promise<Tracing> {
  logProblems(log);
  const provider = new BasicTracerProvider({
    resource: defaultResource()
      .merge(resourceFromAttributes({ 'service.name': 'offramp' }))
      .merge(detectResources({ detectors: [envDetector] })),
    spanProcessors: await Promise.all(exporters.map((name) => openProcessor(name, env, log))),
  });
  const tracer = provider.getTracer('offramp');
  const propagator = new W3CTraceContextPropagator();
  log.info({ exporters }, 'hook calls are traced');
  return {
    startCall: (readHeader) =>
      new SpanTrace(tracer, propagator.extract(context.active(), readHeader, headers)),
    async stop(withinMs) {
      // A collector that is away or hangs must not keep us from ending; what it did not get is lost.
      await callWithTimeout(provider.shutdown(), withinMs).catch((error: unknown) => {
        log.warn({ reason: reasonOf(error) }, 'the last traces could not be sent');
      });
    },
  };
}

/** What the SDK has to complain of goes into our log, and not between its lines. */
function logProblems(log: Logger): void {
  const say = (level: 'error' | 'warn' | 'debug') => (detail: string) => {
    log[level]({ detail }, 'OpenTelemetry');
  };
  const [error, warn, debug] = [say('warn'), say('warn'), say('debug')];
  diag.setLogger(
    { error, warn, info: debug, debug, verbose: debug },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
}

async function openProcessor(
  name: SpanExporterName,
  env: Environment,
  log: Logger,
): Promise<SpanProcessor> {
  if (name === 'console') return new SimpleSpanProcessor(new ConsoleSpanExporter());
  return new BatchSpanProcessor(await openOtlp(env, log));
}

/** Of the three forms of OTLP only the one that is asked for is loaded. */
async function openOtlp(env: Environment, log: Logger): Promise<SpanExporter> {
  const protocol =
    env.OTEL_EXPORTER_OTLP_TRACES_PROTOCOL || env.OTEL_EXPORTER_OTLP_PROTOCOL || 'http/protobuf';
  switch (protocol) {
    case 'grpc':
      return new (await import('@opentelemetry/exporter-trace-otlp-grpc')).OTLPTraceExporter();
    case 'http/json':
      return new (await import('@opentelemetry/exporter-trace-otlp-http')).OTLPTraceExporter();
    default:
      if (protocol !== 'http/protobuf') {
        log.warn({ protocol }, 'OTEL_EXPORTER_OTLP_PROTOCOL: taken for http/protobuf');
      }
      return new (await import('@opentelemetry/exporter-trace-otlp-proto')).OTLPTraceExporter();
  }
}

/** All times by one clock: left to themselves, spans may seem to end before what is inside them. */
class SpanTrace implements HookTrace {
  readonly #tracer: Tracer;
  readonly #call: Span;
  #inner: Context;

  constructor(tracer: Tracer, parent: Context) {
    this.#tracer = tracer;
    const attributes = {
      'rpc.system': 'grpc',
      'rpc.service': rpc.service,
      'rpc.method': rpc.method,
    };
    const options = { kind: SpanKind.SERVER, attributes, startTime: performance.now() };
    this.#call = tracer.startSpan(`${rpc.service}/${rpc.method}`, options, parent);
    this.#inner = trace.setSpan(parent, this.#call);
  }

  get traceId(): string {
    return this.#call.spanContext().traceId;
  }

  startPhase(name: string): EndPhase {
    const span = this.#tracer.startSpan(name, { startTime: performance.now() }, this.#inner);
    const outer = this.#inner;
    this.#inner = trace.setSpan(outer, span);
    return (failed) => {
      if (failed) span.setStatus({ code: SpanStatusCode.ERROR });
      this.#inner = outer;
      span.end(performance.now());
    };
  }

  describe(attributes: TraceAttributes): void {
    this.#call.setAttributes(attributes);
  }

  end(outcome: Outcome, error?: unknown): void {
    this.#call.setAttribute('offramp.outcome', outcome);
    if (error !== undefined) {
      this.#call.recordException(error instanceof Error ? error : String(error), performance.now());
      this.#call.setStatus({ code: SpanStatusCode.ERROR, message: reasonOf(error) });
    }
    this.#call.end(performance.now());
  }
}
