import { concatenate, encodeFieldHead, encodeString } from '../../xds/encoding.ts';
import { FieldReader, viewOf, wireTypes } from '../../xds/field-reader.ts';
import { fields } from '../../xds/fields.ts';
import { decodeString } from '../../xds/text.ts';
import { hasValue } from '../../xds/wire.ts';
import { expectLengthDelimited } from '../../xds/wire-type.ts';

const { VirtualHost } = fields;

/** Where among a virtual host's routes one of ours goes. */
export interface RouteEdit {
  /** The whole field. */
  readonly field: Uint8Array;
  /** The place, among the routes, of the one that it goes in front of, or behind, or is there instead of. */
  readonly at: number;
  readonly how: 'before' | 'after' | 'instead';
}

/** A virtual host that was walked once, and all that is to become of it, done at the end in one go. */
export class VirtualHostEdit {
  name = '';
  /** Whether it keeps its routes in a matcher tree. */
  hasMatcher = false;
  readonly #virtualHost: Uint8Array;
  /** Of each route: where its field begins, where its value does, where both end. */
  readonly #routes: number[] = [];
  /** Of each domain: from, to. */
  readonly #domains: number[] = [];
  #areDomainsOdd = false;
  /** Encoded routes, by the place of the one that they stand for. */
  #replaced: Map<number, readonly Uint8Array[]> | undefined;
  #inserted: RouteEdit | undefined;
  #appended: readonly Uint8Array[] = [];

  /** Throws MalformedMessageError. */
  constructor(virtualHost: Uint8Array) {
    this.#virtualHost = virtualHost;
    const reader = new FieldReader(virtualHost);
    while (reader.next()) {
      switch (reader.number) {
        case VirtualHost.routes.number:
          this.#routes.push(reader.start, reader.valueStart, reader.end);
          break;
        case VirtualHost.domains.number:
          if (reader.wireType !== wireTypes.lengthDelimited) this.#areDomainsOdd = true;
          this.#domains.push(reader.valueStart, reader.end);
          break;
        case VirtualHost.name.number:
          expectLengthDelimited(reader, VirtualHost.name);
          this.name = decodeString(reader.value());
          break;
        case VirtualHost.matcher.number:
          this.hasMatcher = true;
      }
    }
  }

  /** Where the route at a place begins. */
  startOfRoute(place: number): number {
    return this.#routes[3 * place + 1] ?? 0;
  }

  /** The route at a place, as it came. */
  route(place: number): Uint8Array {
    return viewOf(
      this.#virtualHost,
      this.#routes[3 * place + 1] ?? 0,
      this.#routes[3 * place + 2] ?? 0,
    );
  }

  /** Whether it came with this domain, which is ASCII. Throws MalformedMessageError. */
  hasDomain(domain: string): boolean {
    if (this.#areDomainsOdd) {
      // Places are told as they are with the routes that replace others so far.
      const edited = concatenate(this.finish() ?? [this.#virtualHost]);
      return hasValue(edited, VirtualHost.domains, encodeString(domain));
    }
    for (let at = 0; at < this.#domains.length; at += 2) {
      const from = this.#domains[at] ?? 0;
      const to = this.#domains[at + 1] ?? 0;
      if (to - from !== domain.length) continue;
      if (new FieldReader(this.#virtualHost, from, to).isText(domain)) return true;
    }
    return false;
  }

  /** Puts routes in the place of one. */
  replaceRoute(place: number, routes: readonly Uint8Array[]): void {
    this.#replaced ??= new Map();
    this.#replaced.set(place, routes);
  }

  /** Puts a route among those that are there when all have been replaced. */
  insertRoute(edit: RouteEdit): void {
    this.#inserted = edit;
  }

  /** Puts fields behind all others. */
  append(added: readonly Uint8Array[]): void {
    this.#appended = added;
  }

  /** Visits the routes as they are when all have been replaced. The reader has still to walk the route. */
  forEachRoute<Context>(
    visit: (route: FieldReader, index: number, context: Context) => void,
    context: Context,
  ): void {
    const reader = new FieldReader();
    let index = 0;
    for (let place = 0; 3 * place < this.#routes.length; place++) {
      const replaced = this.#replaced?.get(place);
      if (replaced === undefined) {
        const from = this.startOfRoute(place);
        const to = this.#routes[3 * place + 2] ?? 0;
        visit(reader.over(this.#virtualHost, from, to), index++, context);
        continue;
      }
      for (const route of replaced) {
        visit(reader.over(route, 0, route.length), index++, context);
      }
    }
  }

  /** The pieces that the edited virtual host is made of; undefined when nothing changes. */
  finish(): readonly Uint8Array[] | undefined {
    const isLeft = this.#replaced === undefined && this.#inserted === undefined;
    if (isLeft && this.#appended.length === 0) return undefined;
    const pieces = new Pieces(this.#virtualHost);
    let index = 0;
    for (let place = 0; 3 * place < this.#routes.length; place++) {
      const start = this.#routes[3 * place] ?? 0;
      const end = this.#routes[3 * place + 2] ?? 0;
      const replaced = this.#replaced?.get(place);
      if (replaced === undefined) {
        this.#insertBeside(index++, pieces, start, end);
        continue;
      }
      pieces.leaveOut(start, end);
      for (const route of replaced) this.#addRoute(index++, pieces, route);
    }
    return pieces.finish(this.#appended);
  }

  #insertBeside(index: number, pieces: Pieces, start: number, end: number): void {
    if (this.#inserted?.at !== index) return;
    const { field, how } = this.#inserted;
    if (how === 'instead') pieces.leaveOut(start, end);
    else pieces.keepTo(how === 'before' ? start : end);
    pieces.add(field);
  }

  #addRoute(index: number, pieces: Pieces, route: Uint8Array): void {
    const inserted = this.#inserted?.at === index ? this.#inserted : undefined;
    if (inserted !== undefined && inserted.how !== 'after') pieces.add(inserted.field);
    if (inserted?.how !== 'instead') {
      pieces.add(encodeFieldHead(VirtualHost.routes, route.length));
      pieces.add(route);
    }
    if (inserted?.how === 'after') pieces.add(inserted.field);
  }
}

/** What is kept of a message, and what is added to it, in order. */
class Pieces {
  readonly #message: Uint8Array;
  readonly #pieces: Uint8Array[] = [];
  #done = 0;

  constructor(message: Uint8Array) {
    this.#message = message;
  }

  add(piece: Uint8Array): void {
    this.#pieces.push(piece);
  }

  keepTo(end: number): void {
    if (end > this.#done) this.add(viewOf(this.#message, this.#done, end));
    this.#done = end;
  }

  leaveOut(start: number, end: number): void {
    this.keepTo(start);
    this.#done = end;
  }

  finish(appended: readonly Uint8Array[]): readonly Uint8Array[] {
    this.keepTo(this.#message.length);
    for (const piece of appended) this.add(piece);
    return this.#pieces;
  }
}
