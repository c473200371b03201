import { resolve } from 'node:path';
import type { Logger } from 'pino';
import type { LoadedConfig } from '../config/load.ts';
import { formatProblem } from '../config/yaml-file.ts';
import type { ErrorCode } from '../errors.ts';
import type { Check } from '../observe/check.ts';
import type { Metrics } from '../observe/metrics.ts';
import type { CallWatch } from '../retrigger/call-watch.ts';
import { FolderRetrigger } from '../retrigger/folder-retrigger.ts';
import { FileStateSource } from '../state/file-source.ts';
import type { StateSource } from '../state/source.ts';
import { openKubernetes } from './open-kubernetes.ts';

/** What brings changes of the state to Envoy. */
export interface Retrigger {
  /** Told of each hook call before the state is read for it. */
  watchCall(): CallWatch;
  /** What is worth knowing of it. */
  checks(): readonly Check[];
  stop(): void;
}

/** The state source that the configuration asks for, and the retrigger that fits it. */
export interface OpenState {
  readonly source: StateSource;
  readonly retrigger: Retrigger | undefined;
}

/** Where sources and retriggers tell of what happens. */
export interface Surroundings {
  readonly metrics: Metrics;
  readonly log: Logger;
}

/**
 * Starts to read the state. Throws OfframpError: state-invalid, configuration-invalid,
 * file-unreadable.
 */
export async function openState(
  loaded: LoadedConfig,
  surroundings: Surroundings,
): Promise<OpenState> {
  const { config, folder } = loaded;
  const { kubernetes, file } = config.state;
  if (kubernetes === undefined) {
    const retrigger = openFolder(config.retrigger.folder, folder, surroundings);
    const path = resolve(folder, file.path);
    return { source: watchStateFile(path, retrigger, surroundings), retrigger };
  }
  return openKubernetes(kubernetes, loaded, surroundings);
}

function openFolder(
  watched: string | undefined,
  folder: string,
  surroundings: Surroundings,
): FolderRetrigger | undefined {
  if (watched === undefined) return undefined;
  return new FolderRetrigger({ folder: resolve(folder, watched), ...surroundings });
}

function watchStateFile(
  path: string,
  retrigger: FolderRetrigger | undefined,
  { metrics, log }: Surroundings,
): FileStateSource {
  return new FileStateSource(path, {
    loaded(state) {
      metrics.stateReloads.inc({ outcome: 'loaded' });
      const { connectors, backendRefs, digest } = state;
      const counts = { connectors: connectors.length, backend_refs: backendRefs.length };
      log.info({ file: path, ...counts }, 'state file read');
      retrigger?.stateChanged(digest);
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
