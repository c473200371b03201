import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { makeFleet } from '../../bench/hook/fleet.ts';
import { configSchema } from '../../src/config/schema.ts';
import type { RewriteSettings, State } from '../../src/rewrites/pipeline.ts';
import { answerInSteps, answerSnapshot, type Decided } from '../../src/server/answer-snapshot.ts';
import { lookUpStated } from '../../src/state/backend-refs.ts';
import { ConnectorView } from '../../src/state/connectors.ts';
import { atOnce } from '../../src/steps.ts';
import { type Budget, bytesOf } from '../../src/xds/snapshot.ts';
import { goldenBehaviours, readGoldenInput } from '../support/golden-input.ts';

/** A call that is decided while others are. */
interface Call {
  readonly request: Uint8Array;
  readonly state: State;
  readonly settings: RewriteSettings;
  readonly budget?: Budget;
}

const settings = configSchema.parse({});

/** The state of another fleet makes other routes of this one those of connectors. */
function fleetCall(gateways: number): Call {
  const { request, connectors } = makeFleet(gateways);
  const state = {
    connectors: new ConnectorView(connectors.slice(gateways % 7)),
    backendRefs: lookUpStated([]),
  };
  return { request, state, settings };
}

const fleets = [300, 401].map(fleetCall);
const golden: readonly Call[] = [
  'offline-connectors',
  'empty-backends',
  'control-plane-fallback',
].flatMap((rewrite) =>
  goldenBehaviours(rewrite).map((behaviour) => readGoldenInput(rewrite, behaviour)),
);

function begin({ request, state, settings, budget }: Call) {
  const options = { mode: 'apply', settings, budget } as const;
  return answerInSteps(request, options, state, () => () => undefined);
}

/** What a caller and its log are told. */
function tell({ response, report, summary, splits }: Decided) {
  const bytes = Buffer.from(bytesOf(response)).toString('base64');
  return JSON.stringify({ bytes, report, summary, splits });
}

/** Decides calls at the same time; whose turn it is is said by numbers, over and over. */
function decideInTurns(calls: readonly Call[], turns: readonly number[]): readonly string[] {
  const told = calls.map(() => '');
  let left = calls.map((call, place) => ({ steps: begin(call), place }));
  for (let turn = 0; left.length > 0; turn++) {
    const one = left[((turns[turn % turns.length] ?? 0) + turn) % left.length];
    if (one === undefined) continue;
    try {
      const { done, value } = one.steps.next();
      if (!done) continue;
      told[one.place] = tell(value);
    } catch (error) {
      told[one.place] = String(error);
    }
    left = left.filter((other) => other !== one);
  }
  return told;
}

const turns = fc.array(fc.nat(3), { minLength: 1, maxLength: 12 });

describe('calls that are decided at the same time', () => {
  it('pause so often that one is decided within another', () => {
    for (const call of fleets) {
      let pauses = 0;
      for (const steps = begin(call); !steps.next().done; ) pauses++;
      expect(pauses).toBeGreaterThan(5);
    }
  });

  it('pause when their request was received, and before their answer is made', () => {
    const [call] = fleets;
    if (call === undefined) throw new Error('there is no fleet');
    const said: string[] = [];
    const steps = answerInSteps(call.request, { mode: 'apply', settings }, call.state, (phase) => {
      said.push(phase);
      return () => said.push(`${phase} ended`);
    });
    while (!steps.next().done) said.push('pause');
    const [before, behind] = [said.indexOf('read'), said.indexOf('encode')];
    expect(said.slice(0, before)).toEqual(['pause']);
    expect(said.slice(behind - 2, behind)).toEqual(['rewrite ended', 'pause']);
  });

  it('are answered as one after the other, whoever’s turn it is', () => {
    const calls = [...fleets, ...golden];
    const alone = calls.map((call) => tell(atOnce(begin(call))));
    const chosen = fc.uniqueArray(fc.nat(golden.length - 1), { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(turns, chosen, (order, others) => {
        const places = [0, 1, ...others.map((place) => place + fleets.length)];
        const expected = places.map((place) => alone[place]);
        const together = places.flatMap((place) => calls[place] ?? []);
        expect(decideInTurns(together, order)).toEqual(expected);
      }),
      { numRuns: 12 },
    );
  });

  it('are not disturbed by one that fails in the middle', () => {
    const [first, second] = fleets;
    if (first === undefined || second === undefined) throw new Error('there is no fleet');
    const options = { mode: 'apply', settings } as const;
    const expected = tell(answerSnapshot(first.request, options, first.state));
    fc.assert(
      fc.property(turns, fc.integer({ min: 1, max: 20_000_000 }), (order, most) => {
        let done = 0;
        const budget = {
          spend(bytes: number) {
            done += bytes;
            if (done > most) throw new Error('there is no time left');
          },
        };
        const [told] = decideInTurns([first, { ...second, budget }], order);
        expect(told).toBe(expected);
      }),
      { numRuns: 12 },
    );
  });
});
