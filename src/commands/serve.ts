import { type DestinationStream, type Logger, pino } from 'pino';
import { milliseconds } from '../config/durations.ts';
import { type LoadedConfig, loadConfig } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import { LogLevel } from '../observe/log-level.ts';
import { Metrics } from '../observe/metrics.ts';
import { openTracing, type Tracing } from '../observe/tracing.ts';
import { packageVersion } from '../package-version.ts';
import { Recorder } from '../record/recorder.ts';
import { RecordingFolder } from '../record/recording-folder.ts';
import { startAdminServer } from '../server/admin-server.ts';
import { implementExtension } from '../server/extension-service.ts';
import { type GrpcServer, startGrpcServer } from '../server/grpc-server.ts';
import { Hook } from '../server/hook.ts';
import { type HttpServer, startHttpServer } from '../server/http-server.ts';
import { ServerReadiness } from '../server/readiness.ts';
import { startWatchdog } from '../server/watchdog.ts';
import { summarizeConfiguration } from '../status/configuration-summary.ts';
import { SnapshotLog } from '../status/snapshot-log.ts';
import { StatusPages } from '../status/status-pages.ts';
import { type OpenState, openState } from './open-state.ts';
import { type RecordFlags, type RecordSettings, readRecordFlags } from './record-options.ts';

/** Milliseconds that running calls get to finish after SIGTERM; Kubernetes kills after 30 s. */
const shutdownGraceMs = 20_000;

/** Milliseconds that the last traces get to be sent in, after that. */
const lastTracesMs = 5_000;

/** Options of `offramp serve`. */
interface ServeOptions extends RecordFlags {
  readonly config?: string;
}

/** A configuration, and what to record; without `record`, nothing. */
export interface StartOptions extends LoadedConfig {
  readonly record?: RecordSettings | undefined;
}

/** A server that is up: where it listens, and how to end it. */
export interface RunningOfframp {
  readonly grpcAddress: string;
  readonly httpAddress: string;
  stop(): Promise<void>;
}

/** `offramp serve`: runs until SIGTERM or SIGINT. Throws OfframpError before it is up. */
export async function serve(options: ServeOptions): Promise<void> {
  const asked = untilAskedToStop(); // before the start, so that no signal kills us half-way
  const record = readRecordFlags(options);
  let level: LogLevel | undefined;
  // From the start: while nobody listens, the signal ends the process.
  process.on('SIGUSR2', () => level?.switch('SIGUSR2'));
  const loaded = loadConfig(options.config);
  const watchdog = startWatchdog(milliseconds(loaded.config.watchdog.blockedFor));
  const offramp = await Offramp.start({ ...loaded, record });
  level = offramp.level;
  try {
    await Promise.race([asked, offramp.bindWhenSynced()]);
    await asked;
  } finally {
    await offramp.stop();
    await watchdog.stop();
    // Nothing of ours is left to do; a request to a collector that hangs would go on for its timeout.
    setTimeout(() => process.exit(), 500).unref();
  }
}

/** Resolves at the first SIGTERM or SIGINT. */
export function untilAskedToStop(): Promise<void> {
  return new Promise((resolve) => {
    process.once('SIGTERM', () => resolve());
    process.once('SIGINT', () => resolve());
  });
}

/** Starts the whole server; resolves when hook calls are answered. */
export async function startOfframp(
  loaded: StartOptions,
  logTo?: DestinationStream,
): Promise<RunningOfframp> {
  const offramp = await Offramp.start(loaded, logTo);
  try {
    const grpcAddress = await offramp.bindWhenSynced();
    return { grpcAddress, httpAddress: offramp.httpAddress, stop: () => offramp.stop() };
  } catch (error) {
    await offramp.stop();
    throw error;
  }
}

/** What a server is made of. */
interface Parts extends OpenState {
  readonly config: Config;
  readonly folder: string;
  readonly metrics: Metrics;
  readonly log: Logger;
  readonly level: LogLevel;
  readonly readiness: ServerReadiness;
  readonly http: HttpServer;
  readonly admin: HttpServer | undefined;
  readonly recorder: Recorder | undefined;
  readonly tracing: Tracing | undefined;
  readonly snapshots: SnapshotLog;
}

/** A server that is up, or on its way there. */
export class Offramp {
  readonly #parts: Parts;
  #grpc: GrpcServer | undefined;
  #isStopping = false;

