import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { stringify } from 'yaml';
import { z } from 'zod';
import { startProcess } from '../child-process.ts';
import { freePort } from '../free-ports.ts';
import { testbedToolPath } from '../testbed-cache.ts';
import { waitFor } from '../wait-for.ts';

/** What to scrape: host:port and path, by job. */
export type ScrapedJobs = Readonly<Record<string, { readonly address: string; path: string }>>;

const sampleSchema = z.object({
  metric: z.record(z.string(), z.string()),
  value: z.tuple([z.number(), z.string().transform(Number)]),
});
const vectorSchema = z.object({
  resultType: z.enum(['vector', 'scalar']),
  result: z.array(z.unknown()),
});
const targetSchema = z.object({
  health: z.string(),
  lastError: z.string(),
  labels: z.looseObject({ job: z.string() }),
});
const targetsSchema = z.object({ activeTargets: z.array(targetSchema) });
const metadataSchema = z.record(z.string(), z.array(z.object({ type: z.string() })));
const ruleSchema = z.looseObject({ name: z.string(), health: z.string(), state: z.string() });
const rulesSchema = z.object({ groups: z.array(z.object({ rules: z.array(ruleSchema) })) });

/** One series of an answer. */
export type Sample = z.output<typeof sampleSchema>;

/** A Prometheus that scrapes each second. */
export interface RunningPrometheus {
  /** What an expression is now; throws with Prometheus' reason when it is none. */
  query(expr: string): Promise<readonly Sample[]>;
  targets(): Promise<readonly z.output<typeof targetSchema>[]>;
  /** The type of each metric that it was told of, also without a series. */
  types(): Promise<ReadonlyMap<string, string>>;
  rules(): Promise<readonly z.output<typeof ruleSchema>[]>;
  stop(): Promise<void>;
}

/** Starts the real one, with a rules file. */
export async function startPrometheus(
  jobs: ScrapedJobs,
  rules: string,
): Promise<RunningPrometheus> {
  const folder = await mkdtemp(path.join(tmpdir(), 'offramp-prometheus-'));
  const file = path.join(folder, 'prometheus.yml');
  await writeFile(file, stringify(configuration(jobs, rules)));
  const address = `127.0.0.1:${await freePort()}`;
  const server = await startProcess({
    name: 'Prometheus',
    command: testbedToolPath('prometheus'),
    args: [
      `--config.file=${file}`,
      `--storage.tsdb.path=${path.join(folder, 'data')}`,
      `--web.listen-address=${address}`,
      // Debian's package has its pages elsewhere; nobody looks at them here.
      `--web.console.libraries=${folder}`,
    ],
  });
  const ask = async (what: string): Promise<unknown> => {
    const response = await fetch(`http://${address}/api/v1/${what}`);
    const { data, error } = z
      .looseObject({ data: z.unknown(), error: z.string().optional() })
      .parse(await response.json());
    if (error !== undefined) throw new Error(`Prometheus: ${error}: ${what}`);
    return data;
  };
  await server.waitForLog(/Server is ready to receive web requests/, 20_000);
  return {
    async query(expr) {
      const { resultType, result } = vectorSchema.parse(
        await ask(`query?query=${encodeURIComponent(expr)}`),
      );
      if (resultType === 'scalar') throw new Error(`${expr} is no vector`);
      return z.array(sampleSchema).parse(result);
    },
    targets: async () => targetsSchema.parse(await ask('targets')).activeTargets,
    async types() {
      const metadata = metadataSchema.parse(await ask('metadata'));
      return new Map(Object.entries(metadata).map(([name, [first]]) => [name, first?.type ?? '']));
    },
    rules: async () => rulesSchema.parse(await ask('rules')).groups.flatMap((group) => group.rules),
    async stop() {
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Waits until Prometheus scraped what is now, `times` over: a rate needs two values. */
export async function waitForScrapes(prometheus: RunningPrometheus, times = 2): Promise<void> {
  const scrapes = async () => {
    const samples = await prometheus.query('count_over_time(up[10m])');
    return Math.min(...samples.map(({ value }) => value[1]));
  };
  const before = await waitFor(
    'a first scrape',
    async () => (await prometheus.query('up')).length > 0 && scrapes(),
    { timeoutMs: 20_000 },
  );
  const enough = async () => (await scrapes()) >= before + times;
  await waitFor('scrapes', enough, { timeoutMs: 30_000 });
}

function configuration(jobs: ScrapedJobs, rules: string): object {
  return {
    global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
    rule_files: [rules],
    scrape_configs: Object.entries(jobs).map(([name, target]) => ({
      job_name: name,
      metrics_path: target.path,
      static_configs: [{ targets: [target.address] }],
    })),
  };
}
