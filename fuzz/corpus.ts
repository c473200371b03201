import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type protobuf from 'protobufjs';
import { loadEnvoyProtos } from '../src/protos/envoy-protos.ts';
import type { RewriteSettings, State } from '../src/rewrites/pipeline.ts';
import { parseClusterName } from '../src/xds/names.ts';
import { goldenBehaviours, readGoldenInput } from '../test/support/golden-input.ts';
import { splitMessage, type WireField } from './message-fields.ts';
import type { Material } from './mutations.ts';
import { type MessageContent, Schema } from './schema.ts';

/** A snapshot to begin with. */
export interface Original {
  /** Path below the folder of captures, or the golden behaviour. */
  readonly name: string;
  readonly request: Uint8Array;
  /** What it is a golden input with. */
  readonly state?: State;
  readonly settings?: RewriteSettings;
}

/** A rule of a route that some snapshot has. */
export interface KnownRule {
  readonly kind: 'HTTPRoute' | 'GRPCRoute';
  readonly namespace: string;
  readonly name: string;
  readonly rule: number;
}

/** Everything that cases are made of. */
export interface Corpus {
  readonly originals: readonly Original[];
  readonly schema: Schema;
  readonly material: Material;
  readonly rules: readonly KnownRule[];
  readonly clusters: readonly string[];
}

/** Names that our own output has, or that mean something to Envoy. */
const ownTexts = [
  'invalid-backend-cluster',
  'offramp-connector-offline',
  'connector-offline-',
  'connector-connect-',
  'offramp.dev',
  'envoy-gateway',
  'HTTPRoute',
  'GRPCRoute',
  'CONNECT',
  'websocket',
  '*',
];

/** Reads the captures of a real Envoy Gateway and the golden inputs, below the checkout's `test`. */
export function readCorpus(test: string, otherCaptures: readonly string[] = []): Corpus {
  const schema = new Schema(loadEnvoyProtos());
  const captures = [join(test, 'captures'), ...otherCaptures].flatMap(readCaptures);
  const golden = join(test, 'golden');
  const behaviours = readdirSync(golden, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap(({ name: rewrite }) =>
      goldenBehaviours(rewrite, golden).map((behaviour) => ({
        name: `${rewrite}/${behaviour}`,
        ...readGoldenInput(rewrite, behaviour, golden),
      })),
    );
  const originals = [...captures, ...behaviours];
  const messages = new Map<string, Uint8Array[]>();
  const texts = new Set(ownTexts);
  for (const { request } of originals) collect(request, schema, messages, texts);
  const clusters = [...texts].filter((text) => parseClusterName(text) !== undefined);
  return {
    originals,
    schema,
    material: { messages, texts: [...texts].filter((text) => text.length < 300) },
    rules: clusters.flatMap(toRule),
    clusters,
  };
}

function readCaptures(folder: string): Original[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => /post-translate-modify[^/]*\.binpb$/.test(name))
    .sort()
    .map((name) => ({ name, request: readFileSync(join(folder, name)) }));
}

function toRule(cluster: string): KnownRule[] {
  const parsed = parseClusterName(cluster);
  if (parsed === undefined || !/^(http|grpc)route$/.test(parsed.kind)) return [];
  const { namespace, name, rule } = parsed;
  return [{ kind: parsed.kind === 'httproute' ? 'HTTPRoute' : 'GRPCRoute', namespace, name, rule }];
}

function collect(
  request: Uint8Array,
  schema: Schema,
  messages: Map<string, Uint8Array[]>,
  texts: Set<string>,
): void {
  for (const field of splitMessage(request) ?? []) {
    const content = schema.resource(field.number);
    if (content.kind === 'message') visit(field.value, content);
  }

  function visit(bytes: Uint8Array, content: MessageContent): void {
    const split = splitMessage(bytes) ?? [];
    if (content.kind === 'message') note(bytes, content.type);
    for (const field of split) {
      if (field.wireType === 2) look(field, content, split);
    }
  }

  function look(field: WireField, of: MessageContent, siblings: readonly WireField[]): void {
    const content = schema.content(of, field, siblings);
    if (content.kind === 'text') texts.add(Buffer.from(field.value).toString('utf8'));
    else if (content.kind !== 'unknown') visit(field.value, content);
  }

  function note(bytes: Uint8Array, { fullName }: protobuf.Type): void {
    const known = messages.get(fullName) ?? [];
    if (!known.some((one) => Buffer.compare(one, bytes) === 0)) known.push(bytes);
    messages.set(fullName, known);
  }
}
