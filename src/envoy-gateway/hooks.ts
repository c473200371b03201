import { nearestName } from '../config/unknown-field.ts';
import type { ManagerEntry } from './extension-managers.ts';
import { type Finding, fatalFinding, finding } from './findings.ts';
import type { OfframpSide } from './offramp-side.ts';
import { recommendedHooks } from './recommended.ts';
import { handsOverPolicies } from './resources.ts';

/**
 * For which objects Envoy Gateway calls the hooks that Offramp does not act on, Route without
 * policies, and Endpoints unless it is asked for.
 */
const unusedHooks: Readonly<Record<string, string>> = {
  VirtualHost: 'each virtual host',
  Route: 'each route with an extension filter or policy',
  HTTPListener: 'each listener',
  Cluster: 'each cluster of a custom backend',
  Endpoints: 'each cluster with static endpoints',
};
const hookNames = ['Translation', ...Object.keys(unusedHooks)];
const path = ['hooks', 'xdsTranslator'] as const;

/** Whether Envoy Gateway calls this extension server at the end of a translation. */
export function hasTranslationHook({ manager }: ManagerEntry): boolean {
  return manager.hooks?.xdsTranslator?.post?.includes('Translation') ?? false;
}

/** Which hooks Envoy Gateway calls; with Offramp's configuration, also which it should. */
export function checkHooks(entry: ManagerEntry, side?: OfframpSide): Finding[] {
  const { pre, post } = entry.manager.hooks?.xdsTranslator ?? {};
  return [
    ...(hasTranslationHook(entry) ? [] : [translationMissing(entry)]),
    ...(post ?? []).flatMap((hook, index) => checkPostHook({ entry, side, hook, index })),
    ...checkEndpoints(entry, side),
    ...(pre ?? []).map((hook, index) =>
      finding('pre-hook', entry.place(...path, 'pre', index), {
        problem: `${hook} is listed in pre`,
        consequence: 'Envoy Gateway 1.9 calls no hook of this list.',
        remedy: hook === 'Translation' ? 'List it in post.' : 'Remove it.',
      }),
    ),
  ];
}

function translationMissing(entry: ManagerEntry): Finding {
  const { pre, post } = entry.manager.hooks?.xdsTranslator ?? {};
  const place = entry.place(...path, 'post');
  const text = {
    problem: 'Translation is not in it',
    remedy: 'List Translation.',
    yaml: entry.yaml([], { hooks: recommendedHooks }),
  };
  if (!post?.length && !pre?.length) {
    return fatalFinding('translation-missing', place, 'refused', text);
  }
  const consequence =
    'Envoy Gateway never asks Offramp about a snapshot: nothing is answered, no tunnel is opened.';
  return finding('translation-missing', place, { ...text, consequence });
}

/** Offramp waits for what the hook Endpoints says, or has no use for it. */
function checkEndpoints(entry: ManagerEntry, side: OfframpSide | undefined): Finding[] {
  const post = entry.manager.hooks?.xdsTranslator?.post ?? [];
  if (side?.endpoints !== 'hook' || post.includes('Endpoints')) return [];
  return [
    finding('endpoints-not-told', entry.place(...path, 'post'), {
      problem: 'Endpoints is not in it, and emptyBackends.endpoints is hook',
      consequence:
        'Envoy Gateway never says which endpoints there are: no backendRef leaves its split, and each split is reported as endpoints-unknown.',
      remedy:
        'List Endpoints, which Envoy Gateway has from 1.8 on, or set emptyBackends.endpoints to slices.',
      yaml: entry.yaml([...path, 'post'], [...post, 'Endpoints']),
    }),
  ];
}

interface PostHook {
  readonly entry: ManagerEntry;
  readonly side: OfframpSide | undefined;
  readonly hook: string;
  readonly index: number;
}

function isUsed({ entry, side, hook }: PostHook): boolean {
  if (hook === 'Route') return handsOverPolicies(entry);
  return hook === 'Translation' || (hook === 'Endpoints' && side?.endpoints === 'hook');
}

function checkPostHook(post: PostHook): Finding[] {
  if (isUsed(post)) return [];
  const { entry, side, hook, index } = post;
  const place = entry.place(...path, 'post', index);
  const objects = unusedHooks[hook];
  if (objects === undefined) {
    const nearest = nearestName(hook, hookNames);
    const hint =
      nearest === undefined ? `there are ${hookNames.join(', ')}` : `did you mean ${nearest}?`;
    return [
      finding('unknown-hook', place, {
        problem: `Envoy Gateway has no hook ${hook}; ${hint}`,
        consequence: 'Envoy Gateway ignores it without a word.',
        remedy: 'Correct or remove it.',
      }),
    ];
  }
  return [
    finding('unused-hook', place, {
      problem: `Offramp does not act on ${hook}${conditionOf(hook, side)}`,
      consequence: `In every translation Envoy Gateway calls Offramp for ${objects}, one after the other, and gets back what it sent.`,
      remedy: 'Remove it.',
      yaml: entry.yaml([...path, 'post'], ['Translation']),
    }),
  ];
}

/** Without Offramp's configuration it cannot be known what it is asked to do. */
function conditionOf(hook: string, side: OfframpSide | undefined): string {
  if (hook !== 'Endpoints') return '';
  return side === undefined
    ? ', unless its emptyBackends.endpoints is hook'
    : ' with emptyBackends.endpoints: slices';
}
