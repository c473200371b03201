import { existsSync, realpathSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { stringify } from 'yaml';
import { type LoadedConfig, loadConfig, readBytes } from '../config/load.ts';
import { formatProblem } from '../config/yaml-file.ts';
import { OfframpError, reasonOf } from '../errors.ts';
import { decodeDifferences } from '../explain/differences.ts';
import { renderText } from '../explain/text.ts';
import { describeSplit } from '../rewrites/empty-backends/describe-split.ts';
import type { State } from '../rewrites/pipeline.ts';
import { answerSnapshot } from '../server/answer-snapshot.ts';
import { noBackendRefs } from '../state/backend-refs.ts';
import { ConnectorView } from '../state/connectors.ts';
import { readStateFile } from '../state/read-state-file.ts';
import { parseStateFile, stateOf } from '../state/state-file.ts';
import { MalformedMessageError } from '../xds/malformed.ts';
import { bytesOf } from '../xds/snapshot.ts';
import type { ExitCode } from './exit-code.ts';
import { readKubernetes } from './open-kubernetes.ts';

/** Forms in which `explain` answers; binpb is the encoded PostTranslateModifyResponse. */
export const outputs = ['text', 'json', 'yaml', 'binpb'] as const;

/** Options of `offramp explain`. */
export interface ExplainOptions {
  readonly config?: string;
  readonly output: (typeof outputs)[number];
  readonly out?: string;
}

/**
 * `offramp explain`: a dry run on a recorded request. Answers 1 when something was skipped.
 * Throws OfframpError when a file, or the cluster, cannot be used.
 */
export async function explain(file: string, options: ExplainOptions): Promise<ExitCode> {
  const loaded = loadConfig(options.config);
  const { config } = loaded;
  const request = readSnapshotFile(file);
  if (options.out !== undefined && isSameFile(file, options.out)) {
    throw new OfframpError('usage', [`--out ${options.out}: this is the recording itself`]);
  }
  const state = await readState(loaded);
  if (config.emptyBackends.endpoints === 'hook') {
    warn('a recording has no endpoints: what emptyBackends.endpoints: hook needs is unknown here');
  }
  const result = answer(file, () =>
    answerSnapshot(
      request,
      { mode: config.mode, settings: { ...config, everySplit: true } },
      state,
    ),
  );
  const { report } = result;
  const response = bytesOf(result.response);
  const explained = {
    snapshot: { file, bytes: request.length },
    mode: config.mode,
    state: state.connectors.connectors,
    summary: result.summary,
    changes: report.changes,
    skips: report.skips,
    splits: result.splits.map(describeSplit),
  };
  const write = (output: string | Uint8Array) => {
    if (options.out === undefined) process.stdout.write(output);
    else writeOut(options.out, output);
  };
  switch (options.output) {
    case 'text':
      write(renderText(explained, options.out === undefined && process.stdout.isTTY));
      break;
    case 'json':
    case 'yaml': {
      const differences = decodeDifferences(result.snapshot, response);
      const whole = { ...explained, differences };
      write(options.output === 'json' ? `${JSON.stringify(whole, null, 2)}\n` : stringify(whole));
      break;
    }
    case 'binpb':
      write(response);
      break;
    default:
      options.output satisfies never;
  }
  return report.skips.length === 0 ? 0 : 1;
}

/** Whether both lead to one file, by links too. */
function isSameFile(one: string, other: string): boolean {
  return existsSync(other) && realpathSync(one) === realpathSync(other);
}

/** A recorded request; gzip is unpacked. */
function readSnapshotFile(file: string): Uint8Array {
  const bytes = readBytes(file);
  // A request without fields; but a full disk leaves such a file too.
  if (bytes.length === 0) warn(`${file}: there is nothing in it`);
  const isGzip = bytes[0] === 0x1f && bytes[1] === 0x8b;
  if (!isGzip) return bytes;
  try {
    return gunzipSync(bytes);
  } catch (error) {
    throw new OfframpError('recording-invalid', [`${file}: ${reasonOf(error)}`]);
  }
}

function answer<T>(file: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof MalformedMessageError)) throw error;
    const problem = `${file}: not a recorded hook request: ${error.message}`;
    throw new OfframpError('recording-invalid', [problem]);
  }
}

/** What the configured source says now. */
async function readState(loaded: LoadedConfig): Promise<State> {
  const { state } = loaded.config;
  if (state.kubernetes === undefined) return readFileState(resolve(loaded.folder, state.file.path));
  const { view, backendRefs, absent } = await readKubernetes(state.kubernetes, loaded);
  for (const kind of absent) warn(`the cluster has no ${kind}: it counts as empty`);
  return { connectors: view, backendRefs };
}

/** What the state file says; nothing, with a warning, when there is none, or nothing in it. */
function readFileState(path: string): State {
  const read = readStateFile(path);
  if (read.kind === 'failed')
    throw new OfframpError('state-invalid', [formatProblem(read.problem)]);
  if (read.kind === 'nothing') {
    warn(`${path}: ${read.reason}: no connector is known`);
    return { connectors: ConnectorView.empty, backendRefs: noBackendRefs };
  }
  const parsed = parseStateFile(path, read.text);
  if (!parsed.ok) throw new OfframpError('state-invalid', parsed.problems.map(formatProblem));
  return stateOf(parsed.value);
}

function warn(text: string): void {
  process.stderr.write(`warning: ${text}\n`);
}

function writeOut(file: string, output: string | Uint8Array): void {
  try {
    writeFileSync(file, output);
  } catch (error) {
    throw new OfframpError('file-unwritable', [`${file}: ${reasonOf(error)}`]);
  }
}
