/** One protobuf field: the message it belongs to, its name there, and its number on the wire. */
export interface FieldRef {
  readonly message: string;
  readonly name: string;
  readonly number: number;
}

/** One FieldRef for each name. */
export type FieldsOf<Numbers extends Readonly<Record<string, number>>> = {
  readonly [Name in keyof Numbers]: FieldRef;
};

/** The fields of one message, by their names. */
export function fieldsOf<const Numbers extends Readonly<Record<string, number>>>(
  message: string,
  numbers: Numbers,
): FieldsOf<Numbers> {
  const entries = Object.entries(numbers).map(([name, number]) => [
    name,
    { message, name, number },
  ]);
  return Object.freeze(Object.fromEntries(entries));
}
