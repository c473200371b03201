import { resolve } from 'node:path';
import { type DestinationStream, type Logger, pino } from 'pino';
import { type LoadedConfig, loadConfig } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import { formatProblem } from '../config/yaml-file.ts';
import type { ErrorCode } from '../errors.ts';
import { Metrics } from '../observe/metrics.ts';
import { Recorder } from '../record/recorder.ts';
import { RecordingFolder } from '../record/recording-folder.ts';
import { FolderRetrigger } from '../retrigger/folder-retrigger.ts';
import { implementExtension } from '../server/extension-service.ts';
import { startGrpcServer } from '../server/grpc-server.ts';
import { Hook } from '../server/hook.ts';
import { startHttpServer } from '../server/http-server.ts';
import { ServerReadiness } from '../server/readiness.ts';
import { FileStateSource } from '../state/file-source.ts';
import { type RecordFlags, type RecordSettings, readRecordFlags } from './record-options.ts';

/** Milliseconds that running calls get to finish after SIGTERM; Kubernetes kills after 30 s. */
const shutdownGraceMs = 20_000;

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
  const offramp = await startOfframp({ ...loadConfig(options.config), record });
  await asked;
  await offramp.stop();
}

/** Resolves at the first SIGTERM or SIGINT. */
export function untilAskedToStop(): Promise<void> {
  return new Promise((resolve) => {
    process.once('SIGTERM', () => resolve());
    process.once('SIGINT', () => resolve());
  });
}

/** Starts the whole server: HTTP first, so that it can say why gRPC is not up yet. */
export async function startOfframp(
  { config, folder, record }: StartOptions,
  logTo?: DestinationStream,
): Promise<RunningOfframp> {
  const log = createLog(config, logTo);
  const metrics = new Metrics(config.metrics.prefix);
  const recorder = record && startRecorder(record, metrics, log);
  const watched = config.retrigger.folder;
  const retrigger =
    watched === undefined
      ? undefined
      : new FolderRetrigger({ folder: resolve(folder, watched), metrics, log });
  const stateChanged = (state: unknown) => retrigger?.stateChanged(state);
  const statePath = resolve(folder, config.state.file.path);
  const source = watchStateFile(statePath, { metrics, log, stateChanged });
  const readiness = new ServerReadiness(source);
  metrics.observeSource(source);
  const hook = new Hook({
    mode: config.mode,
    settings: { connectors: config.connectors },
    currentState: () => source.state,
    ...(retrigger && { sawSnapshot: (snapshot) => retrigger.sawSnapshot(snapshot) }),
    metrics,
    log,
  });
  try {
    const http = await startHttpServer(config.http.address, metrics.registry, readiness);
    const grpc = await startGrpcServer(
      config.grpc.address,
      implementExtension(hook, metrics, log, (request) => recorder?.record(request)),
    ).catch(async (error: unknown) => {
      await http.stop();
      throw error;
    });
    readiness.grpcIsBound(grpc.address);
    grpc.setServing(true);
    log.info({ grpc: grpc.address, http: http.address, mode: config.mode }, 'serving');
    return {
      grpcAddress: grpc.address,
      httpAddress: http.address,
      async stop() {
        log.info('stopping: no new calls are taken, running ones are finished');
        readiness.stopping();
        grpc.setServing(false);
        const deadline = performance.now() + shutdownGraceMs;
        await grpc.stop(shutdownGraceMs);
        await recorder?.stop(Math.max(0, deadline - performance.now()));
        await http.stop();
        source.stop();
        retrigger?.stop();
        log.info('stopped');
      },
    };
  } catch (error) {
    source.stop();
    retrigger?.stop();
    throw error;
  }
}

function createLog(config: Config, logTo: DestinationStream | undefined): Logger {
  const options = { level: config.log.level, base: null };
  return logTo === undefined ? pino(options) : pino(options, logTo);
}

function startRecorder(record: RecordSettings, metrics: Metrics, log: Logger): Recorder {
  const { maxFiles, maxBytes, withSecrets } = record;
  const folder = new RecordingFolder(record.folder, { maxFiles, maxBytes });
  const told = { folder: folder.path, maxFiles, maxBytes };
  if (withSecrets) log.warn(told, 'hook requests are recorded with their secrets: private keys');
  else log.info(told, 'hook requests are recorded, without their secrets');
  return new Recorder({ folder, withSecrets, metrics, log });
}

interface StateWatch {
  readonly metrics: Metrics;
  readonly log: Logger;
  readonly stateChanged: (state: unknown) => void;
}

function watchStateFile(path: string, watch: StateWatch): FileStateSource {
  const { metrics, log, stateChanged } = watch;
  return new FileStateSource(path, {
    loaded(connectors) {
      metrics.stateReloads.inc({ outcome: 'loaded' });
      log.info({ file: path, connectors: connectors.length }, 'state file read');
      stateChanged(connectors);
    },
    rejected(problems) {
      metrics.stateReloads.inc({ outcome: 'rejected' });
      const reasons = problems.map(formatProblem);
      const code: ErrorCode = 'state-invalid';
      log.error(
        { code, file: path, problems: reasons },
        'state file refused; the last good state stays',
      );
    },
    absent(_path, reason) {
      log.warn({ file: path, reason }, 'no connector is known until the state file says so');
    },
  });
}
