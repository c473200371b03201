import { resolve } from 'node:path';
import { type LoadedConfig, parseConfiguration } from '../config/load.ts';
import type { Config, KubernetesSourceConfig } from '../config/schema.ts';
import type { FileProblem } from '../config/yaml-file.ts';
import { checkEnvoyGateway } from '../envoy-gateway/check-configuration.ts';
import type { FoundConfigurations } from '../envoy-gateway/find-configurations.ts';
import { unreadable } from '../envoy-gateway/findings.ts';
import { type OfframpSide, offrampSide } from '../envoy-gateway/offramp-side.ts';
import { OfframpError } from '../errors.ts';
import { readStateFile } from '../state/read-state-file.ts';
import { parseStateFile } from '../state/state-file.ts';
import { checkCertificates } from './check-certificates.ts';
import { type CheckInput, readCheckInput } from './check-inputs.ts';
import {
  type CheckOutput,
  formatStatements,
  hasErrors,
  ownLevels,
  type Statement,
} from './check-output.ts';
import type { ExitCode } from './exit-code.ts';
import { readKubernetes } from './open-kubernetes.ts';

/**
 * `offramp check`: says whether configurations, with the state file or cluster they name, state files,
 * and Envoy Gateway's configurations would work, alone and together. Throws OfframpError for a file that
 * cannot be read, or is none of these.
 */
export async function check(
  files: readonly string[],
  { output }: { readonly output: CheckOutput },
): Promise<ExitCode> {
  const inputs = files.map(readCheckInput);
  const configurations = inputs.filter(({ kind }) => kind === 'configuration');
  if (configurations.length > 1 && inputs.some(({ kind }) => kind === 'envoy-gateway')) {
    const names = configurations.map(({ file }) => file).join(', ');
    throw new OfframpError('unsuitable-input', [
      `which Offramp is Envoy Gateway to fit? Give one configuration of these: ${names}`,
    ]);
  }
  let side: OfframpSide | undefined;
  const own: Statement[] = [];
  for (const input of inputs) {
    const { statements, config } = await checkOwn(input);
    if (config !== undefined) side = offrampSide(resolve(input.file), config);
    own.push(...statements);
  }
  const theirs = inputs.flatMap((input) =>
    input.kind === 'envoy-gateway' ? checkTheirs(input.file, input.found, side) : [],
  );
  const statements = [...own, ...theirs];
  process.stdout.write(formatStatements(statements, output));
  return hasErrors(statements) ? 1 : 0;
}

async function checkOwn(input: CheckInput): Promise<{ statements: Statement[]; config?: Config }> {
  const { kind, file, text } = input;
  if (kind === 'envoy-gateway') return { statements: [] };
  if (kind === 'state') return { statements: checkState(file, text) };
  const parsed = parseConfiguration(file, text);
  if (!parsed.ok) return { statements: parsed.problems.map(invalid('invalid-configuration')) };
  const config = parsed.value;
  const certificates = checkCertificates(file, config.grpc.tls, input.folder);
  const source = await checkSource(input, config);
  const ok = valid(file, 'a valid OfframpConfiguration');
  return { statements: [ok, ...certificates, ...source], config };
}

async function checkSource(
  { file, folder }: { readonly file: string; readonly folder: string },
  config: Config,
): Promise<Statement[]> {
  const { state } = config;
  if (state.kubernetes !== undefined) {
    return await checkCluster(file, state.kubernetes, { config, folder });
  }
  return checkNamedState(resolve(folder, state.file.path));
}

async function checkCluster(
  file: string,
  kubernetes: KubernetesSourceConfig,
  loaded: LoadedConfig,
): Promise<Statement[]> {
  const say = (code: keyof typeof ownLevels) => (problem: string) => ({
    level: ownLevels[code],
    code,
    place: { file },
    problem,
  });
  try {
    const { summary, view, absent } = await readKubernetes(kubernetes, loaded);
    return [
      valid(file, summary),
      ...absent
        .map((kind) => `the cluster has no ${kind}: it counts as empty`)
        .map(say('kind-absent')),
      ...view.problems().map(say('object-unusable')),
    ];
  } catch (thrown) {
    if (!(thrown instanceof OfframpError)) throw thrown;
    return thrown.message.split('\n').map(say('cluster-unreadable'));
  }
}

function checkNamedState(file: string): Statement[] {
  const read = readStateFile(file);
  if (read.kind === 'text') return checkState(file, read.text);
  if (read.kind === 'failed') return [invalid('invalid-state-file')(read.problem)];
  const code = 'state-file-missing';
  const problem = `${read.reason}: Offramp would start with no connectors`;
  return [{ level: ownLevels[code], code, place: { file }, problem }];
}

function checkState(file: string, text: string): Statement[] {
  const parsed = parseStateFile(file, text);
  if (!parsed.ok) return parsed.problems.map(invalid('invalid-state-file'));
  const { connectors, backendRefs } = parsed.value;
  const online = connectors.filter(({ connector }) => connector.online).length;
  const offline = connectors.length - online;
  const counted = `${online} online and ${offline} offline connectors, ${backendRefs.length} backendRefs`;
  return [valid(file, `a valid state file, ${counted}`)];
}

function checkTheirs(
  file: string,
  found: FoundConfigurations,
  side: OfframpSide | undefined,
): Statement[] {
  const findings: Statement[] = [
    ...found.unreadable.map(unreadable),
    ...found.configurations.flatMap((one) => checkEnvoyGateway(one, process.cwd(), side)),
  ];
  if (hasErrors(findings)) return findings;
  const fits = side === undefined ? '' : ` that fits Offramp at ${side.addressText}`;
  return [valid(file, `an EnvoyGateway configuration${fits}`), ...findings];
}

function valid(file: string, problem: string): Statement {
  return { level: 'ok', code: 'valid', place: { file }, problem };
}

function invalid(code: keyof typeof ownLevels): (problem: FileProblem) => Statement {
  return ({ reason, ...place }) => ({ level: ownLevels[code], code, place, problem: reason });
}
