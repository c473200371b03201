import path from 'node:path';
import { type RunToEndOptions, runToEnd } from '../run-to-end.ts';
import { testbedToolPath } from '../testbed-cache.ts';

/** Runs promtool, which is beside Prometheus; throws with what it printed unless it is content. */
export function promtool(args: readonly string[], options: RunToEndOptions = {}): Promise<string> {
  const program = path.join(path.dirname(testbedToolPath('prometheus')), 'promtool');
  return runToEnd(program, args, options);
}
