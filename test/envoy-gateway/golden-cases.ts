import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { configSchema } from '../../src/config/schema.ts';
import { parseYaml } from '../../src/config/yaml-file.ts';
import { checkEnvoyGateway } from '../../src/envoy-gateway/check-configuration.ts';
import { findConfigurations } from '../../src/envoy-gateway/find-configurations.ts';
import { type Finding, unreadable } from '../../src/envoy-gateway/findings.ts';
import { type OfframpSide, offrampSide } from '../../src/envoy-gateway/offramp-side.ts';

/** One `<name>.in.yaml`, perhaps with Offramp's configuration beside it, `<name>.offramp.yaml`. */
export interface GoldenCase {
  readonly name: string;
  /** The file of Envoy Gateway. */
  readonly text: string;
  readonly check: () => readonly Finding[];
  /** The same with another file of Envoy Gateway. */
  readonly checkWith: (text: string) => readonly Finding[];
}

/** Where the cases are. */
export const goldenFolder = join(import.meta.dirname, 'golden');

/** Every case there is. */
export function goldenCases(): GoldenCase[] {
  const inputs = readdirSync(goldenFolder).filter((file) => file.endsWith('.in.yaml'));
  return inputs.map((input) => {
    const name = input.replace('.in.yaml', '');
    const text = readFileSync(join(goldenFolder, input), 'utf8');
    const checkWith = (other: string) => checkText(other, readSide(name));
    return { name, text, check: () => checkWith(text), checkWith };
  });
}

function checkText(text: string, side: OfframpSide | undefined): Finding[] {
  const found = findConfigurations('envoy-gateway.yaml', text);
  return [
    ...found.unreadable.map(unreadable),
    ...found.configurations.flatMap((one) => checkEnvoyGateway(one, '/srv/offramp', side)),
  ];
}

function readSide(name: string): OfframpSide | undefined {
  const file = join(goldenFolder, `${name}.offramp.yaml`);
  if (!existsSync(file)) return undefined;
  const parsed = parseYaml(file, readFileSync(file, 'utf8'), configSchema);
  if (!parsed.ok) throw new Error(`${file} is no configuration: ${parsed.problems[0]?.reason}`);
  return offrampSide('/etc/offramp/offramp.yaml', parsed.value);
}