  private constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Starts to read the state, and HTTP, so that it can say why gRPC is not up yet. */
  static async start(loaded: StartOptions, logTo?: DestinationStream): Promise<Offramp> {
    const { config, folder, record } = loaded;
    const log = createLog(config, logTo);
    const metrics = new Metrics(config.metrics.prefix);
    const tracing = await openTracing(process.env, log);
    const recorder = record && startRecorder(record, metrics, log);
    const state = await openState(loaded, { metrics, log });
    metrics.observeSource(state.source);
    const readiness = new ServerReadiness(state.source, state.retrigger);
    metrics.observeReadiness(() => readiness.check().checks);
    const level = new LogLevel(log, config.log.level);
    const snapshots = new SnapshotLog((problem) =>
      log.error({ problem }, 'not on the status page'),
    );
    const pages = openStatusPages({ config, readiness, source: state.source, snapshots });
    const parts = {
      ...state,
      config,
      folder,
      metrics,
      log,
      level,
      readiness,
      recorder,
      tracing,
      snapshots,
    };
    try {
      return new Offramp({ ...parts, ...(await startHttp(parts, pages)) });
    } catch (error) {
      state.retrigger?.stop();
      state.source.stop();
      throw error;
    }
  }

  get level(): LogLevel {
    return this.#parts.level;
  }

  get httpAddress(): string {
    return this.#parts.http.address;
  }

  /**
   * Binds gRPC once the state was read: Envoy Gateway would publish what is answered from a state
   * that is not there yet. Answers the address. Throws OfframpError: address-unusable.
   */
  async bindWhenSynced(): Promise<string> {
    const {
      source,
      retrigger,
      config,
      folder,
      metrics,
      log,
      readiness,
      http,
      admin,
      recorder,
      tracing,
      snapshots,
    } = this.#parts;
    await source.whenSynced();
    const hook = new Hook({
      mode: config.mode,
      settings: config,
      callBudget: milliseconds(config.grpc.limits.callBudget),
      currentState: () => source.state,
      ...(retrigger && { watchCall: () => retrigger.watchCall() }),
      history: snapshots,
      metrics,
      log,
      tracing,
    });
    const implementation = implementExtension(hook, metrics, log, (request) =>
      recorder?.record(request),
    );
    const grpc = await startGrpcServer(config.grpc.address, implementation, {
      limits: config.grpc.limits,
      tls: config.grpc.tls && { config: config.grpc.tls, folder },
      metrics: metrics.server,
      log,
    });
    this.#grpc = grpc;
    if (this.#isStopping) {
      await grpc.stop(0);
      return grpc.address;
    }
    readiness.grpcIsBound(grpc.address);
    grpc.setServing(true);
    log.info(
      {
        grpc: grpc.address,
        http: http.address,
        ...(admin && { admin: admin.address }),
        mode: config.mode,
      },
      'serving',
    );
    return grpc.address;
  }

  /** Takes no new calls, lets running ones finish. */
  async stop(): Promise<void> {
    const { source, retrigger, log, readiness, http, admin, recorder, tracing } = this.#parts;
    log.info('stopping: no new calls are taken, running ones are finished');
    this.#isStopping = true;
    readiness.stopping();
    this.#grpc?.setServing(false);
    const deadline = performance.now() + shutdownGraceMs;
    await this.#grpc?.stop(shutdownGraceMs);
    await recorder?.stop(Math.max(0, deadline - performance.now()));
    await tracing?.stop(Math.min(lastTracesMs, Math.max(1_000, deadline - performance.now())));
    await admin?.stop();
    await http.stop();
    retrigger?.stop();
    source.stop();
    log.info('stopped');
  }
}

/** Everything that speaks HTTP. */
async function startHttp(
  parts: Pick<Parts, 'config' | 'metrics' | 'readiness' | 'level' | 'log'>,
  pages: StatusPages,
): Promise<Pick<Parts, 'http' | 'admin'>> {
  const { config, level } = parts;
  const http = await startHttpServer(config.http, { ...parts, pages });
  try {
    return { http, admin: config.admin && (await startAdminServer(config.admin.address, level)) };
  } catch (error) {
    await http.stop();
    throw error;
  }
}

function createLog(config: Config, logTo: DestinationStream | undefined): Logger {
  const options = { level: config.log.level, base: null };
  return logTo === undefined ? pino(options) : pino(options, logTo);
}

function openStatusPages(
  parts: Pick<Parts, 'config' | 'readiness' | 'source' | 'snapshots'>,
): StatusPages {
  const settings = summarizeConfiguration(parts.config);
  return new StatusPages({
    ...parts,
    settings,
    version: packageVersion(),
    startedAt: Date.now() - process.uptime() * 1000,
  });
}

function startRecorder(record: RecordSettings, metrics: Metrics, log: Logger): Recorder {
  const { maxFiles, maxBytes, withSecrets } = record;
  const folder = new RecordingFolder(record.folder, { maxFiles, maxBytes });
  const told = { folder: folder.path, maxFiles, maxBytes };
  if (withSecrets) log.warn(told, 'hook requests are recorded with their secrets: private keys');
  else log.info(told, 'hook requests are recorded, without their secrets');
  return new Recorder({ folder, withSecrets, metrics, log });
}
