import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { configSchema } from '../../src/config/schema.ts';
import { stateSchema } from '../../src/state/state-file.ts';
import { registeredMetrics } from '../support/registered-metrics.ts';

const reference = join(import.meta.dirname, '..', '..', 'docs', 'reference');
const origin =
  '<!-- Made from the code by `npm run generate`; a test keeps it equal. Edit the code. -->';

describe('the generated reference pages', () => {
  it('configuration.md has every option of the configuration and of the state file', async () => {
    const options = optionsOf(jsonSchema(configSchema));
    expect(options.filter(({ description }) => description === '')).toEqual([]);
    const fields = optionsOf(jsonSchema(stateSchema));
    expect(fields.filter(({ description }) => description === '')).toEqual([]);
    const page = [
      '# Configuration',
      origin,
      'One YAML file, given with `--config`. Every option is optional. An unknown one is refused, with line,\n' +
        'column and the nearest valid name. Paths start from the folder of the configuration file. Editors\n' +
        'complete and check with [the JSON schema](../../schemas/offramp-configuration.schema.json).',
      table(['Option', 'Type', 'Default', 'Meaning'], options.map(optionRow)),
      '## State file',
      'The file that `state.file.path` names. A broken edit changes nothing and is reported\n' +
        '([state-invalid](errors.md#state-invalid)). Its [JSON schema](../../schemas/connectors.schema.json).',
      table(['Field', 'Type', 'Default', 'Meaning'], fields.map(optionRow)),
    ].join('\n\n');
    await expect(`${page}\n`).toMatchFileSnapshot(join(reference, 'configuration.md'));
  });

  it('metrics.md has every metric with its type, labels and help', async () => {
    const rows = registeredMetrics().map(({ name, type, labelNames, help }) => [
      code(name),
      type,
      labelNames.map(code).join(', '),
      help,
    ]);
    const page = [
      '# Metrics',
      origin,
      'Served at `/metrics` of `http.address`. `metrics.prefix` replaces `offramp`. Beside these there are the\n' +
        'usual `process_*` and `nodejs_*`. No metric has a label per route: `explain` and the log say which.\n' +
        'Counters add up what each hook call did: Envoy Gateway sends the whole snapshot each time, so the\n' +
        'same offline route counts again with every call.',
      table(['Metric', 'Type', 'Labels', 'Meaning'], rows),
    ].join('\n\n');
    await expect(`${page}\n`).toMatchFileSnapshot(join(reference, 'metrics.md'));
  });
});

interface OptionSchema {
  readonly description?: string | undefined;
  readonly type?: string | undefined;
  readonly const?: unknown;
  readonly enum?: readonly unknown[] | undefined;
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, OptionSchema>> | undefined;
  readonly required?: readonly string[] | undefined;
  readonly items?: OptionSchema | undefined;
}

const optionSchema: z.ZodType<OptionSchema> = z.object({
  description: z.string().optional(),
  type: z.string().optional(),
  const: z.unknown().optional(),
  enum: z.array(z.unknown()).optional(),
  default: z.unknown().optional(),
  required: z.array(z.string()).optional(),
  get properties() {
    return z.record(z.string(), optionSchema).optional();
  },
  get items() {
    return optionSchema.optional();
  },
});

interface Option {
  readonly path: string;
  readonly type: string;
  readonly fallback: string;
  readonly description: string;
}

function jsonSchema(schema: z.ZodType): OptionSchema {
  return optionSchema.parse(z.toJSONSchema(schema, { io: 'input' }));
}

/** Every option below a section, in the order of the schema; lists are walked as `path[]`. */
function optionsOf(section: OptionSchema, prefix = ''): Option[] {
  return Object.entries(section.properties ?? {}).flatMap(([name, option]) => {
    const path = `${prefix}${name}`;
    const inner = option.properties === undefined ? [] : optionsOf(option, `${path}.`);
    if (inner.length > 0 && option.description === undefined) return inner;
    const own = {
      path,
      type: typeOf(option),
      fallback: fallbackOf(option, section.required?.includes(name) ?? false),
      description: option.description ?? '',
    };
    return [own, ...inner, ...optionsOf(option.items ?? {}, `${path}[].`)];
  });
}

function typeOf({ enum: choices, const: only, type, items }: OptionSchema): string {
  if (only !== undefined) return JSON.stringify(only);
  if (choices !== undefined) return choices.map(String).map(code).join(', ');
  if (items?.type !== undefined) return `list of ${items.type}`;
  return type ?? '';
}

function fallbackOf(option: OptionSchema, required: boolean): string {
  if (required) return 'required';
  if (option.default === undefined) return 'none';
  const { default: value } = option;
  return code(typeof value === 'string' ? value : JSON.stringify(value));
}

function optionRow({ path, type, fallback, description }: Option): string[] {
  return [code(path), type, fallback, description];
}

function code(text: string): string {
  return `\`${text}\``;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
