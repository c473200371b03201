import type { ServerResponse } from 'node:http';

/** A kind of object, and where: in all namespaces, in one, or one object. */
export interface Place {
  readonly plural: string;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
}

/** A refusal, as the API server words it. */
export function sendStatus(response: ServerResponse, code: number, message: string): void {
  sendJson(response, code, { kind: 'Status', status: 'Failure', code, message });
}

/** An answer. */
export function sendJson(response: ServerResponse, code: number, value: unknown): void {
  response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}

/** What a path leads to. */
export function placeOf(path: string): Place {
  const [, , ...core] = path.split('/');
  const parts = path.startsWith('/api/') ? core.slice(1) : core.slice(2);
  const [first, namespace, plural, name] = parts;
  if (first === 'namespaces' && plural !== undefined) return { plural, namespace, name };
  if (first === 'namespaces') return { plural: first, namespace: undefined, name: namespace };
  return { plural: first ?? '', namespace: undefined, name: namespace };
}

/** By which an object is found; without a name, what all of a namespace begin with. */
export function keyOf(plural: string, namespace: string, name: string): string {
  return `${plural}/${namespace}/${name}`;
}
