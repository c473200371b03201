import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { loadConfig } from '../../src/config/load.ts';
import { configSchema } from '../../src/config/schema.ts';
import { checkEnvoyGateway } from '../../src/envoy-gateway/check-configuration.ts';
import { findConfigurations } from '../../src/envoy-gateway/find-configurations.ts';
import { offrampSide } from '../../src/envoy-gateway/offramp-side.ts';
import { recommendedManager, recommendedService } from '../../src/envoy-gateway/recommended.ts';
import { parseStateFile } from '../../src/state/state-file.ts';
import { optionPaths } from './option-paths.ts';

const examples = join(import.meta.dirname, '..', '..', 'examples');
const files = readdirSync(examples, { recursive: true })
  .map(String)
  .filter((name) => name.endsWith('.yaml'));
const stateFiles = files.filter((name) => name.endsWith('connectors.yaml'));
const anySchema = z.looseObject({ title: z.string(), $schema: z.string() });

describe('the examples', () => {
  it.each(stateFiles)('%s is a state file', (name) => {
    const path = join(examples, name);
    const parsed = parseStateFile(path, readFileSync(path, 'utf8'));
    expect(parsed).toMatchObject({ ok: true });
    expect(parsed.ok && parsed.value.connectors.length).toBeGreaterThan(0);
  });

  it('offramp.yaml equals the defaults and names every option, in a comment at least', () => {
    const path = join(examples, 'offramp.yaml');
    expect(loadConfig(path).config).toEqual(configSchema.parse({}));
    const text = readFileSync(path, 'utf8');
    const missing = optionPaths().filter((option) =>
      option.split('.').some((name) => !text.includes(`${name}:`)),
    );
    expect(missing).toEqual([]);
  });

  it('envoy-gateway.yaml fits offramp.yaml, and is what check recommends', () => {
    const file = join(examples, 'envoy-gateway.yaml');
    const found = findConfigurations(file, readFileSync(file, 'utf8'));
    const offramp = join(examples, 'offramp.yaml');
    const side = offrampSide(offramp, loadConfig(offramp).config);
    expect(found.configurations.map((one) => checkEnvoyGateway(one, '/srv/offramp', side))).toEqual(
      [[]],
    );
    expect(found.configurations[0]?.content.extensionManager).toEqual(
      recommendedManager(recommendedService('/srv/offramp', side.address)),
    );
  });

  it.each(files)('%s is YAML, and of a schema that it names there is one', (name) => {
    const path = join(examples, name);
    const text = readFileSync(path, 'utf8');
    expect(() => parse(text)).not.toThrow();
    const [, schema] = /^# yaml-language-server: \$schema=(\S+)$/m.exec(text) ?? [];
    if (schema === undefined) {
      expect(name).toBe('envoy-gateway.yaml'); // Envoy Gateway's own, whose schema is not ours
      return;
    }
    const json = anySchema.parse(JSON.parse(readFileSync(resolve(dirname(path), schema), 'utf8')));
    expect(json.$schema).toBe('https://json-schema.org/draft/2020-12/schema');
  });
});
