// The thread that parses large state files: the process goes on answering meanwhile.
import { parentPort, workerData } from 'node:worker_threads';
import { packState, prepareState } from './prepared-state.ts';
import { parseStateFile } from './state-file.ts';
import type { ParsedState, StateFileText } from './state-file-parser.ts';

const { file, text }: StateFileText = workerData;
const parsed = parseStateFile(file, text);
const answer: ParsedState = parsed.ok
  ? { ok: true, packed: packState(prepareState(parsed.value)) }
  : { ok: false, problems: parsed.problems };
parentPort?.postMessage(answer);
