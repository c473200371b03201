import { setTimeout as sleep } from 'node:timers/promises';
import { type Chore, doChores } from './chores.ts';
import { okCalls } from './http-port.ts';
import { readOpenThings, sampleProcess } from './process-usage.ts';
import { SteadyCalls } from './steady-calls.ts';
import { judge, type OpenThings, type Sample, type Verdict } from './verdict.ts';
import { learnAnswers, startWorld, type World } from './world.ts';

/** How long, and how much. */
export interface SoakPlan {
  readonly folder: string;
  readonly minutes: number;
  readonly gateways: number;
  readonly callsPerSecond: number;
  readonly warmUpSeconds: number;
  readonly say: (line: string) => void;
}

/** What was done, without the warm-up. */
export type SoakCounts = Record<'calls' | 'changes of state' | 'scrapes' | 'rotations', number>;

/** What a soak did, and how it ended. */
export interface SoakResult {
  readonly counts: Readonly<SoakCounts>;
  readonly samples: readonly Sample[];
  readonly failures: readonly string[];
  readonly verdict: Verdict;
}

/** Milliseconds between two of a kind. */
const every = { sample: 1_000, scrape: 5_000, flip: 7_000, report: 10_000, rotation: 60_000 };

/** Milliseconds after which nothing is left of a connection that was closed. */
const restMs = 5_000;

/** Works Offramp for as long as the plan says, and judges what that left. */
export async function runSoak(plan: SoakPlan): Promise<SoakResult> {
  plan.say(`making snapshots of ${plan.gateways} Gateways`);
  const world = await startWorld(plan.folder, plan.gateways);
  try {
    return await new Soak(plan, world).run();
  } finally {
    await world.offramp.stop();
  }
}

class Soak {
  readonly #plan: SoakPlan;
  readonly #world: World;
  readonly #calls: SteadyCalls;
  readonly #failures: string[] = [];
  /** Hook calls by the metrics before the first steady one. */
  #callsBefore = 0;

  constructor(plan: SoakPlan, world: World) {
    this.#plan = plan;
    this.#world = world;
    const { known, connect } = world;
    const failed = (what: string) => this.#failed(what);
    this.#calls = new SteadyCalls({ known, connect, perSecond: plan.callsPerSecond, failed });
  }

  async run(): Promise<SoakResult> {
    const { say, minutes, warmUpSeconds } = this.#plan;
    say('checking the answers in both states');
    await learnAnswers(this.#world);
    this.#callsBefore = okCalls(await this.#world.metrics());
    say(`warming up for ${warmUpSeconds} s`);
    await this.#work(warmUpSeconds * 1_000);
    const before = await this.#atRest();
    say(`soaking for ${minutes} minutes`);
    const { counts, samples } = await this.#work(minutes * 60_000);
    const after = await this.#atRest();
    await this.#end();
    const failures = this.#failures;
    const verdict = judge({ samples, failures, atRest: { before, after } });
    return { counts, samples, failures, verdict };
  }

  async #work(milliseconds: number) {
    const counts: SoakCounts = { calls: 0, 'changes of state': 0, scrapes: 0, rotations: 0 };
    const samples: Sample[] = [];
    const started = performance.now();
    const sentBefore = this.#calls.sent;
    const chores: Chore[] = [
      { name: 'sample', everyMs: every.sample, work: () => void samples.push(this.#sample()) },
      {
        name: 'state',
        everyMs: every.flip,
        work: () => {
          this.#world.writeState(this.#calls.changeState());
          counts['changes of state']++;
        },
      },
      {
        name: 'scrape',
        everyMs: every.scrape,
        work: async () => {
          await this.#scrape();
          counts.scrapes++;
        },
      },
      {
        name: 'certificates',
        everyMs: every.rotation,
        work: async () => {
          await this.#world.renewCertificates();
          await this.#calls.reconnect();
          counts.rotations++;
        },
      },
      {
        name: 'report',
        everyMs: every.report,
        work: () => this.#report(performance.now() - started),
      },
    ];
    this.#calls.start();
    await doChores(chores, milliseconds, (what) => this.#failed(what));
    await this.#calls.stop();
    counts.calls = this.#calls.sent - sentBefore;
    return { counts, samples };
  }

  #sample(): Sample {
    return sampleProcess(this.#world.offramp.pid);
  }

  /** A scrape is right when it counts the calls that were made, and no more. */
  async #scrape(): Promise<void> {
    const answered = this.#calls.answered;
    const counted = okCalls(await this.#world.metrics()) - this.#callsBefore;
    const { sent } = this.#calls;
    if (counted >= answered && counted <= sent) return;
    throw new Error(`${counted} calls are counted, of ${answered} answered and ${sent} sent`);
  }

  async #atRest(): Promise<OpenThings> {
    await sleep(restMs);
    const { descriptors } = this.#sample();
    return { descriptors, ...readOpenThings(await this.#world.metrics()) };
  }

  async #end(): Promise<void> {
    const problem = await this.#world.offramp.stop();
    if (problem !== undefined) this.#failed(problem);
    for (const error of this.#world.offramp.errors()) this.#failed(`in its log: ${error}`);
  }

  #failed(what: string): void {
    this.#failures.push(what);
    if (this.#failures.length <= 20) this.#plan.say(`  FAILED ${what}`);
  }

  #report(milliseconds: number): void {
    const { memory, descriptors } = this.#sample();
    const { answered } = this.#calls;
    const time = `${Math.round(milliseconds / 1_000)} s`.padStart(6);
    const held = `${(memory / 1e6).toFixed(0)} MB, ${descriptors} descriptors`;
    this.#plan.say(`${time}: ${answered} calls, ${this.#failures.length} failures, ${held}`);
  }
}
