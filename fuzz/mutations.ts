import type protobuf from 'protobufjs';
import { encodeField, encodeVarint, type WireField } from './message-fields.ts';
import type { Random } from './random.ts';
import type { Content } from './schema.ts';

/** What a mutation may draw from: parts of the captures. */
export interface Material {
  /** Messages by the full names of their types. */
  readonly messages: ReadonlyMap<string, readonly Uint8Array[]>;
  /** Names, domains and the like. */
  readonly texts: readonly string[];
}

/** What one mutation works on: the fields of one message, whole. */
export interface Subject {
  readonly fields: readonly Uint8Array[];
  readonly split: readonly WireField[];
  readonly type: protobuf.Type | undefined;
  readonly contentOf: (field: WireField) => Content;
  readonly random: Random;
  readonly material: Material;
}

type Mutation = (subject: Subject) => readonly Uint8Array[];

const drop: Mutation = ({ fields, random }) => fields.toSpliced(random.below(fields.length), 1);

const repeat: Mutation = ({ fields, random }) => {
  const copies = random.oneIn(400) ? 500 : 1 + random.below(3);
  const field = random.pick(fields);
  return fields.toSpliced(random.below(fields.length + 1), 0, ...Array(copies).fill(field));
};

const swap: Mutation = ({ fields, random }) => {
  const [one, other] = [random.below(fields.length), random.below(fields.length)];
  return fields.map((field, at) => fields[at === one ? other : at === other ? one : at] ?? field);
};

const takeOver: Mutation = ({ fields, type, random, material }) => {
  const others = material.messages.get(type?.fullName ?? '') ?? [];
  if (others.length === 0) return fields;
  const other = random.pick(others);
  return random.oneIn(2) ? [other] : [...fields, other];
};

const changeText: Mutation = (subject) => {
  const { split, random, contentOf } = subject;
  return replaceOne(
    subject,
    split.filter((field) => contentOf(field).kind === 'text'),
    (field) =>
      encodeField(field.number, 2, Buffer.from(otherText(field.value, random, subject.material))),
  );
};

function otherText(value: Uint8Array, random: Random, { texts }: Material): string {
  const text = Buffer.from(value).toString('utf8');
  return random.weighted<() => string>([
    [12, () => random.pick(texts)],
    [2, () => ''],
    [2, () => text.toUpperCase()],
    [2, () => text.replaceAll('/', '-')],
    [2, () => `${text}é\u0000`],
    [2, () => text.repeat(2)],
    [2, () => text.slice(0, random.below(text.length + 1))],
    [1, () => text.padEnd(random.oneIn(50) ? 300_000 : 5_000, 'x')],
  ])();
}

const interesting = [0n, 1n, 2n, 100n, 127n, 128n, 255n, 599n, 600n, 65_536n];
const large = [31n, 32n, 53n, 63n, 64n].flatMap((bits) => [1n << bits, (1n << bits) - 1n]);

const changeNumber: Mutation = (subject) => {
  const { split, random } = subject;
  return replaceOne(
    subject,
    split.filter(({ wireType }) => wireType === 0),
    (field) => {
      const value = random.pick(random.oneIn(2) ? interesting : large);
      return encodeField(field.number, 0, encodeVarint(value, random.oneIn(4) ? 10 : 1));
    },
  );
};

/** Of a wrapper or an enum in a field that nobody set. */
const addNumber: Mutation = ({ fields, type, random }) => {
  const free = type?.fieldsArray.filter((field) => field.resolvedType === null) ?? [];
  if (free.length === 0) return fields;
  const value = encodeVarint(random.pick(interesting));
  return [...fields, encodeField(random.pick(free).id, 0, value)];
};

const nest: Mutation = (subject) => {
  const { fields, random } = subject;
  const number = random.pick(subject.split).number;
  let message: Uint8Array = Buffer.concat(fields);
  const depth = random.oneIn(20) ? 300 : 1 + random.below(4);
  for (let level = 0; level < depth; level++) message = encodeField(number, 2, message);
  return random.oneIn(2) ? [message] : [...fields, message];
};

const overlong: Mutation = (subject) =>
  replaceOne(
    subject,
    subject.split.filter(({ wireType }) => wireType === 2),
    (field) => {
      const tag = encodeVarint(BigInt(field.number) * 8n + 2n, 5);
      const length = encodeVarint(BigInt(field.value.length), 2 + subject.random.below(4));
      return Buffer.concat([tag, length, field.value]);
    },
  );

const addUnknown: Mutation = ({ fields, random }) => {
  const number = random.pick([1000, 77_777, 0x1fffffff, 1 + random.below(60)]);
  const group = Buffer.concat([
    encodeField(number, 3, new Uint8Array()),
    encodeField(1, 0, encodeVarint(5n)),
    encodeField(number, 4, new Uint8Array()),
  ]);
  const unknown = random.pick([
    group,
    encodeField(number, 2, Buffer.from('?')),
    encodeField(number, 5, Buffer.alloc(4)),
  ]);
  return fields.toSpliced(random.below(fields.length + 1), 0, unknown);
};

const renumber: Mutation = (subject) => {
  const { type, random } = subject;
  const numbers = type?.fieldsArray.map(({ id }) => id) ?? [];
  return replaceOne(subject, subject.split, (field) => {
    const number = numbers.length > 0 ? random.pick(numbers) : 1 + random.below(50);
    return encodeField(number, field.wireType, field.value);
  });
};

const cut: Mutation = (subject) =>
  replaceOne(
    subject,
    subject.split.filter(({ wireType }) => wireType === 2),
    (field) =>
      encodeField(
        field.number,
        2,
        field.value.subarray(0, subject.random.below(field.value.length + 1)),
      ),
  );

const cutAnywhere: Mutation = ({ fields, random }) => {
  const message = Buffer.concat(fields);
  return [message.subarray(0, random.below(message.length + 1))];
};

const flip: Mutation = ({ fields, random }) => {
  const message = Buffer.concat(fields);
  const at = random.below(message.length);
  message[at] = (message[at] ?? 0) ^ (1 << random.below(8));
  return [message];
};

const changeWireType: Mutation = (subject) =>
  replaceOne(subject, subject.split, ({ number, value }) =>
    encodeField(number, subject.random.below(8), value),
  );

function replaceOne(
  { fields, split, random }: Subject,
  among: readonly WireField[],
  replace: (field: WireField) => Uint8Array,
): readonly Uint8Array[] {
  if (among.length === 0) return fields;
  const chosen = random.pick(among);
  return fields.with(split.indexOf(chosen), replace(chosen));
}

/** Mutations that nearly always leave a message that decoders take, by weight. */
const gentle: readonly (readonly [number, Mutation])[] = [
  [6, drop],
  [5, repeat],
  [4, swap],
  [8, takeOver],
  [8, changeText],
  [5, changeNumber],
  [2, addNumber],
  [2, overlong],
  [2, addUnknown],
];

/** Mutations after which often nothing can be decoded. */
const rough: readonly (readonly [number, Mutation])[] = [
  [3, nest],
  [3, renumber],
  [3, cut],
  [1, cutAnywhere],
  [2, flip],
  [2, changeWireType],
];

/** One mutation of a message that has fields; `isRough` when it need not stay one. */
export function mutateFields(subject: Subject, isRough: boolean): Uint8Array {
  const mutation = subject.random.weighted(isRough ? rough : gentle);
  return Buffer.concat(mutation(subject));
}
